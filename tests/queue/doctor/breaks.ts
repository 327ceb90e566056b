/**
 * The breaks: every way in which the laws can be broken by hand in a healthy store, the doctor's finding, and its
 * repair.
 *
 * @module
 */
import type { Key } from "../../../queue/store/port.ts";
import type { Ids, Patient } from "./patient.ts";

/** What the doctor is to say. */
export interface Expected {
  readonly law: number | null;
  readonly says: string;
  readonly keys: readonly Key[];
  /** What the repair does; `null`: it cannot be repaired. */
  readonly does: string | null;
}

/** Breaks a law, and tells what is to be found. */
type Break = (p: Patient, ids: Ids) => Promise<Expected | readonly Expected[]>;

/** A task that nobody has submitted. */
const NOBODY = "019b8d62-ffff-7fff-8fff-ffffffffffff";

const pointer = { name: "waits", deliveries: 0 };
const parked = { ...pointer, channel: "elsewhere", priority: 5 };

/** Invariants 1, 2 and 5: where tasks stand. */
export const placeBreaks: Readonly<Record<string, Break>> = {
  async "a task in no place is requeued"(p, { ready }) {
    await p.delete(p.keys.ready("elsewhere", 5, ready));
    const says = `Task ${ready} is PENDING and in no place`;
    return { law: 2, says, keys: [p.keys.task(ready)], does: "requeued" };
  },
  async "a delayed task in no place is requeued for its time"(p, { delayed }) {
    const { key } = await p.row("delayed", delayed);
    await p.delete(key);
    const says = `Task ${delayed} is PENDING and in no place`;
    return { law: 2, says, keys: [p.keys.task(delayed)], does: "requeued" };
  },
  async "a parked task in no place is requeued"(p, { blocked }) {
    const { key } = await p.row("blocked", blocked);
    await p.delete(key);
    const says = `Task ${blocked} is PENDING and in no place`;
    return { law: 2, says, keys: [p.keys.task(blocked)], does: "requeued" };
  },
  async "a task that ran and is in no place is requeued"(p, { running }) {
    await p.delete(p.keys.run(running));
    const says = `Task ${running} is PENDING and in no place`;
    return { law: 2, says, keys: [p.keys.task(running)], does: "requeued" };
  },
  async "a workflow's task in no place waits again for what goes on"(p, { open, body }) {
    await p.delete(p.keys.waiting(open, body));
    const says = `Task ${body} is PENDING and in no place`;
    return { law: 2, says, keys: [p.keys.task(body)], does: "requeued" };
  },
  async "a task that runs and is ready is left running"(p, { running }) {
    await p.put(p.keys.ready("default", 5, running), { ...pointer, name: "held" });
    const says = `Task ${running} is PENDING and in 2 places: run, ready`;
    const keys = [p.keys.task(running), p.keys.run(running), p.keys.ready("default", 5, running)];
    return { law: 2, says, keys, does: "left in run only" };
  },
  async "a task that is ready and parked is left parked"(p, { ready }) {
    await p.put(p.keys.blocked("name:waits", 5, ready), parked);
    const says = `Task ${ready} is PENDING and in 2 places: ready, blocked`;
    const places = [p.keys.ready("elsewhere", 5, ready), p.keys.blocked("name:waits", 5, ready)];
    return { law: 2, says, keys: [p.keys.task(ready), ...places], does: "left in blocked only" };
  },
  async "a pointer without a record is deleted"(p) {
    const keys = [p.keys.ready("elsewhere", 5, NOBODY), p.keys.task(NOBODY)];
    await p.put(keys[0]!, pointer);
    return { law: 2, says: `Task ${NOBODY} has no record and is in ready`, keys, does: "deleted" };
  },
  async "a pointer of a task that has ended is deleted"(p, { ok }) {
    const keys = [p.keys.ready("default", 5, ok), p.keys.task(ok)];
    await p.put(keys[0]!, pointer);
    return { law: 5, says: `Task ${ok} is SUCCESS and still in ready`, keys, does: "deleted" };
  },
  async "a run of a task that has ended is deleted"(p, { ok, worker }) {
    const keys = [p.keys.run(ok), p.keys.task(ok)];
    await p.put(keys[0]!, { worker, deliveries: 1, startedAt: 0 });
    return { law: 5, says: `Task ${ok} is SUCCESS and still in run`, keys, does: "deleted" };
  },
  async "a second pointer at a wrong place is deleted"(p, { ready }) {
    const keys = [p.keys.ready("elsewhere", 9, ready), p.keys.task(ready)];
    await p.put(keys[0]!, pointer);
    const says = `Task ${ready} is in ready at the wrong place: elsewhere 0 ${ready}`;
    return { law: 2, says, keys, does: "deleted" };
  },
  async "a pointer at a wrong time moves to its place"(p, { delayed }) {
    const { key, value } = await p.row("delayed", delayed);
    const wrong = p.keys.delayed(1, delayed);
    await p.delete(key);
    await p.put(wrong, value);
    const task = p.keys.task(delayed);
    return [
      {
        law: 2,
        says: `Task ${delayed} is in delayed at the wrong place: 1 ${delayed}`,
        keys: [wrong, task],
        does: "moved to its place",
      },
      // Said as well, and put right by the same commit.
      { law: 2, says: `Task ${delayed} is PENDING and in no place`, keys: [task], does: "requeued" },
    ];
  },
  async "a run of a worker that is gone is given back"(p, { worker, early }) {
    const runs = await p.rows("run");
    const lanes = await p.rows("lane");
    await p.delete(p.keys.worker(worker));
    return [
      ...runs.map(({ key }) => ({
        law: 1,
        says: `Task ${key[2]} runs under worker ${worker}, which is not registered`,
        keys: [key, p.keys.worker(worker)],
        does: key[2] === early ? "ended as FAILURE" : "given back",
      })),
      ...lanes.map(({ key }) => ({
        law: 3,
        says: `Lane ${key[3]} belongs to ${worker}, which is not registered`,
        keys: [key, p.keys.worker(worker)],
        does: "deleted",
      })),
    ];
  },
};

/** Invariants 3, 5 and 6: what belongs to records, and limits. */
export const recordBreaks: Readonly<Record<string, Break>> = {
  async "a task that failed and is not listed is listed"(p, { bad }) {
    const keys = [p.keys.task(bad), p.keys.ended("FAILURE", bad)];
    await p.delete(keys[1]!);
    return { law: 5, says: `Task ${bad} is FAILURE and not listed so`, keys, does: "listed" };
  },
  async "a task that is listed as what it is not is not listed"(p, { ok }) {
    const keys = [p.keys.ended("REVOKED", ok), p.keys.task(ok)];
    await p.put(keys[0]!, {});
    return { law: 5, says: `Task ${ok} is SUCCESS and listed as REVOKED`, keys, does: "deleted" };
  },
  async "a listing of a task that is gone is deleted"(p) {
    const keys = [p.keys.ended("FAILURE", NOBODY), p.keys.task(NOBODY)];
    await p.put(keys[0]!, {});
    return { law: 5, says: `Task ${NOBODY} is gone and listed as FAILURE`, keys, does: "deleted" };
  },
  async "a task without its definition's key is given it"(p, { once }) {
    const keys = [p.keys.task(once), p.keys.idempotency("task:once", "order 7")];
    await p.delete(keys[1]!);
    return { law: 6, says: `Task ${once} is PENDING without its key 'order 7'`, keys, does: "given its key" };
  },
  async "a task whose key is another's is told"(p, { once, ready }) {
    const keys = [p.keys.task(once), p.keys.idempotency("task:once", "order 7")];
    await p.edit("idem", "order 7", { ids: [ready] });
    const says = `Task ${once} is PENDING without its key 'order 7', which task ${ready} holds`;
    return { law: 6, says, keys, does: null };
  },
  async "a key that has outlived its task is deleted"(p) {
    await p.edit("idem", "k", { ids: [NOBODY] });
    const { keys } = p;
    return {
      law: 6,
      says: `Key s k has outlived ${NOBODY}, which it stands for`,
      keys: [
        keys.idempotency("s", "k"),
        keys.task(NOBODY),
        keys.workflow(NOBODY),
        keys.schedule(NOBODY),
      ],
      does: "deleted",
    };
  },
  async "a chunk that no record counts is deleted"(p, { ok }) {
    const keys = [p.keys.blob(ok, "result", 0), p.keys.task(ok)];
    await p.put(keys[0]!, "");
    return { law: null, says: `Chunk ${ok} result 0 belongs to no record`, keys, does: "deleted" };
  },
  async "a lane of a process that is gone is deleted"(p) {
    const keys = [p.keys.lane("w-gone", 0), p.keys.worker("w-gone")];
    await p.put(keys[0]!, 0);
    return { law: 3, says: "Lane 0 belongs to w-gone, which is not registered", keys, does: "deleted" };
  },
  async "a row that cannot be read is told"(p, { ok }) {
    const key = p.keys.task(ok);
    await p.store.commit([], [{ type: "set", key, value: new Uint8Array([123]) }]);
    return { law: null, says: `Row task ${ok} cannot be read`, keys: [key], does: null };
  },
  async "a run under a concurrency key whose row does not name it is named"(p, { keyed }) {
    const { key, value } = await p.row("slots", "tenant");
    // deno-lint-ignore no-explicit-any -- the row of a test
    await p.put(key, { tasks: value.tasks.filter(([id]: any) => id !== keyed) });
    const says = `Task ${keyed} runs under key tenant, whose row does not name it`;
    return { law: null, says, keys: [p.keys.run(keyed), key], does: "named" };
  },
  async "a concurrency key that names a task twice names it once"(p) {
    const { key, value: { tasks } } = await p.row("slots", "tenant");
    await p.put(key, { tasks: [...tasks, tasks[0]] });
    return { law: null, says: "Key tenant names a task twice", keys: [key], does: "named once" };
  },
  async "more runs under a concurrency key than may are told"(p, { keyed, keyed2, blocked, worker }) {
    const { key: place } = await p.row("blocked", blocked);
    await p.delete(place);
    await p.put(p.keys.run(blocked), { worker, deliveries: 1, startedAt: 0 });
    const { key, value: { tasks } } = await p.row("slots", "tenant");
    await p.put(key, { tasks: [...tasks, [blocked, "keyed", 5]] });
    const keys = [key, ...[keyed, keyed2, blocked].map((id) => p.keys.run(id))];
    return { law: null, says: "3 tasks run under key tenant, at most 2 may", keys, does: null };
  },
};

/** Invariants 1 and 5: workflows. */
export const workflowBreaks: Readonly<Record<string, Break>> = {
  async "what waits for a task that succeeded is to be released"(p, { ok, body, open }) {
    return await waitsForAnEnd(p, body, open, ok, "to be released");
  },
  async "what waits for a task that failed is to be ended"(p, { bad, body, open }) {
    return await waitsForAnEnd(p, body, open, bad, "to be ended");
  },
  async "what waits for a group that was closed is to be ended"(p, { closed, body, open }) {
    return await waitsForAnEnd(p, body, open, closed, "to be ended");
  },
  async "what waits for nothing that is there is to be released"(p, { body, open }) {
    return await waitsForAnEnd(p, body, open, NOBODY, "to be released");
  },
  async "a member that its group does not know is open there"(p, { open, readyMember }) {
    const keys = [p.keys.task(readyMember), p.keys.open(open, readyMember)];
    await p.delete(keys[1]!);
    const says = `Task ${readyMember} is PENDING and not open in its group ${open}`;
    return { law: 1, says, keys, does: "opened" };
  },
  async "a member that its group has gone on without is told"(p, { open, readyMember, runningMember, body }) {
    await p.edit("group", open, { state: "fired" });
    await p.delete(p.keys.cascade("join", open), p.keys.open(open, readyMember));
    await p.delete(p.keys.open(open, runningMember), p.keys.waiting(open, body));
    await p.put(p.keys.ready("default", 5, body), { ...pointer, name: "ok" });
    return [readyMember, runningMember].map((id) => ({
      law: 1,
      says: `Task ${id} is PENDING and not open in its group ${open}`,
      keys: [p.keys.task(id), p.keys.open(open, id)],
      does: null,
    }));
  },
  async "a group without its workflow is told"(p, { open, root }) {
    const keys = [p.keys.group(open), p.keys.workflow(root)];
    await p.delete(keys[1]!);
    const says = `Group ${open} belongs to workflow ${root}, which is not there`;
    return { law: null, says, keys, does: null };
  },
  async "an open group that nobody joins is to be joined"(p, { open }) {
    const keys = [p.keys.group(open), p.keys.cascade("join", open)];
    await p.delete(keys[1]!);
    return { law: 1, says: `Group ${open} is open and not to be joined`, keys, does: "to be joined" };
  },
  async "a group that has ended is not to be joined"(p, { closed }) {
    const keys = [p.keys.group(closed), p.keys.cascade("join", closed)];
    await p.put(keys[1]!, {});
    return { law: 1, says: `Group ${closed} is closed and to be joined`, keys, does: "deleted" };
  },
  async "what is open in no group is deleted"(p, { ok }) {
    const keys = [p.keys.open(NOBODY, ok), p.keys.group(NOBODY)];
    await p.put(keys[0]!, {});
    const says = `${ok} is open in group ${NOBODY}, which is not there`;
    return { law: null, says, keys, does: "deleted" };
  },
  async "a member that has succeeded leaves its group"(p, { open, endedMember }) {
    const says = `${endedMember} has ended and is open in group ${open}`;
    return { law: 1, says, keys: await openIn(p, open, endedMember), does: "deleted" };
  },
  async "a member that has failed is to fail its group"(p, { open, bad }) {
    const says = `${bad} has ended and is open in group ${open}`;
    return { law: 1, says, keys: await openIn(p, open, bad), does: "to be ended" };
  },
  async "a group that was closed is to leave the one around it"(p, { open, closed }) {
    const says = `${closed} has ended and is open in group ${open}`;
    return { law: 1, says, keys: await openIn(p, open, closed), does: "to be ended" };
  },
  async "a member that waits in a closed group is to be ended"(p, { closed, ready }) {
    const says = `${ready} waits in group ${closed}, which was closed`;
    const [open, group, task] = await openIn(p, closed, ready);
    return { law: 1, says, keys: [open!, group!, task!], does: "to be ended" };
  },
  async "a member that is open in a group that has fired is told"(p, { closed, leftMember }) {
    await p.edit("group", closed, { state: "fired" });
    const says = `${leftMember} is open in group ${closed}, which has fired`;
    const { keys } = p;
    return {
      law: 1,
      says,
      keys: [
        keys.open(closed, leftMember),
        keys.group(closed),
        keys.task(leftMember),
        keys.group(leftMember),
      ],
      does: null,
    };
  },
  async "nothing is owed to what is not there"(p) {
    const expected: Expected[] = [];
    for (const kind of ["revoke", "join", "close"] as const) {
      const to = kind === "revoke" ? p.keys.workflow(NOBODY) : p.keys.group(NOBODY);
      const keys = [p.keys.cascade(kind, NOBODY), to];
      await p.put(keys[0]!, {});
      expected.push({ law: null, says: `Nothing is there to ${kind}: ${NOBODY}`, keys, does: "deleted" });
    }
    return expected;
  },
};

/** Invariant 7: schedules. */
export const scheduleBreaks: Readonly<Record<string, Break>> = {
  async "a schedule that may fire and is not due is due again"(p) {
    const { dueAt } = (await p.row("schedule", "each")).value;
    await p.edit("schedule", "each", { dueAt: null });
    await p.delete(p.keys.due(dueAt, "each"));
    const says = "Schedule each may fire and is not due";
    return { law: 7, says, keys: [p.keys.schedule("each")], does: "set right" };
  },
  async "a schedule that may not fire is not due"(p) {
    await p.edit("schedule", "paused", { dueAt: 1 });
    await p.put(p.keys.due(1, "paused"), {});
    const says = "Schedule paused may not fire and is due at 1";
    return { law: 7, says, keys: [p.keys.schedule("paused")], does: "set right" };
  },
  async "a schedule that is due is listed so"(p) {
    const { dueAt } = (await p.row("schedule", "each")).value;
    const keys = [p.keys.schedule("each"), p.keys.due(dueAt, "each")];
    await p.delete(keys[1]!);
    return { law: 7, says: `Schedule each is due at ${dueAt} and not listed so`, keys, does: "listed" };
  },
  async "a schedule is listed as due once"(p) {
    const { dueAt } = (await p.row("schedule", "each")).value;
    const keys = [p.keys.due(1, "each"), p.keys.schedule("each")];
    await p.put(keys[0]!, {});
    return { law: 7, says: `Schedule each is due at ${dueAt} and listed as due at 1`, keys, does: "deleted" };
  },
  async "a schedule that is gone is not listed as due"(p) {
    const keys = [p.keys.due(1, "gone"), p.keys.schedule("gone")];
    await p.put(keys[0]!, {});
    return { law: 7, says: "Schedule gone is gone and listed as due at 1", keys, does: "deleted" };
  },
  async "an occurrence of a schedule that is gone is deleted"(p) {
    const keys = [p.keys.occurrence("gone", 0), p.keys.schedule("gone")];
    await p.put(keys[0]!, { plannedAt: 0, outcome: "skipped", taskId: null });
    return { law: 7, says: "Occurrence 0 of gone is left, and the schedule gone", keys, does: "deleted" };
  },
  async "an occurrence beyond those that were handled is told"(p) {
    const keys = [p.keys.occurrence("each", 7), p.keys.schedule("each")];
    await p.put(keys[0]!, { plannedAt: 0, outcome: "skipped", taskId: null });
    return { law: 7, says: "Occurrence 7 of each is beyond the 2 that were handled", keys, does: null };
  },
  async "an occurrence that was handled twice is told"(p) {
    const { value: { plannedAt } } = await p.row("occurrence", "each", 0);
    const second = await p.row("occurrence", "each", 1);
    await p.put(second.key, { ...second.value, plannedAt });
    const says = `Occurrence of each at ${plannedAt} was handled twice`;
    return { law: 7, says, keys: [p.keys.occurrence("each", 0), second.key], does: null };
  },
  async "a task of a schedule that is in none of its occurrences is told"(p) {
    const { key, value } = await p.row("occurrence", "each", 1);
    await p.put(key, { ...value, taskId: null });
    const says = `Task ${value.taskId} of schedule each is in none of its occurrences`;
    return { law: 7, says, keys: [p.keys.task(value.taskId), p.keys.schedule("each")], does: null };
  },
};

/** Lets a workflow's task wait for something else. */
async function waitsForAnEnd(p: Patient, id: string, before: string, after: string, does: string) {
  const { key, value } = await p.row("waiting", before, id);
  await p.delete(key);
  await p.put(p.keys.waiting(after, id), value);
  const { workflow } = (await p.row("task", id)).value;
  await p.edit("task", id, { workflow: { ...workflow, waitsFor: after } });
  const keys: Key[] = [p.keys.waiting(after, id), p.keys.task(after), p.keys.group(after)];
  return { law: 1, says: `Task ${id} waits for ${after}, which has ended`, keys, does };
}

/** Lets something be open in a group. */
async function openIn(p: Patient, group: string, id: string): Promise<Key[]> {
  const { keys } = p;
  await p.put(keys.open(group, id), {});
  return [keys.open(group, id), keys.group(group), keys.task(id), keys.group(id)];
}
