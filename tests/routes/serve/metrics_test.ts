import assert from "node:assert/strict";
import { createMetrics } from "../../../routes/mod.ts";
import type { QueueEvent } from "../../../queue/mod.ts";
import { Metrics } from "../../../routes/serve/metrics.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { openApp, problem } from "../../support/open_app.ts";

/** What Prometheus' text format allows, line by line. */
const HELP = /^# HELP ([a-z_]+) \S.*$/;
const TYPE = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/;
const SAMPLE =
  /^([a-z_]+?)(_bucket|_sum|_count)?(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

/** Parses the text as strictly as the format is defined: the samples by name and labels. */
function parse(text: string): Map<string, number> {
  assert(text.endsWith("\n"));
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = HELP.exec(line);
    const type = TYPE.exec(line);
    if (help) current = help[1]!;
    else if (type) {
      assert.equal(type[1], current);
      assert(!types.has(current), `${current} is described twice`);
      types.set(current, type[2]!);
    } else {
      const [, name, suffix = "", labels, value] = SAMPLE.exec(line) ?? assert.fail(line);
      const whole = types.has(`${name}${suffix}`) ? `${name}${suffix}` : name!;
      assert.equal(whole, current, line);
      assert.equal(types.get(current) === "histogram", whole !== `${name}${suffix}`, line);
      const key = `${name}${suffix}${labels ? `{${labels}}` : ""}`;
      assert(!samples.has(key), `${key} is told twice`);
      samples.set(key, Number(value));
    }
  }
  return samples;
}

Deno.test("/metrics tells what happened by task name and channel, and what waits where", async () => {
  const metrics = new Metrics(1_767_603_600_000);
  const held = heldTask("held", { channel: "slow" });
  const flaky = task("flaky", ({ retries }) => {
    if (retries === 0) throw new Error("once");
  }, { maxRetries: 1, retry: { delay: 1, factor: 1 } });
  const fails = task("fails", () => Promise.reject(new Error("no")));
  await using t = await openApp({
    definitions: [held.definition, flaky, fails],
    channels: { slow: 1, default: 4 },
    metrics,
    onEvent: metrics.event,
  });
  const { id } = await t.queue.submit(held.definition, []);
  await t.queue.submit(held.definition, []);
  await t.queue.submit(held.definition, [], { delay: 60 });
  await t.queue.submit(flaky, []);
  await t.queue.submit(fails, []);
  await t.clock.advance(2000);
  held.runs[0]!.finish();
  await t.clock.settle();
  assert.equal((await t.queue.get(id)).state, "SUCCESS");

  const response = await t.get("/metrics");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-store");
  const samples = parse(await response.text());
  const slow = 'name="held",channel="slow"';
  const expected: Record<string, number> = {
    [`sluice_tasks_submitted_total{${slow}}`]: 3,
    [`sluice_runs_started_total{${slow}}`]: 2,
    'sluice_runs_started_total{name="flaky",channel="default"}': 2,
    'sluice_tasks_retried_total{name="flaky",channel="default"}': 1,
    [`sluice_tasks_finished_total{${slow},state="SUCCESS"}`]: 1,
    'sluice_tasks_finished_total{name="flaky",channel="default",state="SUCCESS"}': 1,
    'sluice_tasks_finished_total{name="fails",channel="default",state="FAILURE"}': 1,
    [`sluice_run_duration_seconds_bucket{${slow},le="1"}`]: 0,
    [`sluice_run_duration_seconds_bucket{${slow},le="2.5"}`]: 1,
    [`sluice_run_duration_seconds_bucket{${slow},le="+Inf"}`]: 1,
    [`sluice_run_duration_seconds_sum{${slow}}`]: 2,
    [`sluice_run_duration_seconds_count{${slow}}`]: 1,
    'sluice_run_duration_seconds_count{name="flaky",channel="default"}': 2,
    [`sluice_task_wait_seconds_bucket{${slow},le="0.005"}`]: 1,
    [`sluice_task_wait_seconds_bucket{${slow},le="2.5"}`]: 2,
    [`sluice_task_wait_seconds_count{${slow}}`]: 2,
    'sluice_claims_total{channel="slow"}': 2,
    'sluice_channel_tasks{channel="slow",place="ready"}': 0,
    'sluice_channel_tasks{channel="slow",place="delayed"}': 1,
    'sluice_channel_tasks{channel="slow",place="blocked"}': 0,
    'sluice_channel_tasks{channel="slow",place="running"}': 1,
    'sluice_channel_slots{channel="slow"}': 1,
    'sluice_channel_slots{channel="default"}': 4,
    'sluice_channel_paused{channel="slow"}': 0,
    'sluice_channel_oldest_age_seconds{channel="slow"}': 0,
    "sluice_workers": 1,
    "process_start_time_seconds": 1_767_603_600,
  };
  const found = Object.fromEntries(Object.keys(expected).map((key) => [key, samples.get(key)]));
  assert.deepEqual(found, expected);
  held.runs[1]!.finish();
});

Deno.test("a histogram's buckets hold all that are not longer, and the sum is exact", () => {
  const metrics = createMetrics();
  const of = { id: "1", name: 'a"b\\c\nd', channel: "c" };
  for (const duration of [0, 0.005, 0.006, 1, 3600, 100_000]) {
    metrics.event({ type: "finished", task: of, state: "SUCCESS", duration, error: null });
  }
  metrics.event({ type: "finished", task: of, state: "REVOKED", duration: null, error: null });
  const samples = parse(metrics.text([], []));
  const labels = 'name="a\\"b\\\\c\\nd",channel="c"';
  const bucket = (le: string) => samples.get(`sluice_run_duration_seconds_bucket{${labels},le="${le}"}`);
  assert.deepEqual([bucket("0.005"), bucket("0.01"), bucket("1"), bucket("3600"), bucket("+Inf")], [
    2,
    3,
    4,
    5,
    6,
  ]);
  assert.equal(samples.get(`sluice_run_duration_seconds_sum{${labels}}`), 103601.011);
  assert.equal(samples.get(`sluice_tasks_finished_total{${labels},state="REVOKED"}`), 1);
});

Deno.test("claims are counted, and those that were lost", () => {
  const metrics = new Metrics(0);
  for (const landed of [true, false, true]) {
    metrics.event({ type: "claim", channel: "celery", tasks: 8, landed });
  }
  const samples = parse(metrics.text([], []));
  assert.equal(samples.get('sluice_claims_total{channel="celery"}'), 3);
  assert.equal(samples.get('sluice_claims_lost_total{channel="celery"}'), 1);
});

Deno.test("lines that the log had to drop are counted, where there is a log", () => {
  const samples = parse(new Metrics(0, { dropped: 3 }).text([], []));
  assert.equal(samples.get("sluice_log_lines_dropped_total"), 3);
  assert.doesNotMatch(new Metrics(0).text([], []), /dropped/);
});

Deno.test("events that are not counted change nothing", () => {
  const metrics = new Metrics(0);
  const before = metrics.text([], []);
  const others: QueueEvent[] = [{ type: "stopped" }, { type: "registered", worker: "w" }];
  for (const event of others) metrics.event(event);
  assert.equal(metrics.text([], []), before);
});

Deno.test("/metrics asks for the token, and is not there when nothing counts", async () => {
  await using secured = await openApp({
    start: false,
    metrics: createMetrics(),
    apiToken: "a-token-of-16-char",
  });
  await problem(await secured.get("/metrics"), 401, "unauthorized");
  await using without = await openApp({ start: false });
  await problem(await without.get("/metrics"), 404, "unknown-route");
});
