/**
 * A store, the processes on it, each behind a gate, and the tasks that they do something to.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { isFinal, type Queue, type TaskRequest, type TaskState } from "../../queue/mod.ts";
import { memoryStore } from "../../queue/store/memory_store.ts";
import { encode } from "../../queue/rows/codec.ts";
import type { Store } from "../../queue/store/port.ts";
import { FakeClock, START } from "../../queue/testing/fake_clock.ts";
import { type HeldRun, heldTask } from "../support/held_task.ts";
import { type OpenOptions, type OpenQueue, openQueue } from "../support/open_queue.ts";
import { brokenLaws } from "../support/invariants.ts";
import { type Row, rowsOf } from "../support/rows.ts";
import { Gate } from "./gate.ts";

/** Turns of the event loop without a call after which a process has nothing more to do. */
const QUIET_TURNS = 8;
/** Seconds without a heartbeat after which a worker is lost. */
export const LOST_AFTER = 5;
/** Milliseconds between the clocks of two processes, so that ids made by both have one order. */
const APART = 7;

/** A process. */
export interface Actor extends OpenQueue {
  readonly name: string;
  readonly gate: Gate;
}

/** See the module's text. */
export class Stage {
  readonly store: Store;
  readonly actors: Actor[] = [];
  /** Ids of the tasks that the operations are about. */
  readonly tasks: string[] = [];
  /** What the first process's clock showed at the start. */
  beganAt = 0;
  /** Tasks of which a test ends each run; `keyed` runs alone, `once` is one task however often it is submitted. */
  readonly held = [
    heldTask("plain", { maxRetries: 1, retry: { delay: 1, factor: 1 }, timeLimit: 10 }),
    heldTask("frail", { timeLimit: 10 }),
    heldTask("keyed", { concurrencyKey: () => "k" }),
    heldTask("once", { idempotency: { key: (x) => String(x) } }),
    heldTask("early", { acks: "early" }),
  ];
  #settled = new Set<HeldRun>();
  #told: { state: TaskState; again: (queue: Queue) => Promise<{ state: TaskState }> }[] = [];

  constructor(checks: number) {
    this.store = memoryStore({ limits: { checks } });
  }

  /** The process that submits, and that runs what is to run before the operations begin. */
  get owner(): Actor {
    return this.actors[0]!;
  }

  /** Runs that began so far, in order of their definitions. */
  get runs(): HeldRun[] {
    return this.held.flatMap(({ runs }) => runs);
  }

  /** Starts a process; it executes nothing unless it is told. */
  async start(options: Partial<OpenOptions> = {}): Promise<Actor> {
    const name = "ABCDE"[this.actors.length]!;
    const gate = new Gate(this.store, name);
    const clock = new FakeClock(Math.max(START, ...this.actors.map(({ clock }) => clock.now())) + APART);
    const queue = await openQueue({
      definitions: this.held.map(({ definition }) => definition),
      channels: {},
      workerLostAfter: LOST_AFTER,
      faults: true,
      ...options,
      store: gate.store,
      clock,
    });
    const actor = { ...queue, clock, name, gate };
    this.actors.push(actor);
    this.beganAt ||= clock.now();
    return actor;
  }

  /** Submits tasks in the first process, which runs as many of them as it has slots. */
  async submit(name: string, options: Omit<TaskRequest, "name" | "args"> = {}, count = 1): Promise<void> {
    const { tasks } = await this.owner.queue.submitAll(Array(count).fill({ ...options, name, args: ["t"] }));
    this.tasks.push(...tasks.map(({ id }) => id));
    await this.quiet();
  }

  /** Lets the processes do what they can without time and without the store. */
  async quiet(): Promise<void> {
    const count = () => this.actors.reduce((sum, { gate, events }) => sum + gate.came + events.all.length, 0);
    for (let turns = 0, before = count(); turns < QUIET_TURNS; turns++) {
      await new Promise<void>((resolve) => setImmediate(() => resolve()));
      if (count() === before) continue;
      [turns, before] = [0, count()];
    }
  }

  /**
   * A revoke is a request and a look at what has become of it, which may have been answered meanwhile: the look is
   * held against the end, and is no part of the outcome.
   *
   * @param again looks once more: a workflow and its first task have one id
   */
  told({ state }: { state: TaskState }, again: (queue: Queue) => Promise<{ state: TaskState }>): string {
    if (isFinal(state)) this.#told.push({ state, again });
    return "accepted";
  }

  /** The handler returns, with a row of its own for the run that succeeded. */
  finish(run: HeldRun): void {
    if (!this.#settled.has(run)) run.ctx.commit.set(["settled", run.ctx.id, crypto.randomUUID()], encode(1));
    this.#settled.add(run);
    run.finish();
  }

  /** Everything comes to rest: every task ends, once, and nothing is left to be done. Tells how each has ended. */
  async rest(): Promise<string[]> {
    for (const { gate } of this.actors) await gate.open();
    const last = await this.start({ channels: { default: 5 } });
    await last.queue.changeChannel("default", { paused: null });
    const unfinished = async () =>
      (await rowsOf(this.store, "task")).filter(({ value }) => !isFinal(value.state));
    for (let round = 0; round < 40; round++) {
      for (const run of this.runs) this.finish(run);
      for (const { clock } of this.actors) await clock.advance(500);
      if (round > 2 && (await unfinished()).length === 0) break;
    }
    // Reminders and the rows of revokes go at their time.
    for (const { clock } of this.actors) await clock.advance(2500);
    for (const { state, again } of this.#told) {
      assert.equal((await again(last.queue)).state, state, "A revoke told of an end that was not the end");
    }
    for (const actor of this.actors) await actor.close();
    return await this.#judge();
  }

  async #judge(): Promise<string[]> {
    const rows = await rowsOf(this.store);
    assert.deepEqual(
      await brokenLaws(this.store, undefined, this.held.map(({ definition }) => definition)),
      [],
    );
    for (const { family, key } of rows) {
      assert(!PASSING.has(family), `Something is left in ${family}: ${key}`);
    }
    const settled = Map.groupBy(await rowsOf(this.store, undefined, "settled"), ({ key }) => String(key[1]));
    return rows.filter(({ family }) => family === "task").map((row) => {
      const times = settled.get(String(row.key[2]))?.length ?? 0;
      assert(isFinal(row.value.state), `Task ${row.key[2]} is ${row.value.state}`);
      assert.equal(
        times,
        row.value.state === "SUCCESS" ? 1 : 0,
        `A ${row.value.state} was settled ${times} times`,
      );
      return described(row);
    }).sort();
  }
}

/** Families in which nothing stands when everything is at rest. */
const PASSING = new Set([
  "ready",
  "delayed",
  "blocked",
  "waiting",
  "run",
  "revoke",
  "open",
  "cascade",
  "later",
  "slots",
  "worker",
  "lane",
]);

function described({ value }: Row): string {
  const { name, args, state, error, retries, redriveOf } = value;
  const of = redriveOf === undefined ? "" : " anew";
  return `${name}(${args})${of}: ${state}${error ? ` ${error.type}` : ""}${
    retries ? ` after ${retries}` : ""
  }`;
}
