/**
 * Submission: from a request to a durable task. Everything is checked before anything is written.
 *
 * @module
 */
import { acceptArgs } from "../task/args.ts";
import { definitionKeys, withDefinitionKey } from "./definition_keys.ts";
import type { Base, Here, Signals } from "../engine.ts";
import {
  type Fault,
  FencedError,
  InvalidTaskError,
  RefusedCommitError,
  StoreUnavailableError,
  TooLargeError,
  UnknownTaskError,
} from "../ground/errors.ts";
import type { Capped, Depths } from "./depth.ts";
import type { Intake } from "./intake.ts";
import { keyOf } from "../task/concurrency.ts";
import { idempotencyUnit, type Keyed, keyedAt, replay } from "./idempotency.ts";
import { handOffUnit, readyEntry, submitUnit } from "../task/moves.ts";
import type { RunRow, TaskRecord } from "../rows/record.ts";
import { together, type Unit } from "../rows/unit.ts";
import { channelFaults, DEFAULT_PRIORITY, optionFaults } from "../task/options.ts";
import { nearest } from "../ground/suggest.ts";
import type { Idempotency, Task, TaskRequest } from "../ground/task.ts";

/** The ports to store new tasks, and to put them into free slots of this process. */
export interface Placing extends Base, Signals, Here {
  /** Tells whether a task has limits: such a task gets its slot by a claim only. */
  readonly limits: { has(record: TaskRecord): boolean };
  /** Keeps records of ready tasks for the claim that follows. */
  readonly records: { put(record: TaskRecord, versionstamp: string): void };
}

/** The ports to accept submissions. */
export interface Submitting extends Placing, Capped {
  readonly intake: Intake;
  readonly depths: Depths;
}

/** Most tasks that one commit submits, and so one request over HTTP. */
export const MAX_BATCH = 250;

/** Submits tasks in one commit each {@link MAX_BATCH}, one commit after the other. See `Queue.submitAll`. */
export async function submitAll(
  engine: Submitting,
  requests: readonly TaskRequest[],
  idempotency?: Idempotency,
): Promise<{ tasks: Task[]; replayed: boolean }> {
  const now = engine.clock.now();
  const keyed = keyedAt(engine, idempotency, now);
  const records = requests.length === 1
    ? [toKeyedRecord(engine, requests[0]!, "", now, keyed)]
    : toRecords(engine, requests, now, keyed);
  if (records.length <= MAX_BATCH) return await submitPiece(engine, records, keyed, now);
  const tasks: Task[] = [];
  let replayed = true;
  for (let at = 0; at < records.length; at += MAX_BATCH) {
    const piece = await submitPiece(engine, records.slice(at, at + MAX_BATCH), keyOfPiece(keyed, at), now);
    tasks.push(...piece.tasks);
    replayed &&= piece.replayed;
  }
  return { tasks, replayed };
}

/** The key that stands for the piece with the task of this index: the request's own for the first piece. */
function keyOfPiece(keyed: Keyed | undefined, index: number): Keyed | undefined {
  if (!keyed || index < MAX_BATCH) return keyed;
  return { ...keyed, scope: `${keyed.scope}\n${Math.floor(index / MAX_BATCH)}` };
}

/** Submits tasks in one commit: all or none. */
async function submitPiece(
  engine: Submitting,
  records: readonly TaskRecord[],
  keyed: Keyed | undefined,
  now: number,
): Promise<{ tasks: Task[]; replayed: boolean }> {
  const leave = engine.intake.enter(records);
  try {
    for (;;) {
      const { tasks, fresh, also, replayed } = await plan(engine, records, keyed);
      if (fresh.length === 0 || await store(engine, fresh, also, now) !== null) return { tasks, replayed };
      // Another request was faster with the same key: look again at the row that it wrote.
    }
  } finally {
    leave();
  }
}

/** Plans the commit of a submission: `fresh` records and the unit `also`. A repeated submission has no `fresh` ones. */
async function plan(
  engine: Submitting,
  records: readonly TaskRecord[],
  keyed: Keyed | undefined,
): Promise<{ tasks: Task[]; fresh: readonly TaskRecord[]; also: Unit | undefined; replayed: boolean }> {
  try {
    const { tasks, fresh, unit, refusal } = await definitionKeys(engine, records, keyed ? 1 : 0);
    const claim = keyed && await idempotencyUnit(engine, keyed, tasks);
    if (claim?.first) {
      return { tasks: await replay(engine, claim.first), fresh: [], also: undefined, replayed: true };
    }
    if (refusal) throw refusal;
    // Nothing is stored when all are duplicates, not even the request's key: a repeat finds them by their own keys.
    if (fresh.length > 0) await engine.depths.refuseFull(engine, fresh);
    const also = unit && claim ? together(claim.unit, unit) : unit ?? claim?.unit;
    return { tasks: [...tasks], fresh, also, replayed: false };
  } catch (error) {
    // This part only reads, so the caller is told that nothing was stored.
    throw error instanceof StoreUnavailableError ? new StoreUnavailableError(error.message, false) : error;
  }
}

/**
 * Stores new tasks in one commit, with `also`; `null` when a check of `also` did not hold.
 *
 * @param stored called with the commit's versionstamp before any of the tasks begins
 */
export async function store(
  engine: Placing,
  records: readonly TaskRecord[],
  also: Unit | undefined,
  now: number,
  stored: (versionstamp: string) => void = () => {},
): Promise<string | null> {
  // The most urgent tasks of a batch get the free slots.
  const inOrder = records.length === 1 ? records : records.toSorted((a, b) => b.priority - a.priority);
  const placed: Placed[] = [];
  let versionstamp: string | null = null;
  try {
    versionstamp = await engine.committer.commit(() => {
      for (const record of inOrder) placed.push(place(engine, record, now));
      const units = placed.map(({ unit }) => unit);
      return units.length === 1 && !also ? units[0]! : together(...(also ? [also] : []), ...units);
    });
  } catch (error) {
    const isRun = placed.some(({ run }) => run !== null);
    if (error instanceof FencedError && isRun) return store(engine, records, also, now, stored);
    if (!(error instanceof RefusedCommitError)) throw error;
    throw new TooLargeError(
      records.length > 1
        ? `Batch is too large for one commit, send fewer tasks at once: ${error.message}`
        : error.message,
    );
  } finally {
    if (versionstamp !== null) stored(versionstamp);
    for (const { record, run } of placed) {
      if (versionstamp !== null) accepted(engine, record, versionstamp, now, run);
      else if (run) engine.consumer(record.channel)!.withdraw();
    }
  }
  return versionstamp;
}

/** A new task and its first place. */
interface Placed {
  readonly record: TaskRecord;
  /** The run, when the task goes into a slot. */
  readonly run: RunRow | null;
  readonly unit: Unit;
}

/** Chooses the first place of a new task: a free slot of this process, else ready or delayed. */
function place(engine: Placing, record: TaskRecord, now: number): Placed {
  const run = slotFor(engine, record, now);
  const unit = run ? handOffUnit(engine.keys, record, run) : submitUnit(engine.keys, record, now);
  return { record, run, unit };
}

/** Reserves a free slot of this process for a new task; `null`: none. {@link accepted} or `withdraw` must follow. */
export function slotFor(engine: Placing, record: TaskRecord, now: number): RunRow | null {
  const mayRun = record.runAt <= now && !engine.limits.has(record);
  return mayRun ? engine.consumer(record.channel)?.reserve(record.acks !== "early") ?? null : null;
}

/**
 * Submits a schedule's task in the same commit that advances the schedule. When its definition's key is taken,
 * nothing is submitted: the task that has the key is the occurrence's task.
 *
 * @param advance makes the unit that advances the schedule to the task of this id, and that does not land when the
 *   schedule has changed meanwhile
 * @param keyed the request's key, which `advance` takes for a new task only: a repeat of the request finds a task that
 *   is stored already by the definition's key
 * @returns `null` when the commit did not land
 */
export async function submitScheduled(
  engine: Placing,
  request: TaskRequest,
  scheduleId: string,
  advance: (taskId: string, isNew: boolean) => Unit | Promise<Unit>,
  keyed?: Keyed,
): Promise<Task | null> {
  const now = engine.clock.now();
  const record = { ...toKeyedRecord(engine, request, "", now, keyed), scheduleId };
  const { tasks: [task], fresh, unit } = await definitionKeys(engine, [record], 1);
  const also = await advance(task!.id, fresh.length > 0);
  const versionstamp = fresh.length === 0
    ? await engine.committer.commit(also)
    : await store(engine, fresh, unit ? together(also, unit) : also, now);
  return versionstamp === null ? null : task!;
}

/** Tells about a new task that got no slot: the promoter of its due times, or the consumer when it is ready. */
export function announce(engine: Base & Signals, record: TaskRecord): void {
  const delay = Math.max(0, record.runAt - record.createdAt) / 1000;
  engine.emit({ type: "submitted", task: record, delay });
  if (record.expiresAt !== undefined) engine.dueAt(record.expiresAt);
  if (record.workflow?.waitsFor !== undefined) return;
  if (delay > 0) engine.dueAt(record.runAt);
  else engine.wake(record.channel);
}

/** Tells about a new task whose place the commit of this versionstamp has stored, and begins its run in its slot. */
export function accepted(
  engine: Placing,
  record: TaskRecord,
  versionstamp: string,
  now: number,
  run: RunRow | null,
): void {
  const delay = Math.max(0, record.runAt - now) / 1000;
  engine.emit({ type: "submitted", task: record, delay });
  if (record.expiresAt !== undefined) engine.dueAt(record.expiresAt);
  if (delay > 0) return engine.dueAt(record.runAt);
  if (run) return engine.consumer(record.channel)!.beginReserved(run, record);
  if (engine.slots.has(record.channel) && record.argsChunks === undefined) {
    engine.records.put(record, versionstamp);
  }
  engine.wake(record.channel, readyEntry(engine.keys, record, versionstamp));
}

function toRecords(
  engine: Base,
  requests: readonly TaskRequest[],
  now: number,
  keyed: Keyed | undefined,
): TaskRecord[] {
  const faults: Fault[] = [];
  const records: TaskRecord[] = [];
  let unknown: UnknownTaskError | null = null;
  requests.forEach((request, i) => {
    try {
      records.push(toKeyedRecord(engine, request, `/${i}`, now, keyOfPiece(keyed, i)));
    } catch (error) {
      if (error instanceof InvalidTaskError) faults.push(...error.faults);
      else if (error instanceof UnknownTaskError) {
        unknown ??= error;
        faults.push({ pointer: error.pointer, detail: error.message });
      } else throw error;
    }
  });
  if (unknown && faults.length === 1) throw unknown;
  if (faults.length > 0) throw new InvalidTaskError(faults);
  return records;
}

/** Finds the faults for which a submission of this name, channel and arguments would be refused; see `Queue.faults`. */
export function faultsOfRequest(
  engine: Base,
  request: Pick<TaskRequest, "name" | "args" | "channel">,
  before = 0,
): Fault[] {
  try {
    // A workflow puts further arguments before these, and its tasks have no idempotency key of their definition.
    const check = before === 0 ? toKeyedRecord : toRecord;
    check(engine, request, "", engine.clock.now(), undefined, before);
    return [];
  } catch (error) {
    if (error instanceof InvalidTaskError) return [...error.faults];
    if (error instanceof UnknownTaskError) return [{ pointer: error.pointer, detail: error.message }];
    throw error;
  }
}

/** {@link toRecord}, with the key that the definition makes from the arguments. */
export function toKeyedRecord(...[engine, request, at, ...rest]: Parameters<typeof toRecord>): TaskRecord {
  return withDefinitionKey(engine, toRecord(engine, request, at, ...rest), at);
}

/**
 * Makes a record of a request: checks it against its definition and the engine's limits, and fills in the defaults.
 *
 * @param before how many arguments a workflow will put before the request's own
 */
export function toRecord(
  engine: Base,
  request: TaskRequest,
  at: string,
  now: number,
  keyed: Keyed | undefined,
  before = 0,
): TaskRecord {
  const definition = engine.definitions.get(request.name);
  const faults = optionFaults(request, at, now);
  if (request.channel !== undefined) faults.push(...channelFaults(engine, request.channel, at));
  if (!definition) {
    const suggestion = nearest(request.name, engine.definitions.keys());
    const unknown = new UnknownTaskError(request.name, suggestion, `${at}/name`);
    if (faults.length === 0) throw unknown;
    throw new InvalidTaskError([{ pointer: unknown.pointer, detail: unknown.message }, ...faults]);
  }
  const channel = request.channel ?? engine.channels.get(request.name)!;
  const { args, chunks } = acceptArgs(definition, request.args, `${at}/args`, faults, before);
  const unkeyed = before > 0 && definition.concurrencyKey !== undefined;
  const concurrencyKey = unkeyed ? null : keyOf(definition, args, `${at}/args`);
  const runAt = request.runAt ?? (request.delay ? now + Math.round(request.delay * 1000) : now);
  return {
    id: engine.nextId(),
    name: request.name,
    state: "PENDING",
    channel,
    priority: request.priority ?? definition.priority ?? DEFAULT_PRIORITY,
    retries: 0,
    maxRetries: request.maxRetries ?? definition.maxRetries ?? 0,
    createdAt: now,
    runAt: Math.max(now, runAt),
    args,
    ...(chunks !== undefined && { argsChunks: chunks }),
    ...(request.expires !== undefined && { expiresAt: now + Math.round(request.expires * 1000) }),
    ...(request.softTimeLimit !== undefined && { softTimeLimit: request.softTimeLimit }),
    ...(request.timeLimit !== undefined && { timeLimit: request.timeLimit }),
    ...(request.retryOnTimeout !== undefined && { retryOnTimeout: request.retryOnTimeout }),
    ...((request.ignoreResult ?? definition.ignoreResult) && { ignoreResult: true }),
    ...(concurrencyKey !== null && { concurrencyKey }),
    ...(unkeyed && { unkeyed }),
    ...(definition.acks === "early" && { acks: "early" }),
    ...(request.tags?.length && { tags: request.tags }),
    ...(engine.actor.kind === "key" && { submittedBy: engine.actor.name }),
    ...(keyed && { idempotency: { scope: keyed.scope, key: keyed.key, expiresAt: keyed.expiresAt } }),
  };
}
