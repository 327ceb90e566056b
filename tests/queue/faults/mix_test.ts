/**
 * Everything at once: processes that come, go, are suspended and fenced, over a store that loses, repeats, refuses and
 * delays; whatever the order, the laws hold and every accepted task ends, settled once.
 *
 * A failure prints its seed and its steps. `SLUICE_MIX=5000` tries more of them, `SLUICE_SEED=…` others.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isFinal, SluiceError, type WorkflowNode } from "../../../queue/mod.ts";
import { encode } from "../../../queue/store/codec.ts";
import type { CommitFault, Injected } from "../../support/faulty_store.ts";
import { FakeClock, START } from "../../support/fake_clock.ts";
import { type HeldRun, type HeldTask, heldTask } from "../../support/held_task.ts";
import { brokenLaws } from "../../support/invariants.ts";
import { LOST_AFTER, type Process, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const RUNS = Number(Deno.env.get("SLUICE_MIX") ?? 60);
const SEED = Number(Deno.env.get("SLUICE_SEED") ?? 1);

/** Processes at a time. */
const WIDTH = 3;
/** Members of a group that no single commit takes. */
const LARGE = 40;
const FAULTS: CommitFault[] = ["lost", "failed", "nothing", "repeated", "echoed", "held"];

/** A tree of held tasks; a large one takes more than one commit. */
const node: fc.Memo<WorkflowNode> = fc.memo((n) => {
  const task = fc.record({ expires: fc.constantFrom(undefined, undefined, 20), callback: fc.boolean() }).map(
    ({ expires, callback }): WorkflowNode => ({
      name: "held",
      args: [],
      ...(expires !== undefined && { expires }),
      ...(callback && { linkError: { name: "held", args: [] } }),
    }),
  );
  if (n <= 1) return task;
  const nodes = fc.array(node(), { minLength: 1, maxLength: 3 });
  const onFailure = fc.constantFrom("revoke" as const, "continue" as const);
  return fc.oneof(
    task,
    nodes.map((chain) => ({ chain })),
    fc.record({ group: nodes, onFailure }),
    fc.record({ chord: fc.record({ header: nodes, body: node() }), onFailure }),
    fc.constant({ map: { name: "held", items: Array(LARGE).fill(0) } }),
  );
});

type Step =
  | { do: "workflow"; at: number; node: WorkflowNode }
  | { do: "revoke-workflow"; at: number; workflow: number }
  | { do: "submit"; at: number; count: number; delay: number; expires: boolean; key: number | null }
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

/** The processes, what they were told, and what they said. */
class Mix {
  readonly processes: Processes;
  readonly all: Process[] = [];
  readonly held: HeldTask = heldTask("held", { maxRetries: 2, retry: { delay: 1, factor: 1 } });
  readonly acknowledged = new Set<string>();
  readonly workflows = new Set<string>();
  readonly traps: Injected<string | null>[] = [];
  readonly counted = new Set<HeldRun>();
  readonly background = new Set<Promise<unknown>>();

  constructor(readonly unshared: boolean) {
    this.processes = new Processes({
      incarnation: unshared ? "only" : null,
      limits: { checks: 12, mutations: 100 },
    });
  }

  async start(n: number): Promise<void> {
    this.all[n] = await this.processes.start({
      definitions: [this.held.definition],
      channels: { default: 3 },
      clock: new FakeClock(this.#latest()),
    });
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "submit": {
        const request = {
          name: "held",
          args: [],
          ...(step.delay > 0 && { delay: step.delay }),
          ...(step.expires && { expires: 20 }),
        };
        const key = step.key === null ? undefined : {
          scope: "s",
          key: `${step.key}`,
          fingerprint: `${step.count} ${step.delay} ${step.expires}`,
        };
        const submitted = this.all[step.at]!.queue.submitAll(Array(step.count).fill(request), key);
        this.#go(submitted.then(({ tasks }) => {
          for (const { id } of tasks) this.acknowledged.add(id);
        }));
        break;
      }
      case "end": {
        const run = this.held.runs[step.run % (this.held.runs.length || 1)];
        if (!run) break;
        this.#count(run);
        if (step.how === "finish") run.finish();
        else run.fail(step.how === "retry" ? run.ctx.retry({ in: 0 }) : new Error("failed"));
        break;
      }
      case "progress":
        this.held.runs[step.run % (this.held.runs.length || 1)]?.ctx.progress(step.run);
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
  }

  /** No more faults: every task ends, in one way, once. */
  async finish(): Promise<void> {
    // What was armed and not met would still happen; what was given up lands now.
    for (const trap of this.traps) if (trap.met) await trap.land();
    for (let round = 0; round < 60; round++) {
      for (const run of this.held.runs) {
        this.#count(run);
        run.finish();
      }
      for (const { clock } of this.all) await clock.advance(3000);
      const open = (await rowsOf(this.processes.store, "task")).filter(({ value }) => !isFinal(value.state));
      if (open.length === 0 && this.background.size === 0) break;
    }
    // Reminders of expiry and rows of revokes go when their time has come.
    const latest = this.#latest();
    for (const { clock } of this.all) await clock.advance(latest - clock.now() + 25_000);
    assert.equal(this.background.size, 0, "A call has had no answer");
    for (const process of this.all) await this.#until(process.queue.stop(0), process);
  }

  async judge(): Promise<void> {
    const { store } = this.processes;
    assert.deepEqual(await brokenLaws(store), []);
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
    const { task: _, ended: __, idem: ___, workflow: ____, group: _____, ...left } = await stored(store);
    assert.deepEqual(left, {});
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
