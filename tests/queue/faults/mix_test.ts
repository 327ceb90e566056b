/**
 * Everything at once: tasks with and without limits and keys, workflows, schedules, redrives, channels that are changed
 * and purged, in processes that come, go, are suspended and fenced, over a store that loses, repeats, refuses and
 * delays. Whatever the order, the laws hold, no key has more runs than it may, every accepted task ends, settled once,
 * and days later nothing is left.
 *
 * A failure prints its seed and its steps. `SLUICE_MIX=5000` tries more of them, `SLUICE_SEED=…` others.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AnyTaskDefinition,
  type CatchUp,
  type ChannelChange,
  isFinal,
  SluiceError,
  type WorkflowNode,
} from "../../../queue/mod.ts";
import type { TaskRecord } from "../../../queue/record.ts";
import { decode, encode } from "../../../queue/store/codec.ts";
import { keysOf } from "../../../queue/store/keys.ts";
import type { CommitFault, Injected } from "../../support/faulty_store.ts";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";
import { type HeldRun, type HeldTask, heldTask } from "../../support/held_task.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { LOST_AFTER, type Process, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const RUNS = Number(Deno.env.get("SLUICE_MIX") ?? 60);
const SEED = Number(Deno.env.get("SLUICE_SEED") ?? 1);

/** Processes at a time. */
const WIDTH = 3;
/** Mutations of a commit: what retention deletes in one has to fit. */
const MUTATIONS = 230;
/** Members of a group that no single commit takes. */
const LARGE = 85;
/** Runs of one concurrency key. */
const MOST_OF_A_KEY = 2;
const NAMES = ["plain", "keyed", "rated", "both", "once", "rare"] as const;
const CHANNELS = { default: 3, other: 2 };
const CHANGES: (ChannelChange | "purge")[] = [
  { paused: true },
  { paused: false },
  { slots: 1 },
  { rateLimit: "60/m" },
  { maxDepth: 5 },
  "purge",
];
/** A channel as it is without a change. */
const UNCHANGED: ChannelChange = { paused: null, slots: null, rateLimit: null, maxDepth: null };
const FAULTS: CommitFault[] = ["lost", "failed", "nothing", "repeated", "echoed", "held"];

const name = fc.constantFrom(...NAMES);
const channel = fc.constantFrom("default", "default", "other");

/** A tree of held tasks; a large one takes more than one commit. */
const node: fc.Memo<WorkflowNode> = fc.memo((n) => {
  const task = fc.record({
    name,
    channel,
    args: fc.nat(1).map((x) => [x]),
    immutable: fc.boolean(),
    delay: fc.constantFrom(undefined, undefined, 3),
    expires: fc.constantFrom(undefined, undefined, 20),
    linkError: fc.option(name.map((name) => ({ name, args: [] })), { nil: undefined }),
  }, { requiredKeys: ["name", "channel", "args", "immutable"] }).map((
    { linkError, delay, expires, ...rest },
  ) => ({
    ...rest,
    ...(linkError && { linkError }),
    ...(delay !== undefined && { delay }),
    ...(expires !== undefined && { expires }),
  }));
  if (n <= 1) return task;
  const nodes = fc.array(node(), { minLength: 1, maxLength: 3 });
  const onFailure = fc.constantFrom("revoke" as const, "continue" as const);
  return fc.oneof(
    task,
    nodes.map((chain) => ({ chain })),
    fc.record({ group: nodes, onFailure }),
    fc.record({ chord: fc.record({ header: nodes, body: node() }), onFailure }),
    fc.constantFrom("plain", "plain", "keyed").map((name) => ({
      map: { name, items: Array(LARGE).fill(0) },
    })),
  );
});

/** What is submitted. */
interface Call {
  readonly name: string;
  readonly args: readonly number[];
  readonly channel: string;
  readonly priority: number;
}

type Step =
  | { do: "workflow"; at: number; node: WorkflowNode }
  | { do: "revoke-workflow"; at: number; workflow: number }
  | {
    do: "submit";
    at: number;
    count: number;
    delay: number;
    expires: boolean;
    key: number | null;
    task: Call;
  }
  | { do: "redrive"; at: number; task: number }
  | { do: "redrive-all"; at: number }
  | { do: "schedule"; at: number; name: string; interval: number; catchUp: CatchUp }
  | { do: "run-schedule"; at: number; key: boolean }
  | { do: "channel"; at: number; channel: string; change: ChannelChange | "purge" }
  | { do: "end"; run: number; how: "finish" | "fail" | "retry" }
  | { do: "progress"; run: number }
  | { do: "revoke"; at: number; task: number }
  | { do: "advance"; at: number; by: number }
  | { do: "suspend"; at: number }
  | { do: "fault"; at: number; fault: CommitFault; skip: number }
  | { do: "land"; which: number }
  | { do: "restart"; at: number };

const at = fc.nat(WIDTH - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("submit" as const),
      at,
      count: fc.integer({ min: 1, max: 3 }),
      delay: fc.constantFrom(0, 0, 0, 2, 10),
      expires: fc.boolean(),
      key: fc.option(fc.nat(2)),
      task: fc.record({
        name,
        args: fc.nat(1).map((x) => [x]),
        channel,
        priority: fc.constantFrom(5, 5, 5, 1, 9),
      }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("redrive" as const), at, task: fc.nat(30) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("redrive-all" as const), at }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("schedule" as const),
      at,
      name,
      interval: fc.constantFrom(2, 7),
      catchUp: fc.constantFrom("skip" as const, "one" as const, "all" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("run-schedule" as const), at, key: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("channel" as const),
      at,
      channel: fc.constantFrom(...Object.keys(CHANNELS)),
      change: fc.constantFrom(...CHANGES),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      run: fc.nat(20),
      how: fc.constantFrom("finish" as const, "fail" as const, "retry" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("progress" as const), run: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("revoke" as const), at, task: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("workflow" as const), at, node: node(4) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("revoke-workflow" as const), at, workflow: fc.nat(5) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("advance" as const), at, by: fc.integer({ min: 1, max: 6000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("suspend" as const), at }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("fault" as const),
      at,
      fault: fc.constantFrom(...FAULTS),
      skip: fc.nat(3),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("land" as const), which: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), at }) },
);

/** One of each kind; the last one is not known to all processes. */
function heldTasks(): HeldTask[] {
  const retry = { maxRetries: 1, retry: { delay: 1, factor: 1 } };
  const key = { concurrencyKey: (x?: unknown) => `k${x}`, concurrencyLimit: MOST_OF_A_KEY };
  const options: Record<typeof NAMES[number], Parameters<typeof heldTask>[1]> = {
    plain: { maxRetries: 2, retry: retry.retry },
    keyed: { ...retry, ...key },
    rated: { ...retry, rateLimit: "30/m" },
    both: { ...key, concurrencyLimit: 1, rateLimit: "60/m", channel: "other" },
    once: { ...retry, idempotency: { key: (x?: unknown) => `o${x}`, ttl: 5 } },
    rare: key,
  };
  return NAMES.map((name) => heldTask(name, options[name]));
}

/** The processes, what they were told, and what they said. */
class Mix {
  readonly processes: Processes;
  readonly all: Process[] = [];
  readonly tasks: readonly HeldTask[] = heldTasks();
  schedules = 0;
  readonly acknowledged = new Set<string>();
  readonly workflows = new Set<string>();
  readonly traps: Injected<string | null>[] = [];
  readonly counted = new Set<HeldRun>();
  readonly background = new Set<Promise<unknown>>();

  constructor(readonly unshared: boolean) {
    this.processes = new Processes({
      incarnation: unshared ? "only" : null,
      limits: { checks: 12, mutations: MUTATIONS },
    });
  }

  get runs(): HeldRun[] {
    return this.tasks.flatMap(({ runs }) => runs);
  }

  get definitions(): AnyTaskDefinition[] {
    return this.tasks.map(({ definition }) => definition);
  }

  async start(n: number, at = this.#latest()): Promise<Process> {
    return this.all[n] = await this.processes.start({
      definitions: n === WIDTH - 1 ? this.definitions.slice(0, -1) : this.definitions,
      channels: CHANNELS,
      clock: new FakeClock(at),
    });
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "submit": {
        const request = {
          ...step.task,
          ...(step.delay > 0 && { delay: step.delay }),
          ...(step.expires && { expires: 20 }),
        };
        const key = step.key === null ? undefined : {
          scope: "s",
          key: `${step.key}`,
          fingerprint: `${step.count} ${JSON.stringify(request)}`,
        };
        const submitted = this.all[step.at]!.queue.submitAll(Array(step.count).fill(request), key);
        this.#go(submitted.then(({ tasks }) => {
          for (const { id } of tasks) this.acknowledged.add(id);
        }));
        break;
      }
      case "end": {
        const run = this.runs[step.run % (this.runs.length || 1)];
        if (!run) break;
        this.#count(run);
        if (step.how === "finish") run.finish();
        else run.fail(step.how === "retry" ? run.ctx.retry({ in: 0 }) : new Error("failed"));
        break;
      }
      case "progress":
        this.runs[step.run % (this.runs.length || 1)]?.ctx.progress(step.run);
        break;
      case "revoke": {
        const id = [...this.acknowledged][step.task];
        if (id) this.#go(this.all[step.at]!.queue.revoke(id));
        break;
      }
      case "workflow": {
        const submitted = this.all[step.at]!.queue.submitWorkflow(step.node);
        this.#go(submitted.then(({ workflow }) => this.workflows.add(workflow.id)));
        break;
      }
      case "revoke-workflow": {
        const id = [...this.workflows][step.workflow];
        if (id) this.#go(this.all[step.at]!.queue.revokeWorkflow(id));
        break;
      }
      case "redrive": {
        const id = [...this.acknowledged][step.task];
        if (id) this.#accept(this.all[step.at]!.queue.redrive(id));
        break;
      }
      case "redrive-all":
        this.#go(this.all[step.at]!.queue.redriveAll());
        break;
      case "schedule": {
        const { name, interval, catchUp } = step;
        const id = `s${this.schedules++}`;
        const options = { catchUp, misfireGrace: 1, endAt: this.#latest() + 40_000 };
        const schedule = { id, task: { name, args: [1] }, trigger: { interval }, ...options };
        this.#go(this.all[step.at]!.queue.schedules.create(schedule));
        break;
      }
      case "run-schedule": {
        const key = step.key ? { scope: "run", key: "k", fingerprint: "f" } : undefined;
        this.#accept(this.all[step.at]!.queue.schedules.run("s0", key));
        break;
      }
      case "channel": {
        const { queue } = this.all[step.at]!;
        const { channel, change } = step;
        this.#go(change === "purge" ? queue.purge(channel) : queue.changeChannel(channel, change));
        break;
      }
      case "advance":
        await this.all[step.at]!.clock.advance(step.by);
        break;
      case "suspend":
        for (const [n, process] of this.all.entries()) {
          if (n !== step.at) await process.clock.advance(LOST_AFTER + 3000);
        }
        break;
      case "fault": {
        let { skip } = step;
        this.traps.push(this.all[step.at]!.faulty.onCommit(step.fault, () => skip-- === 0));
        break;
      }
      case "land": {
        const met = this.traps.filter(({ met }) => met);
        if (met.length > 0) await met[step.which % met.length]!.land();
        break;
      }
      case "restart": {
        const process = this.all[step.at]!;
        const stopped = process.queue.stop(0);
        await this.#until(stopped, process);
        await this.start(step.at);
        break;
      }
    }
    await this.all[0]!.clock.settle();
    await this.#countRuns();
  }

  /** No more faults: every task ends, in one way, once. */
  async finish(): Promise<void> {
    // What was armed and not met would still happen; what was given up lands now.
    for (const trap of this.traps) if (trap.met) await trap.land();
    for (let round = 0; round < 500; round++) {
      // More than once: what was asked for before may land only now.
      if (round < 3) this.#calm();
      for (const run of this.runs) {
        this.#count(run);
        run.finish();
      }
      for (const { clock } of this.all) await clock.advance(3000);
      const open = (await rowsOf(this.processes.store, "task")).filter(({ value }) => !isFinal(value.state));
      if (round > 3 && open.length === 0 && this.background.size === 0) break;
    }
    // Reminders of expiry and rows of revokes go when their time has come.
    const latest = this.#latest();
    for (const { clock } of this.all) await clock.advance(latest - clock.now() + 25_000);
    assert.equal(this.background.size, 0, "A call has had no answer");
    for (const process of this.all) await this.#until(process.queue.stop(0), process);
  }

  async judge(): Promise<void> {
    const { store } = this.processes;
    assert.deepEqual(await brokenLaws(store, undefined, this.definitions), []);
    const settled = new Map<string, number>();
    for (const { key } of await rowsOf(store, undefined, "settled")) {
      settled.set(String(key[1]), (settled.get(String(key[1])) ?? 0) + 1);
    }
    const tasks = new Map((await rowsOf(store, "task")).map(({ key, value }) => [String(key[2]), value]));
    const workflows = (await rowsOf(store, "workflow")).map(({ key }) => String(key[2]));
    for (const id of this.workflows) assert(workflows.includes(id), `Workflow ${id} is gone`);
    for (const { key, value } of await rowsOf(store, "group")) {
      assert.notEqual(value.state, "open", `Group ${key[2]} has not ended`);
    }
    for (const id of this.acknowledged) assert(tasks.has(id), `Task ${id} was acknowledged and is gone`);
    for (const [id, { state }] of tasks) {
      assert(isFinal(state), `Task ${id} is ${state}`);
      const times = settled.get(id) ?? 0;
      assert.equal(
        times,
        state === "SUCCESS" ? 1 : 0,
        `Task ${id} is ${state} and was settled ${times} times`,
      );
    }
    const families = new Set((await rowsOf(store)).map(({ family }) => family));
    for (
      const place of [
        "ready",
        "delayed",
        "blocked",
        "waiting",
        "run",
        "revoke",
        "open",
        "cascade",
        "later",
        "due",
      ]
    ) {
      assert(!families.has(place), `Something is left in ${place}`);
    }
    // Retention deletes everything.
    const later = await this.start(0, this.#latest() + 3 * 86_400_000);
    for (const { key } of await rowsOf(store, "schedule")) {
      await this.#until(later.queue.schedules.delete(String(key[2])), later);
    }
    await later.clock.advance(120_000);
    assert.deepEqual(await stored(store), {});
    await this.#until(later.queue.stop(0), later);
  }

  /** No schedule fires any more, and no channel keeps anything back. */
  #calm(): void {
    const { queue } = this.all[0]!;
    for (const channel of Object.keys(CHANNELS)) this.#go(queue.changeChannel(channel, UNCHANGED));
    for (let n = 0; n < this.schedules; n++) this.#go(queue.schedules.pause(`s${n}`));
  }

  /** At no moment run more tasks of a key than may. */
  async #countRuns(): Promise<void> {
    const runs = await rowsOf(this.processes.store, "run");
    const tasks = await this.processes.store.getMany(
      runs.map(({ key }) => keysOf("sluice").task(String(key[2]))),
    );
    const counts = new Map<string, number>();
    for (const task of tasks) {
      const { concurrencyKey: key } = decode<TaskRecord>(task!.value);
      if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [key, count] of counts) assert(count <= MOST_OF_A_KEY, `${count} tasks run under ${key}`);
  }

  /** What the clock shows that is ahead of the others. */
  #latest(): number {
    return Math.max(START, ...this.all.map(({ clock }) => clock.now()));
  }

  /** A row of its own for each run that succeeds. */
  #count(run: HeldRun): void {
    if (this.counted.has(run)) return;
    this.counted.add(run);
    run.ctx.commit.set(["settled", run.ctx.id, crypto.randomUUID()], encode(1));
  }

  #accept(call: Promise<{ task: { id: string } }>): void {
    this.#go(call.then(({ task }) => this.acknowledged.add(task.id)));
  }

  #go(call: Promise<unknown>): void {
    const settled = call.then(() => {}, (error) => {
      assert(error instanceof SluiceError, error);
    }).finally(() => this.background.delete(settled));
    this.background.add(settled);
  }

  async #until(call: Promise<unknown>, process: Process): Promise<void> {
    let done = false;
    const settled = call.then(() => done = true);
    for (let n = 0; n < 20 && !done; n++) await process.clock.advance(5000);
    assert(done, "stop() did not end");
    await settled;
  }
}

for (const unshared of [false, true]) {
  Deno.test(`any mix of submissions, ends, faults, fences and restarts, ${unshared ? "an unshared" : "a shared"} store`, async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const mix = new Mix(unshared);
      for (let n = 0; n < WIDTH; n++) await mix.start(n);
      for (const step of steps) await mix.take(step);
      await mix.finish();
      await mix.judge();
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  });
}
