/**
 * The patient: a store with something of everything in it, taken from a queue at work, and the means to break it by
 * hand.
 *
 * @module
 */
import { chain, chord, type Store, type WorkflowNode } from "../../../queue/mod.ts";
import { examine, type ExamineOptions } from "../../../queue/doctor/examine.ts";
import type { Finding } from "../../../queue/doctor/law.ts";
import { pagesOf } from "../../../queue/rows/pages.ts";
import { repair } from "../../../queue/doctor/repair.ts";
import { keysOf } from "../../../queue/rows/keys.ts";
import type { Entry, Key, Mutation } from "../../../queue/store/port.ts";
import { del, put } from "../../../queue/rows/unit.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { openQueue } from "../../support/open_queue.ts";
import { type Row, rowsOf } from "../../support/rows.ts";

/** Ids of what is in it. */
export type Ids = Awaited<ReturnType<typeof healthy>>["ids"];

const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });

/** What the tasks in it are made of. */
const held = heldTask("held");
const keyed = heldTask("keyed", { concurrencyKey: () => "tenant", concurrencyLimit: 2, channel: "keyed" });
const early = heldTask("early", { acks: "early" });
export const definitions = [
  held.definition,
  early.definition,
  keyed.definition,
  task("ok", () => 1),
  task("bad", () => {
    throw new Error("boom");
  }),
  task("once", () => 1, { channel: "elsewhere", idempotency: { key: () => "order 7" } }),
  task("waits", () => 1, { channel: "elsewhere" }),
];

/** Makes it. */
// deno-lint-ignore explicit-module-boundary-types -- the ids have the type Ids
export async function healthy() {
  await using q = await openQueue({ definitions, channels: { default: 10, keyed: 5 } });
  const { queue, clock, store } = q;
  const submit = async (name: string, options = {}) => {
    const { tasks: [task] } = await queue.submitAll([{ name, args: [], ...options }]);
    await clock.settle();
    return task!.id;
  };
  const tasks = {
    ok: await submit("ok"),
    bad: await submit("bad"),
    ready: await submit("waits"),
    delayed: await submit("ok", { delay: 3600 }),
    running: await submit("held"),
    early: await submit("early"),
    revoked: await submit("waits"),
    large: await submit("waits", { args: ["x".repeat(20_000)] }),
    once: await submit("once", { args: ["x".repeat(20_000)] }),
    keyed: await submit("keyed"),
    keyed2: await submit("keyed"),
    blocked: await submit("keyed"),
  };
  await queue.revoke(tasks.revoked);
  await queue.submitAll([{ name: "waits", args: [] }], { scope: "s", key: "k", fingerprint: "f" });
  const schedule = { task: { name: "ok", args: [] }, trigger: { interval: 1 } };
  await queue.schedules.create({ ...schedule, id: "each" });
  await queue.schedules.create({ ...schedule, id: "paused", paused: true });
  await clock.advance(2000);
  await queue.submitWorkflow(
    chain(chord([call("ok"), call("held"), call("waits")], call("ok")), call("ok")),
  );
  await queue.submitWorkflow(chord([call("bad"), call("held")], call("ok")));
  await clock.settle();

  const rows = await rowsOf(store);
  const of = (family: string) => rows.filter((row) => row.family === family);
  const group = (state: string) => String(of("group").find(({ value }) => value.state === state)!.key[2]);
  const [open, closed] = [group("open"), group("closed")];
  const member = (group: string, name: string) =>
    of("task").find(({ value }) => value.workflow?.group === group && value.name === name)!;
  const [body, last] = of("waiting").map(({ key }) => String(key[3]));
  const ids = {
    ...tasks,
    worker: String(of("worker")[0]!.key[2]),
    open,
    closed,
    root: String(member(open, "ok").value.workflow.root),
    endedMember: String(member(open, "ok").key[2]),
    runningMember: String(member(open, "held").key[2]),
    readyMember: String(member(open, "waits").key[2]),
    leftMember: String(member(closed, "held").key[2]),
    body: body!,
    last: last!,
  };
  return { rows: rows.map(({ entry }) => entry), ids };
}

/** A copy of it in a store, under a namespace of its own. */
export class Patient {
  readonly keys: ReturnType<typeof keysOf>;
  readonly options: ExamineOptions;

  constructor(readonly store: Store, readonly namespace: string) {
    this.keys = keysOf(namespace);
    this.options = { namespace, definitions };
  }

  /** Writes rows that were taken from another store. */
  async fill(rows: readonly Entry[]): Promise<void> {
    const mutations = rows.map(({ key, value }): Mutation => ({
      type: "set",
      key: [this.namespace, ...key.slice(1)],
      value,
    }));
    for (let at = 0; at < mutations.length; at += 100) {
      await this.#commit(mutations.slice(at, at + 100));
    }
  }

  /** All that is stored. */
  async entries(): Promise<Entry[]> {
    return (await Array.fromAsync(pagesOf(this.store, this.keys.under([])))).flat();
  }

  async rows(family: string): Promise<Row[]> {
    return await rowsOf(this.store, family, this.namespace);
  }

  /** The one row of a family whose key ends so. */
  async row(family: string, ...end: readonly unknown[]): Promise<Row> {
    const found = (await this.rows(family)).filter(({ key }) =>
      String(key.slice(-end.length)) === String(end)
    );
    if (found.length !== 1) throw new Error(`${found.length} rows of ${family} end with ${end}`);
    return found[0]!;
  }

  async put(key: Key, row: unknown): Promise<void> {
    await this.#commit([put(key, row)]);
  }

  async delete(...keys: Key[]): Promise<void> {
    await this.#commit(keys.map(del));
  }

  /** Changes the one row of a family whose key ends so. */
  async edit(family: string, end: string, change: Record<string, unknown>): Promise<void> {
    const { key, value } = await this.row(family, end);
    await this.put(key, { ...value, ...change });
  }

  async findings(): Promise<Finding[]> {
    return await Array.fromAsync(examine(this.store, this.options));
  }

  async repaired(): Promise<Finding[]> {
    const repaired: Finding[] = [];
    await repair(this.store, this.options, (finding) => repaired.push(finding));
    return repaired;
  }

  async #commit(mutations: readonly Mutation[]): Promise<void> {
    if (await this.store.commit([], mutations) === null) throw new Error("Nothing was written");
  }
}
