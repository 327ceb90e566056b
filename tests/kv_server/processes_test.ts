/**
 * Several processes on one KV server, as an operator runs them: one that serves HTTP only, workers, and one that does
 * both. With WORKER_LOST_AFTER as short as it may be; `SLUICE_LOST_AFTER=15` takes the default and prints the seconds.
 */
import assert from "node:assert/strict";
import { Child } from "../e2e/child.ts";
import { openStore } from "../../queue/mod.ts";
import { brokenLaws } from "../support/invariants.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { rowsOf } from "../support/rows.ts";

const LOST_AFTER = Deno.env.get("SLUICE_LOST_AFTER") ?? "5";
/** Seconds within which the tasks of a worker that was killed must run elsewhere. */
const PROMISED = 20;
const FOR_EVER = 3600;

/** `main.ts` as a process of the cluster. */
class Member extends Child {
  constructor(server: KvServer, args: readonly string[], env: Record<string, string> = {}) {
    super("../../main.ts", args, {
      ...server.env,
      PORT: "0",
      LOG_FORMAT: "json",
      API_TOKEN: "",
      WORKER_LOST_AFTER: LOST_AFTER,
      SHUTDOWN_GRACE: "0.1",
      ...env,
    });
  }

  /** What it has logged with this message; of tasks, of those that the test submits: a schedule of the program runs too. */
  logged(message: string): Record<string, unknown>[] {
    return this.said.filter((line) => line.message === message && (line.name ?? "wait") === "wait");
  }

  /** Resolves when it has logged so many such lines. */
  async has(message: string, count = 1): Promise<void> {
    await this.until(() => this.logged(message).length >= count);
    assert(this.logged(message).length >= count, `It ended without ${count} '${message}'`);
  }

  /** The worker id of its current registration. */
  get worker(): unknown {
    return this.logged("registered").at(-1)!.worker;
  }

  /** Where it serves HTTP. */
  async base(): Promise<string> {
    const pattern = /listens on (http:\/\/[\w.:]+)/;
    await this.until((lines) => lines.some((line) => pattern.test(line)));
    return pattern.exec(this.lines.find((line) => pattern.test(line))!)![1]!;
  }
}

kvServerTest(
  "processes that share a KV server share the work; tasks of a killed or stopped worker run elsewhere within 20 s; the stopped one changes nothing when it goes on, and works again",
  async () => {
    await using server = await KvServer.start();
    const worker = (channels: string) => new Member(server, ["worker", "--channels", channels]);
    await using api = new Member(server, [], { CHANNELS: "none" });
    await using killed = worker("celery=4");
    await using stopped = worker("celery=4,scheduled=2");
    await using steady = worker("celery=4");
    const workers = [killed, stopped, steady];
    const base = await api.base();
    await Promise.all(workers.map((member) => member.has("registered")));

    // Each takes what it has slots for, and all of them hear of it.
    const wait = (seconds: number, channel: string) => ({ name: "wait", args: [seconds], channel });
    const long = await submit(base, Array(12).fill(wait(FOR_EVER, "celery")));
    const [, late] = await submit(base, [wait(FOR_EVER, "scheduled"), wait(2, "scheduled")]);
    await Promise.all([killed.has("started", 4), stopped.has("started", 6), steady.has("started", 4)]);
    const running = await runningBy(base);
    assert.deepEqual(workers.map((member) => running.get(member.worker)?.length), [4, 6, 4]);

    // One that does both, and for which no time passes in a task.
    await using mixed = new Member(server, [], { CHANNELS: "celery=16,scheduled=4", DEMO_TIME_SCALE: "0" });
    await mixed.base();
    const begin = performance.now();
    stopped.suspend();
    await killed.kill();
    await mixed.has("finished", 10);
    const seconds = (performance.now() - begin) / 1000;
    assert(seconds < PROMISED, `Their tasks ran elsewhere after ${seconds} s`);
    if (Deno.env.has("SLUICE_LOST_AFTER")) {
      // deno-lint-ignore no-console -- what it was asked for
      console.log(
        `WORKER_LOST_AFTER=${LOST_AFTER}: all tasks of two lost workers had run elsewhere after ${
          seconds.toFixed(1)
        } s`,
      );
    }
    const theirs = [killed, stopped].flatMap((member) => running.get(member.worker)!);
    const ended = await Promise.all(theirs.map((id) => get(base, id)));
    assert.deepEqual(
      new Set(ended.map(({ state, worker }) => `${state} by ${worker}`)),
      new Set([`SUCCESS by ${mixed.worker}`]),
    );
    mixed.terminate();
    assert.equal((await mixed.ended()).code, 0);

    // Its handler of 2 s returns now, and its other handlers are to be aborted: they hold all its slots.
    const former = stopped.worker;
    stopped.resume();
    await stopped.has("fenced");
    await stopped.has("registered", 2);
    assert.notEqual(stopped.worker, former);
    const again = await submit(base, [wait(0, "scheduled"), wait(0, "scheduled")]);
    for (const id of again) {
      const task = await get(base, id, { prefer: "wait=60" });
      assert.deepEqual([task.state, task.worker], ["SUCCESS", stopped.worker]);
    }
    assert.deepEqual(await Promise.all(theirs.map((id) => get(base, id))), ended);
    const finished = stopped.logged("finished").map((line) => line.task_id);
    assert.deepEqual(finished.toSorted(), again.toSorted(), `${late} is not among them`);

    for (const member of [stopped, steady, api]) member.terminate();
    for (const member of [stopped, steady, api]) assert.equal((await member.ended()).code, 0);
    const store = await openStore(server.url);
    assert.deepEqual(await brokenLaws(store), []);
    // What the steady one was given was given back by its stop, uncounted.
    const ready = (await rowsOf(store, "ready")).filter(({ value }) => value.name === "wait");
    assert.deepEqual(
      ready.map(({ key, value }) => [key.at(-1), value.deliveries]).toSorted(),
      running.get(steady.worker)!.map((id) => [id, 0]).toSorted(),
    );
    assert.equal(long.length, 12);
    store.close();
  },
);

async function submit(base: string, tasks: readonly unknown[]): Promise<string[]> {
  const response = await fetch(`${base}/v1/tasks/batch`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ tasks }),
  });
  const body = await response.json();
  assert.equal(response.status, 202, JSON.stringify(body));
  return body.tasks.map(({ id }: { id: string }) => id);
}

async function get(
  base: string,
  id: string,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  return await (await fetch(`${base}/v1/tasks/${id}`, { headers })).json();
}

/** Ids of the tasks that run, by worker. */
async function runningBy(base: string): Promise<Map<unknown, string[]>> {
  const { workers } = await (await fetch(`${base}/v1/workers`)).json();
  return new Map(
    workers.map(({ id, running }: { id: string; running: { id: string; name: string }[] }) => [
      id,
      running.flatMap(({ id, name }) => name === "wait" ? [id] : []),
    ]),
  );
}
