/**
 * Puts a queue together: makes the parts, and gives each what it needs of the others.
 *
 * @module
 */
import type { QueueOptions } from "./api.ts";
import { RecordCache } from "./claim/record_cache.ts";
import { Consumer, type Consuming } from "./claim/consumer.ts";
import { Promoter } from "./care/promoter.ts";
import { Sweeper } from "./care/sweeper.ts";
import { Committer } from "./commit/committer.ts";
import { type Base, type Here, REVOKES, type Signals } from "./engine.ts";
import { PROGRAM } from "./ground/audit.ts";
import { Activity } from "./ground/activity.ts";
import { type Clock, systemClock } from "./ground/clock.ts";
import type { OnEvent } from "./ground/events.ts";
import { idSource } from "./ground/ids.ts";
import { nameFault } from "./ground/names.ts";
import { harmless } from "./ground/observer.ts";
import type { FinalState } from "./ground/task.ts";
import { Tally } from "./inspect/tally.ts";
import { Limits } from "./limits/limits.ts";
import { Overrides } from "./limits/overrides.ts";
import { Releaser } from "./limits/releaser.ts";
import { Membership } from "./membership/membership.ts";
import { Depths } from "./request/depth.ts";
import { Intake } from "./request/intake.ts";
import type { Submitting } from "./request/submit.ts";
import { channelsOf } from "./request/routing.ts";
import { keysOf } from "./rows/keys.ts";
import type { TaskRecord, WorkerRow } from "./rows/record.ts";
import { Deadlines } from "./run/deadlines.ts";
import { LockWaits } from "./run/lock_waits.ts";
import type { Run } from "./run/run.ts";
import { Scheduler } from "./schedules/scheduler.ts";
import type { AnyTaskDefinition } from "./task/define.ts";
import { oneLine } from "./task/failure.ts";
import { checkDefinition } from "./task/options.ts";
import type { EngineSettings } from "./task/read.ts";
import { ThreadPool } from "./threads/pool.ts";
import { Lookout } from "./wake/lookout.ts";
import { Waits } from "./wake/waits.ts";
import { Wakeups } from "./wake/wakeups.ts";
import { obeyRevokes } from "./request/revoke.ts";
import { Watches } from "./wake/watches.ts";
import { Cascades } from "./workflow/cascades.ts";
import { Followers } from "./workflow/followers.ts";
import { Results } from "./workflow/results.ts";

/** Everything that the parts share. Each part names in its parameters the ports and caches that it uses. */
export interface Engine extends Base, Signals, Here, Consuming, Submitting {
  readonly limits: Limits;
  readonly records: RecordCache;
  readonly overrides: Overrides;
  readonly submitting: Set<string>;
}

/** The parts of a queue. */
export interface Parts {
  /** Everything that the parts share. */
  readonly engine: Engine;
  readonly activity: Activity;
  readonly membership: Membership;
  /** By channel. */
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly releaser: Releaser;
  readonly promoter: Promoter;
  readonly sweeper: Sweeper;
  readonly scheduler: Scheduler;
  readonly cascades: Cascades;
  readonly tally: Tally;
  readonly waits: Waits;
  readonly watches: Watches;
  readonly wakeups: Wakeups;
}

/** The calls by which the parts reach the queue's lifecycle. */
export interface LifecycleHooks {
  /** A promise to await before a commit; `undefined`: there is nothing to wait for. */
  ready(): Promise<void> | undefined;
  /** Does the work that comes before the loops. */
  prepare(): Promise<void>;
  /** Does the work that follows each heartbeat. */
  lookAround(): Promise<void>;
  /** Called when the store can serve no more. */
  broke(error: Error): void;
}

/**
 * Makes the parts of a queue. Nothing works before `activity` is started.
 *
 * @throws {TypeError} as `createQueue` does
 */
export function assemble(options: QueueOptions, hooks: LifecycleHooks): Parts {
  /** The parts, added one by one: none of them calls another before all are there. */
  const parts = {} as { -readonly [Part in keyof Parts]: Parts[Part] };
  const { store, clock = systemClock, schedules = [], onDemand = false } = options;
  parts.tally = new Tally(clock);
  const lookout = new Lookout(store, clock);
  const engine = parts.engine = engineOf(options, parts, hooks, lookout);
  parts.waits = new Waits(clock, lookout);
  parts.watches = new Watches(lookout);
  parts.membership = new Membership(
    engine,
    workerRow(options, parts, clock.now()),
    (worker) => parts.consumers.forEach((consumer) => consumer.drop(worker)),
    () => hooks.lookAround(),
    (error) => hooks.broke(error),
    () => !engine.isResting() || runsOf(parts).length > 0,
  );
  parts.consumers = new Map(
    [...engine.slots].map(([channel, n]) => [
      channel,
      new Consumer(engine, channel, n, () => parts.membership.worker),
    ]),
  );
  parts.scheduler = new Scheduler(engine, schedules);
  parts.releaser = new Releaser(engine);
  parts.promoter = new Promoter(engine, parts.releaser);
  parts.sweeper = new Sweeper(engine);
  parts.cascades = new Cascades(engine);
  parts.wakeups = new Wakeups(
    store.doorbell,
    // A hint is no reason to work, and listening keeps a store busy.
    onDemand ? [] : [...engine.slots.keys()],
    (channel, entry) => parts.consumers.get(channel)?.ring(entry),
    (channel) => {
      parts.consumers.get(channel)?.hear();
      // A revoke that is not heard of, or cannot be read now, is obeyed at the next heartbeat.
      if (channel === REVOKES && runsOf(parts).length > 0) obeyRevokes(engine).catch(() => {});
    },
  );
  parts.activity = new Activity(clock, onDemand, {
    loops: [
      parts.scheduler,
      parts.promoter,
      parts.sweeper,
      parts.cascades,
      ...parts.consumers.values(),
    ],
    prepare: () => hooks.prepare(),
    failed: (error) => engine.emit({ type: "fault", message: "Work could not be begun", error }),
  });
  return parts;
}

/** The runs that are open in this process. */
export function runsOf({ consumers }: Pick<Parts, "consumers">): Run[] {
  return [...consumers.values()].flatMap((consumer) => [...consumer.runs.values()]);
}

function runOf({ consumers }: Pick<Parts, "consumers">, id: string): Run | undefined {
  for (const consumer of consumers.values()) {
    const run = consumer.runs.get(id);
    if (run) return run;
  }
  return undefined;
}

/** Makes the worker entry of this process, for each heartbeat. */
function workerRow(options: QueueOptions, parts: Parts, startedAt: number): () => WorkerRow {
  return () => ({
    host: options.host ?? "",
    pid: options.pid ?? 0,
    channels: Object.fromEntries(parts.engine.slots),
    startedAt,
    beat: 0,
    schedules: [...parts.scheduler.declared.keys()],
    incarnation: options.store.incarnation,
  });
}

/** Makes everything that the parts share. */
function engineOf(options: QueueOptions, parts: Parts, hooks: LifecycleHooks, lookout: Lookout): Engine {
  const { store, clock = systemClock } = options;
  const tell: OnEvent = options.onEvent ? harmless("onEvent", options.onEvent) : () => {};
  const definitions = indexed(options.definitions);
  const channels = channelsOf(options.definitions, options.taskRoutes ?? {});
  const slots = new Map(Object.entries(options.channels ?? defaultChannels(channels)));
  checkChannels([...slots.keys(), ...channels.values()]);
  checkNumbers(options, slots);
  const settings = settingsOf(options);
  const committer = new Committer(
    store,
    clock,
    (worker) => parts.membership.fenced(worker),
    (error) => hooks.broke(error),
  );
  return {
    store,
    keys: keysOf(settings.namespace),
    clock,
    random: options.random ?? Math.random,
    settings,
    definitions,
    channels,
    slots,
    committer,
    nextId: idSource(clock),
    actor: PROGRAM,
    emit: (event) => {
      parts.tally.record(event);
      tell(event);
      parts.watches.heard(event);
    },
    ...signalsOf(parts),
    ...hereOf(parts),
    intake: new Intake(committer),
    deadlines: new Deadlines(clock),
    records: new RecordCache(),
    followers: new Followers(),
    results: new Results(),
    limits: new Limits(definitions, channels),
    overrides: new Overrides(() => parts.engine, (channel) => parts.consumers.get(channel)?.changed()),
    depths: new Depths(),
    locks: new LockWaits(lookout),
    threads: threadsOf(options, clock, tell),
    suspects: { count: 0 },
    solo: options.solo ? { taken: 0, freed: () => parts.consumers.forEach((c) => c.freed()) } : null,
    submitting: new Set(),
  };
}

/** Makes the calls by which one part tells another that something has happened. */
function signalsOf(parts: Parts): Signals {
  return {
    wake: (channel, entry) => {
      parts.activity.stir();
      parts.wakeups.wake(channel, entry);
    },
    dueAt: (time) => {
      parts.activity.stir(time);
      parts.promoter.dueAt(time);
    },
    scheduleDueAt: (time) => {
      parts.activity.stir(time);
      parts.scheduler.dueAt(time);
    },
    ended: (record, done = null) => ended(parts, record, done),
    groupEnded: (id) => parts.waits.ended(id),
    workOff: (kind, id) => parts.cascades.workOff(kind, id),
    freed: (record) => parts.releaser.freed(record),
    parked: (by, dueAt) => parts.releaser.parked(by, dueAt),
  };
}

/** Makes the view that the parts have of this process. */
function hereOf(parts: Parts): Here {
  return {
    consumer: (channel) => parts.consumers.get(channel),
    runOf: (id) => runOf(parts, id),
    worker: () => parts.membership.worker,
    peers: (channel) => parts.membership.peers(channel),
    isResting: () => parts.activity.resting,
  };
}

/** Tells the releaser, the program, the callers who wait, and the workflow, in this order, that a task has ended. */
function ended(parts: Parts, record: TaskRecord, done: "all" | "release" | null): void {
  const { engine, waits, cascades } = parts;
  engine.freed(record);
  const { id, name, channel, state, startedAt, doneAt, error } = record;
  engine.emit({
    type: "finished",
    task: { id, name, channel },
    state: state as FinalState,
    duration: startedAt === undefined ? null : (doneAt! - startedAt) / 1000,
    error: error ? oneLine(error) : null,
  });
  waits.ended(id);
  if (record.workflow && done !== "all") cascades.ended(record, done === "release");
}

function threadsOf(options: QueueOptions, clock: Clock, tell: OnEvent): ThreadPool | null {
  const { threads = navigator.hardwareConcurrency, tasksPerThread = TASKS_PER_THREAD } = options;
  if (threads === 0) return null;
  return new ThreadPool(clock, tell, { threads, tasksPerThread });
}

function settingsOf(options: QueueOptions): EngineSettings {
  return {
    namespace: options.namespace ?? "sluice",
    resultTtl: options.resultTtl ?? 86_400,
    idempotencyTtl: options.idempotencyTtl ?? 3600,
    workerLostAfter: options.workerLostAfter ?? 15,
  };
}

/** Tasks that a thread runs when no setting says how many. */
const TASKS_PER_THREAD = 1000;
/** Slots of a channel that no setting names. */
const DEFAULT_SLOTS = 4;

function indexed(definitions: readonly AnyTaskDefinition[]): Map<string, AnyTaskDefinition> {
  const byName = new Map<string, AnyTaskDefinition>();
  for (const definition of definitions) {
    checkDefinition(definition);
    if (byName.has(definition.name)) {
      throw new TypeError(`Cannot define task '${definition.name}' twice: names must be unique`);
    }
    byName.set(definition.name, definition);
  }
  return byName;
}

function defaultChannels(channels: ReadonlyMap<string, string>): Record<string, number> {
  return Object.fromEntries([...channels.values()].map((channel) => [channel, DEFAULT_SLOTS]));
}

/** Refuses channels that no URL can name. */
function checkChannels(names: readonly string[]): void {
  for (const name of names) {
    const fault = nameFault(name);
    if (fault !== null) throw new TypeError(`Cannot have a channel '${name}' as its name ${fault}`);
  }
}

/** Refuses slots and times that nothing could work with. */
function checkNumbers(options: QueueOptions, slots: ReadonlyMap<string, number>): void {
  for (const [channel, n] of slots) {
    if (Number.isInteger(n) && n > 0) continue;
    throw new TypeError(
      `Cannot execute channel '${channel}' as its slots must be an integer above 0: got ${n}`,
    );
  }
  for (const [option, least] of [["threads", 0], ["tasksPerThread", 1]] as const) {
    const n = options[option];
    if (n === undefined || Number.isInteger(n) && n >= least) continue;
    throw new TypeError(`Cannot make a queue as '${option}' must be an integer from ${least}: got ${n}`);
  }
  for (const option of ["resultTtl", "idempotencyTtl", "workerLostAfter"] as const) {
    const seconds = options[option];
    if (seconds === undefined || seconds > 0 && Number.isFinite(seconds)) continue;
    throw new TypeError(`Cannot make a queue as '${option}' must be seconds above 0: got ${seconds}`);
  }
}
