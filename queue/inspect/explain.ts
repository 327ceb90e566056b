/**
 * Why a task does not run: where it stands and what it waits for.
 *
 * @module
 */
import { SUSPECT } from "../claim/choice.ts";
import type { Namespace } from "../rows/keys.ts";
import type { Base, Here, OpenRun } from "../engine.ts";
import type { Limits } from "../limits/limits.ts";
import { whyHeldBack, whyParked } from "./why.ts";
import { waitingKeys } from "../task/moves.ts";
import { assertSubmitted, findTask, type Reading, recordOf } from "../task/read.ts";
import { at, type Reason, span } from "./reasons.ts";
import { type Span, timelineOf } from "./timeline.ts";
import type { EndedRow, Pointer, RunRow, TaskRecord, WorkerRow } from "../rows/record.ts";
import { viewOf } from "../task/state.ts";
import { decode, decodeEntry } from "../rows/codec.ts";
import { familyOf } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";
import type { TaskState } from "../ground/task.ts";

/** Where a task stands; `null` when it has ended. */
export type Place = "ready" | "delayed" | "blocked" | "waiting" | "run" | null;

/** See `Queue.explain`. */
export interface Explanation {
  readonly id: string;
  readonly state: TaskState;
  readonly place: Place;
  /** The nearest reason first. */
  readonly reasons: readonly Reason[];
  /** What the task did since it was submitted, oldest first. */
  readonly timeline: readonly Span[];
}

/** Most tasks that are counted before a task, or in a group. */
const AHEAD_CAP = 500;

/** A task in one snapshot. */
interface Snapshot {
  readonly record: TaskRecord;
  readonly run: RunRow | null;
  readonly revoked: boolean;
  /** The row of the place where the task waits. */
  readonly pointer: Entry | null;
}

/**
 * Explains a task as it stands now.
 *
 * @throws {TaskNotFoundError}
 */
export async function explainTask(
  engine: Base & Here & { readonly limits: Limits },
  id: string,
): Promise<Explanation> {
  const seen = await look(engine, id);
  const { record, run } = seen;
  const task = viewOf(record, run);
  const { place, reasons } = await standing(engine, seen);
  const { state } = task;
  return {
    id,
    state,
    place,
    reasons,
    timeline: timelineOf(task, place === "blocked", reasons[0]?.message ?? null),
  };
}

/** Where a task stands, and why it does not run. */
async function standing(
  engine: Base & Here & { readonly limits: Limits },
  seen: Snapshot,
): Promise<Pick<Explanation, "place" | "reasons">> {
  const { record, run } = seen;
  if (record.doneAt !== undefined) return { place: null, reasons: await whyEnded(engine, record) };
  if (run) return { place: "run", reasons: whyRunning(engine, seen, run, waitsFor(engine.runOf(record.id))) };
  const place = familyOf(seen.pointer!.key) as Exclude<Place, null>;
  const reasons = place === "ready"
    ? await whyReady(engine, record, seen.pointer!)
    : place === "delayed"
    ? whyDelayed(engine, record)
    : place === "waiting"
    ? [await whyWaiting(engine, record)]
    : [...await whyParked(engine, record, seen.pointer!), ...await whyHeldBack(engine, record.channel)];
  return { place, reasons: [...reasons, ...sinceLost(seen.pointer!), ...expiry(record)] };
}

/** Reads until one snapshot holds the task in its one place (invariant 2). */
async function look(engine: Reading, id: string): Promise<Snapshot> {
  const { keys, store } = engine;
  for (;;) {
    const { record: seen } = await findTask(engine, id);
    const [task, run, revoke, ...places] = await store.getMany([
      keys.task(id),
      keys.run(id),
      keys.revoke(id),
      ...waitingKeys(keys, seen),
    ]);
    if (!task) continue;
    const record = recordOf(task);
    const pointer = places.find((entry) => entry !== null) ?? null;
    if (record.doneAt === undefined && !run && !pointer) {
      await assertSubmitted(engine, record);
      continue;
    }
    return { record, run: decodeEntry<RunRow>(run), revoked: revoke !== null, pointer };
  }
}

async function whyEnded(
  { store, keys }: Namespace,
  { id, state, doneAt, error }: TaskRecord,
): Promise<Reason[]> {
  const why = error ? `: ${error.type}: ${error.message}` : "";
  const reasons: Reason[] = [{ code: "ended", message: `It ended as ${state} at ${at(doneAt!)}${why}` }];
  const [row] = await store.getMany([keys.ended(state, id)]);
  const redrivenAs = decodeEntry<EndedRow>(row)?.redrivenAs;
  if (redrivenAs !== undefined) {
    reasons.push({ code: "redriven", message: `It was submitted anew as ${redrivenAs}` });
  }
  return reasons;
}

/** Tells whether the run of a claimed task waits for a slot or for a thread; `null` when it has begun. */
function waitsFor(run: OpenRun | undefined): "slot" | "thread" | null {
  return run?.isNext ? "slot" : run?.reserved ? "thread" : null;
}

function whyRunning(
  engine: Pick<Base, "clock">,
  { record, revoked }: Snapshot,
  run: RunRow,
  waitsFor: "slot" | "thread" | null,
): Reason[] {
  const seconds = span(engine.clock.now() - run.startedAt);
  const reasons: Reason[] = [];
  if (revoked) {
    reasons.push({ code: "revoking", message: `It was revoked; worker ${run.worker} is ending its run` });
  }
  reasons.push(
    waitsFor
      ? {
        code: "claimed",
        message: `Worker ${run.worker} has claimed it ${seconds} ago; it waits for a free ${waitsFor}`,
      }
      : { code: "running", message: `It has been running on worker ${run.worker} for ${seconds}` },
  );
  if (record.retries > 0) {
    reasons[reasons.length - 1] = {
      ...reasons.at(-1)!,
      message: `${reasons.at(-1)!.message}, in retry ${record.retries} of ${record.maxRetries}`,
    };
  }
  return reasons;
}

function whyDelayed(engine: Pick<Base, "clock">, record: TaskRecord): Reason[] {
  const left = record.runAt - engine.clock.now();
  const when = left > 0 ? `in ${span(left)}, at ${at(record.runAt)}` : "at any moment: it is due";
  if (record.state !== "RETRY") return [{ code: "delayed", message: `It may run ${when}` }];
  return [{
    code: "retrying",
    message: `Its last run failed (${record.error!.type}: ${record.error!.message}); ` +
      `retry ${record.retries} of ${record.maxRetries} may run ${when}`,
  }];
}

/** Why a workflow's task waits: for the task or group before it, or for the rest of a large submission. */
async function whyWaiting(engine: Namespace, record: TaskRecord): Promise<Reason> {
  const { keys, store } = engine;
  const before = record.workflow!.waitsFor!;
  const [task, run, group] = await store.getMany([keys.task(before), keys.run(before), keys.group(before)]);
  const code = "waiting-for";
  if (task) {
    const { name, state } = viewOf(recordOf(task), decodeEntry<RunRow>(run));
    return { code, message: `It waits for task ${before} ('${name}') of its workflow, which is ${state}` };
  }
  if (!group) return { code, message: "It waits until all of its workflow is stored" };
  const open = await store.list(keys.openIn(before), { limit: AHEAD_CAP });
  const count = open.length === AHEAD_CAP ? `${AHEAD_CAP} or more` : `${open.length}`;
  return { code, message: `It waits for group ${before} of its workflow: ${count} in it have not ended` };
}

async function whyReady(engine: Base & Here, record: TaskRecord, { key }: Entry): Promise<Reason[]> {
  const { store, keys } = engine;
  const { channel } = record;
  const before = await store.list({ ...keys.readyOf(channel), end: key }, { limit: AHEAD_CAP });
  const count = before.length === AHEAD_CAP
    ? `${AHEAD_CAP} or more tasks are`
    : before.length === 1
    ? "One task is"
    : `${before.length} tasks are`;
  // Reasons that hold back the whole channel come first: they matter more than the task's place in it.
  const reasons: Reason[] = [
    ...await whyHeldBack(engine, channel),
    before.length === 0
      ? { code: "next", message: `It is the next task of channel '${channel}'` }
      : { code: "behind-others", message: `${count} before it in channel '${channel}'` },
  ];
  const rows = await store.list(keys.workers(), { limit: store.limits.listBatch });
  const able = rows.map(({ value }) => decode<WorkerRow>(value)).filter(({ channels }) => channels[channel]);
  const alive = able.filter(({ lost }) => !lost);
  if (engine.slots.has(channel) && engine.isResting()) {
    const when = "after a submission, while somebody waits for a task, and at each minute's tick";
    reasons.push({
      code: "at-rest",
      message: `This process executes channel '${channel}' on demand: ${when}`,
    });
    return reasons;
  }
  if (alive.length === 0) {
    const lost = able.length > 0 ? "; the last one was lost" : "";
    reasons.push({
      code: "no-worker",
      message: `No worker executes channel '${channel}'${lost}: start one with CHANNELS=${channel}=4`,
    });
    return reasons;
  }
  const here = engine.consumer(channel);
  if (here && here.free === 0) {
    reasons.push({
      code: "slots-busy",
      message: `No slot of channel '${channel}' is free in this process: slots ${engine.slots.get(channel)}`,
    });
  }
  return reasons;
}

function sinceLost({ value }: Entry): Reason[] {
  const { deliveries } = decode<Pointer>(value);
  if (deliveries === 0) return [];
  const workers = deliveries === 1 ? "A worker was" : `${deliveries} workers were`;
  const alone = deliveries < SUSPECT ? "" : ", when its process runs no other task that lost as many";
  return [{ code: "lost-workers", message: `${workers} lost while running it; it runs again${alone}` }];
}

function expiry({ expiresAt, startedAt }: TaskRecord): Reason[] {
  if (expiresAt === undefined || startedAt !== undefined) return [];
  return [{ code: "expires", message: `It is revoked unless it has started by ${at(expiresAt)}` }];
}
