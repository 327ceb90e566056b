/**
 * The KV server is stopped for a while and started again, under an HTTP process and a worker. `SLUICE_OUTAGE=30` makes
 * the outage that long, and the figures are printed.
 */
import assert from "node:assert/strict";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { Program } from "./program.ts";

/** Seconds: longer than an operation's deadline and two heartbeats. */
const OUTAGE = Number(Deno.env.get("SLUICE_OUTAGE") ?? 5);
/** Seconds within which everything answers, or it hangs. */
const HANGS = 20;

interface Answer {
  readonly key: string;
  readonly status: number;
  readonly retryAfter: string | null;
  // deno-lint-ignore no-explicit-any -- a task or a problem
  readonly body: any;
  readonly seconds: number;
}

kvServerTest(
  `a KV server that is away for ${OUTAGE} s: nothing is lost, and work goes on at its return`,
  async () => {
    await using server = await KvServer.start({ tls: true });
    // `app.tasks.add` takes 20 s.
    const env = { ...server.env, DEMO_TIME_SCALE: String(OUTAGE / 2 / 20) };
    // Deno's switch for tests: each cron is due every 50 ms, so the minute's tick meets the outage, too.
    await using api = new Program("start", {
      ...env,
      CHANNELS: "none",
      DENO_CRON_TEST_SCHEDULE_OFFSET: "50",
    });
    await using worker = new Program("worker", { ...env, CHANNELS: "celery=4" });
    const address = await api.address();
    await Promise.all([api.hasTold("registered"), worker.hasTold("registered")]);

    async function send(path: string, init: RequestInit = {}, key = ""): Promise<Answer> {
      const begun = performance.now();
      const signal = AbortSignal.timeout(HANGS * 1000);
      const response = await fetch(address + path, { ...init, signal });
      const body = await response.json();
      const seconds = (performance.now() - begun) / 1000;
      return { key, status: response.status, retryAfter: response.headers.get("retry-after"), body, seconds };
    }
    const submit = (name: string, args: unknown[], key = "", headers: Record<string, string> = {}) =>
      send("/v1/tasks", {
        method: "POST",
        headers: { "content-type": "application/json", ...key && { "idempotency-key": key }, ...headers },
        body: JSON.stringify({ name, args }),
      }, key);

    const { id: running } = (await submit("app.tasks.add", [1, 2], "before")).body;
    await worker.hasTold("started");
    const linesBefore = worker.lines.length;
    const requestsBefore = api.lines.length;

    const stopped = performance.now();
    await server.stop();
    const keyed: Answer[] = [];
    const others: Answer[] = [];
    const unready: Answer[] = [];
    const ask = async (client: () => Promise<unknown>) => {
      while (performance.now() - stopped < OUTAGE * 1000) await client();
    };
    await Promise.all([
      ...Array.from(
        { length: 5 },
        () => ask(async () => keyed.push(await submit("app.tasks.important_task", [], crypto.randomUUID()))),
      ),
      // Without a key nothing is read first: the commit itself finds no answer.
      ask(async () => others.push(await submit("app.tasks.failing_task", []))),
      ask(async () => others.push(await send(`/v1/tasks/${running}`))),
      ask(async () => others.push(await send("/v1/channels"))),
      ask(async () => unready.push(await send("/health/ready"))),
    ]);
    const linesMeanwhile = worker.lines.slice(linesBefore);
    const requestsMeanwhile = api.lines.slice(requestsBefore);
    await server.start();
    const back = performance.now();
    const since = () => Math.round(performance.now() - back);

    const [accepted, ended] = await Promise.all([
      submit("app.tasks.important_task", [], "after").then(({ status }) => [status, since()]),
      submit("app.tasks.add", [3, 4], "waited", { prefer: "wait=20" }).then((
        { body },
      ) => [body.result, since()]),
      worker.hasTold("the KV server answers again"),
    ]);
    assert.deepEqual([accepted[0], ended[0]], [202, 7]);

    // Everybody was answered in time, and told when to try again.
    for (const { status, retryAfter, body } of [...keyed, ...others, ...unready]) {
      assert.deepEqual([status, retryAfter, body.status], [503, "1", 503], JSON.stringify(body));
    }
    for (const { body } of unready) assert.deepEqual(body.problems, ["The store does not answer."]);
    const unknown = others.filter(({ body }) =>
      /may or may not have been accepted.*Idempotency-Key/.test(body.detail)
    );
    assert(unknown.length > 0, "the first commit was sent, and had no answer");

    // What was called not accepted is not there, and is accepted once when it is repeated.
    for (const { body } of keyed) assert.match(body.detail, /nothing of this request was accepted/);
    const list = async () =>
      (await send("/v1/tasks?name=app.tasks.important_task&limit=500")).body.tasks as { id: string }[];
    assert.equal((await list()).length, 1);
    const repeated = await Promise.all(keyed.map(({ key }) => submit("app.tasks.important_task", [], key)));
    assert(repeated.every(({ status }) => status === 202));
    assert.equal((await list()).length, 1 + keyed.length);

    // The task that ran went on, and nobody was judged lost.
    const { body: task } = await send(`/v1/tasks/${running}`);
    assert.deepEqual([task.state, task.result, task.retries], ["SUCCESS", 3, 0]);
    for (const line of [...worker.said, ...api.said]) {
      const message = String(line.message);
      assert(!["lost", "lost-worker", "fenced", "rescued", "unhandled rejection"].includes(message), message);
    }
    assert.deepEqual(
      linesMeanwhile.map((line) => JSON.parse(line).message).filter((message) => message !== "finished"),
      ["the KV server does not answer: what runs goes on, and the rest waits for it"],
    );
    assert.deepEqual(
      requestsMeanwhile.map((line) => JSON.parse(line).message).filter((message) => message !== "request"),
      ["the KV server does not answer: what runs goes on, and the rest waits for it"],
    );
    if (Deno.env.has("SLUICE_OUTAGE")) {
      const slowest = Math.max(...[...keyed, ...others, ...unready].map(({ seconds }) => seconds));
      // deno-lint-ignore no-console -- asked for
      console.log(
        `${
          keyed.length + others.length + unready.length
        } requests in an outage of ${OUTAGE} s: all 503, the slowest ` +
          `after ${slowest.toFixed(1)} s; ${unknown.length} of them of unknown outcome. First 202 ${
            accepted[1]
          } ms after ` +
          `the return, a task of ${OUTAGE / 2} s ended after ${ended[1]} ms`,
      );
    }
  },
);
