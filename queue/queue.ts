/**
 * The queue: what a program, the HTTP routes and the tests talk to.
 *
 * @module
 */
import type { z } from "zod";
import { Activity } from "./ground/activity.ts";
import type { Queue, QueueOptions, TickOptions } from "./api.ts";
import { sleep, systemClock } from "./ground/clock.ts";
import { Committer } from "./commit/committer.ts";
import { Consumer } from "./claim/consumer.ts";
import { withDeadline } from "./commit/lane.ts";
import { Deadlines } from "./run/deadlines.ts";
import type { AnyTaskDefinition, ArgsSchema, TaskDefinition } from "./task/define.ts";
import type { Engine } from "./engine.ts";
import { type Fault, StoppedError, StoreUnavailableError, TaskFailedError } from "./ground/errors.ts";
import { oneLine } from "./task/failure.ts";
import { explainTask, type Explanation } from "./inspect/explain.ts";
import { idSource } from "./ground/ids.ts";
import {
  type DefinitionView,
  viewChannels,
  viewDefinitions,
  viewHealth,
  viewWorkers,
} from "./inspect/views.ts";
import { changeChannel, type ChannelChange, purge } from "./operate/channels.ts";
import { Depths } from "./request/depth.ts";
import { Limits } from "./limits/limits.ts";
import { LockWaits } from "./run/locks.ts";
import { Overrides } from "./limits/overrides.ts";
import { Releaser } from "./limits/releaser.ts";
import { Membership } from "./membership/membership.ts";
import { Intake } from "./request/intake.ts";
import { checkDefinition } from "./task/options.ts";
import { Promoter } from "./care/promoter.ts";
import { listTasks, type TaskFilter, type TaskList } from "./task/list.ts";
import { getTask, lookAtTask } from "./task/read.ts";
import { redrive, redriveAll, type RedriveFilter, type Redriven } from "./operate/redrive.ts";
import { RecordCache } from "./claim/record_cache.ts";
import type { TaskRecord } from "./rows/record.ts";
import { obeyRevokes, revoke } from "./request/revoke.ts";
import type { Run } from "./run/run.ts";
import { channelsOf } from "./request/routing.ts";
import { Scheduler } from "./schedules/scheduler.ts";
import { EngineSchedules } from "./schedules/schedules.ts";
import { type Stats, viewStats } from "./inspect/stats.ts";
import { keysOf } from "./rows/keys.ts";
import { type KeyFilter, keysOfTask, listKeys, type StoredKey } from "./inspect/stored_keys.ts";
import { faultsOfRequest, submitAll } from "./request/submit.ts";
import { Sweeper } from "./care/sweeper.ts";
import type {
  Channel,
  FinalState,
  Health,
  Idempotency,
  SubmitOptions,
  Task,
  TaskChange,
  TaskRequest,
  Worker,
} from "./ground/task.ts";
import { checkThreadTasks } from "./threads/define.ts";
import { ThreadPool } from "./threads/pool.ts";
import { type Counts, countsSince, Tally } from "./inspect/tally.ts";
import { POLL } from "./ground/bell.ts";
import { Lookout } from "./wake/lookout.ts";
import { Waits } from "./wake/waits.ts";
import { Wakeups } from "./wake/wakeups.ts";
import { Watches } from "./wake/watches.ts";
import { Cascades } from "./workflow/cascades.ts";
import { Followers } from "./workflow/followers.ts";
import type { WorkflowNode } from "./task/node.ts";
import { submitWorkflow } from "./workflow/submit.ts";
import { Results } from "./workflow/results.ts";
import { revokeWorkflow } from "./workflow/revoke.ts";
import { findWorkflow, getWorkflow, lookAtEnd, type Workflow } from "./workflow/view.ts";

/**
 * Makes a queue. It accepts tasks at once, and executes them after `start()`.
 *
 * @throws {TypeError} when slots or times are no positive numbers, a definition has impossible defaults, two have one name, or a schedule cannot be
 *
 * @example
 * ```ts
 * import { createQueue, defineTask, openStore } from "@sluice/sluice";
 * import { z } from "zod";
 *
 * const add = defineTask({ name: "add", args: z.tuple([z.int(), z.int()]) }, (_ctx, x, y) => x + y);
 * const store = await openStore(":memory:");
 * const queue = createQueue({ store, definitions: [add] });
 * await queue.start();
 * const sum = await queue.result(await queue.submit(add, [1, 2])); // 3
 * await queue.stop();
 * store.close();
 * if (sum !== 3) throw new Error("the example is wrong");
 * ```
 */
export function createQueue(options: QueueOptions): Queue {
  return new EngineQueue(options);
}

class EngineQueue implements Queue {
  readonly #engine: Engine;
  readonly #activity: Activity;
  readonly #membership: Membership;
  readonly #consumers: ReadonlyMap<string, Consumer>;
  readonly #promoter: Promoter;
  readonly #releaser: Releaser;
  readonly #sweeper: Sweeper;
  readonly #tally: Tally;
  readonly #watches: Watches;
  readonly #scheduler: Scheduler;
  readonly schedules: EngineSchedules;
  readonly #cascades: Cascades;
  readonly #waits: Waits;
  #broken: Error | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: QueueOptions) {
    const { store, clock = systemClock, onEvent = () => {} } = options;
    const { threads = navigator.hardwareConcurrency, tasksPerThread = TASKS_PER_THREAD } = options;
    this.#tally = new Tally(clock);
    const definitions = indexed(options.definitions);
    const channels = channelsOf(options.definitions, options.taskRoutes ?? {});
    const slots = new Map(Object.entries(options.channels ?? defaultChannels(channels)));
    checkNumbers(options, slots);
    const onBroken = (error: Error) => {
      if (this.#broken) return;
      this.#broken = error;
      this.#engine.committer.end(error);
      this.#membership.abandon();
      options.onBroken?.(error);
    };
    const committer = new Committer(store, clock, (worker) => this.#membership.fenced(worker), onBroken);
    this.#engine = {
      store,
      keys: keysOf(options.namespace ?? "sluice"),
      clock,
      random: options.random ?? Math.random,
      settings: {
        namespace: options.namespace ?? "sluice",
        resultTtl: options.resultTtl ?? 86_400,
        idempotencyTtl: options.idempotencyTtl ?? 3600,
        workerLostAfter: options.workerLostAfter ?? 15,
      },
      definitions,
      channels,
      slots,
      committer,
      intake: new Intake(committer),
      deadlines: new Deadlines(clock),
      records: new RecordCache(),
      followers: new Followers(),
      results: new Results(),
      limits: new Limits(definitions, channels),
      overrides: new Overrides(() => this.#engine, (channel) => this.#consumers.get(channel)?.changed()),
      depths: new Depths(),
      locks: new LockWaits(),
      threads: threads === 0 ? null : new ThreadPool(clock, onEvent, { threads, tasksPerThread }),
      suspects: { count: 0 },
      solo: options.solo ? { taken: 0, freed: () => this.#consumers.forEach((c) => c.freed()) } : null,
      nextId: idSource(clock),
      emit: (event) => {
        this.#tally.record(event);
        onEvent(event);
        this.#watches.heard(event);
      },
      wake: (channel, entry) => {
        this.#activity.stir();
        wakeups.wake(channel, entry);
      },
      consumer: (channel) => this.#consumers.get(channel),
      dueAt: (time) => {
        this.#activity.stir(time);
        this.#promoter.dueAt(time);
      },
      scheduleDueAt: (time) => {
        this.#activity.stir(time);
        this.#scheduler.dueAt(time);
      },
      ended: (record, done) => this.#ended(record, done),
      groupEnded: (id) => this.#waits.ended(id),
      owe: (kind, id) => this.#cascades.owe(kind, id),
      submitting: new Set(),
      worker: () => this.#membership.worker,
      isResting: () => this.#activity.resting,
      peers: (channel) => this.#membership.peers(channel),
      freed: (record) => this.#releaser.freed(record),
      parked: (by, dueAt) => this.#releaser.parked(by, dueAt),
    };
    const lookout = new Lookout(store, clock);
    this.#waits = new Waits(clock, lookout);
    this.#watches = new Watches(lookout);
    const startedAt = clock.now();
    this.#membership = new Membership(
      this.#engine,
      () => ({
        host: options.host ?? "",
        pid: options.pid ?? 0,
        channels: Object.fromEntries(slots),
        startedAt,
        beat: 0,
        schedules: [...this.#scheduler.declared.keys()],
        incarnation: store.incarnation,
      }),
      (worker) => this.#consumers.forEach((consumer) => consumer.drop(worker)),
      () => this.#lookAround(),
      onBroken,
      () => !this.#engine.isResting() || this.#running().length > 0,
    );
    this.#consumers = new Map(
      [...slots].map(([channel, n]) => [
        channel,
        new Consumer(this.#engine, channel, n, () => this.#membership.worker),
      ]),
    );
    this.#scheduler = new Scheduler(this.#engine, options.schedules ?? []);
    this.schedules = new EngineSchedules(this.#engine, () => this.#ready());
    this.#releaser = new Releaser(this.#engine);
    this.#promoter = new Promoter(this.#engine, this.#releaser);
    this.#sweeper = new Sweeper(this.#engine);
    this.#cascades = new Cascades(this.#engine, this.#runHere);
    const { onDemand = false } = options;
    // A hint is no reason to work, and listening keeps a store busy.
    const heard = onDemand ? [] : [...slots.keys()];
    const wakeups = new Wakeups(
      store.doorbell,
      heard,
      (channel, entry) => this.#consumers.get(channel)?.ring(entry),
      (channel) => this.#consumers.get(channel)?.hear(),
    );
    this.#activity = new Activity(clock, onDemand, {
      loops: [this.#scheduler, this.#promoter, this.#sweeper, this.#cascades, ...this.#consumers.values()],
      prepare: () => this.#prepare(),
      failed: (error) => this.#engine.emit({ type: "fault", message: "Work could not be begun", error }),
    });
  }

  async start(): Promise<void> {
    const { threads, definitions } = this.#engine;
    const inThreads = [...definitions.values()].filter(({ thread }) => threads && thread);
    if (inThreads.length > 0) await checkThreadTasks(inThreads);
    await this.#activity.start();
  }

  stop(grace = 30): Promise<void> {
    return this.#stopping ??= this.#stop(grace);
  }

  async submit<Schema extends ArgsSchema, Result>(
    definition: TaskDefinition<Schema, Result>,
    args: z.input<Schema>,
    options: SubmitOptions = {},
  ): Promise<Task<Awaited<Result>>> {
    const { tasks } = await this.submitAll([{ ...options, name: definition.name, args }]);
    return tasks[0]! as Task<Awaited<Result>>;
  }

  async submitAll(
    requests: readonly TaskRequest[],
    idempotency?: Idempotency,
  ): Promise<{ tasks: Task[]; replayed: boolean }> {
    const pending = this.#ready();
    if (pending) await pending;
    return submitAll(this.#engine, requests, idempotency);
  }

  faults(request: Pick<TaskRequest, "name" | "args" | "channel">, before = 0): Fault[] {
    return faultsOfRequest(this.#engine, request, before);
  }

  async get(id: string): Promise<Task> {
    const task = await getTask(this.#engine, id);
    // Who asks for a task that has not started would rather have it run.
    if (task.state === "PENDING" || task.state === "RETRY") this.#activity.stir(task.runAt);
    return task;
  }

  list(filter: TaskFilter = {}): Promise<TaskList> {
    return listTasks(this.#engine, filter);
  }

  wait(id: string, options: { timeout?: number; signal?: AbortSignal } = {}): Promise<Task> {
    return this.#during(() => this.#waits.wait(id, () => lookAtTask(this.#engine, id), options));
  }

  async *watch(
    id: string,
    options: { repeat?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<TaskChange, void> {
    this.#activity.enter();
    try {
      yield* this.#watches.watch(this.#engine, id, options);
    } finally {
      this.#activity.leave();
    }
  }

  async result<Result>(task: Task<Result>, options: { signal?: AbortSignal } = {}): Promise<Result> {
    const { id, state, result, error } = await this.wait(task.id, options);
    if (state === "SUCCESS") return result as Result;
    throw new TaskFailedError(id, state, error?.type ?? "Error", error?.message ?? "");
  }

  async revoke(id: string): Promise<Task> {
    await this.#act(() => revoke(this.#engine, id, this.#runHere));
    return this.get(id);
  }

  submitWorkflow(
    node: WorkflowNode,
    idempotency?: Idempotency,
  ): Promise<{ workflow: Workflow; replayed: boolean }> {
    return this.#act(() => submitWorkflow(this.#engine, node, idempotency));
  }

  workflow(id: string): Promise<Workflow> {
    return getWorkflow(this.#engine, id);
  }

  waitWorkflow(
    id: string,
    options: { timeout?: number; signal?: AbortSignal } = {},
  ): Promise<Workflow> {
    return this.#during(async () => {
      const { end } = await findWorkflow(this.#engine, id);
      await this.#waits.wait(end.id, () => lookAtEnd(this.#engine, end), options);
      return await getWorkflow(this.#engine, id);
    });
  }

  revokeWorkflow(id: string): Promise<Workflow> {
    return this.#act(() => inSteps(revokeWorkflow(this.#engine, id)));
  }

  redrive(id: string, idempotency?: Idempotency): Promise<{ task: Task; replayed: boolean }> {
    return this.#act(() => redrive(this.#engine, id, idempotency));
  }

  redriveAll(filter: RedriveFilter = {}): Promise<{ tasks: Redriven[]; cursor: string | null }> {
    return this.#act(() => inSteps(redriveAll(this.#engine, filter)));
  }

  definitions(): readonly DefinitionView[] {
    return viewDefinitions(this.#engine);
  }

  channels(): Promise<Channel[]> {
    return viewChannels(this.#engine);
  }

  async changeChannel(name: string, change: ChannelChange): Promise<Channel> {
    await this.#act(() => changeChannel(this.#engine, name, change));
    return (await this.channels()).find((channel) => channel.name === name)!;
  }

  purge(channel: string): Promise<number> {
    return this.#act(() => inSteps(purge(this.#engine, channel)));
  }

  workers(): Promise<Worker[]> {
    return viewWorkers(this.#engine, this.#membership, this.#runHere);
  }

  stats(): Promise<Stats> {
    return viewStats(this.#engine, this.#membership, this.#tally);
  }

  explain(id: string): Promise<Explanation> {
    return explainTask(this.#engine, id, this.#runHere);
  }

  keys(filter: KeyFilter = {}): Promise<{ keys: StoredKey[]; cursor: string | null }> {
    return listKeys(this.#engine, filter);
  }

  keysOf(id: string): Promise<StoredKey[]> {
    return keysOfTask(this.#engine, id);
  }

  health(): Promise<Health> {
    if (this.#stopping) return Promise.resolve({ ready: false, problems: ["The process is stopping."] });
    if (this.#broken) return Promise.resolve({ ready: false, problems: [this.#broken.message] });
    return viewHealth(this.#engine, this.#membership, this.#consumers.values(), this.#activity.onDemand);
  }

  async tick({ seconds = 0, signal }: TickOptions = {}): Promise<Counts> {
    const before = this.#tally.counts;
    if (!this.#stopping) {
      await this.#act(async () => {
        const fired = this.#scheduler.tick();
        await fired.catch(() => {});
        if (seconds > 0) await this.#workOff(seconds, signal);
        await fired;
      });
    }
    return countsSince(before, this.#tally.counts);
  }

  /** Works until nothing will be due soon, nothing runs, and it is known of every other worker whether it lives. */
  async #workOff(seconds: number, signal?: AbortSignal): Promise<void> {
    const end = this.#engine.clock.monotonic() + seconds * 1000;
    await this.#activity.stay(
      () => end,
      () =>
        this.#activity.calm(SOON) && this.#running().length === 0 && !this.#membership.rescuer.isUndecided,
      signal,
    );
  }

  /** Waits or commits: a reason to work meanwhile. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#activity.enter();
    try {
      return await work();
    } finally {
      this.#activity.leave();
    }
  }

  /** Does what commits, once this process is registered. */
  #act<T>(work: () => Promise<T>): Promise<T> {
    return this.#during(async () => {
      await this.#ready();
      return await work();
    });
  }

  /** What comes before the loops; an outage of the store is waited for. */
  async #prepare(): Promise<void> {
    for (;;) {
      try {
        await this.#ready();
        await this.#membership.rescue();
        await this.#scheduler.declare();
        return await this.#engine.overrides.refresh();
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
      }
      await sleep(this.#engine.clock, POLL.first);
    }
  }

  /** A promise while there is something to wait for before a commit. */
  #ready(): Promise<void> | undefined {
    if (this.#broken) throw this.#broken;
    if (this.#stopping) throw new StoppedError("The queue is stopping");
    const registering = this.#membership.ensure();
    return registering && withDeadline(this.#engine.clock, REGISTER_DEADLINE, registering).catch((error) => {
      // Nothing was sent yet of what is to be done.
      throw error instanceof StoreUnavailableError ? new StoreUnavailableError(error.message, false) : error;
    });
  }

  #running(): Run[] {
    return [...this.#consumers.values()].flatMap((consumer) => [...consumer.runs.values()]);
  }

  #runHere = (id: string): Run | undefined => {
    for (const consumer of this.#consumers.values()) {
      const run = consumer.runs.get(id);
      if (run) return run;
    }
    return undefined;
  };

  /** What others have asked of this process since the last heartbeat. */
  async #lookAround(): Promise<void> {
    await obeyRevokes(this.#engine, this.#runHere);
    if (this.#engine.overrides.shared) await this.#engine.overrides.refresh();
  }

  #ended(record: TaskRecord, done: "all" | "release" | null = null): void {
    this.#engine.freed(record);
    const { id, name, channel, state, startedAt, doneAt, error } = record;
    this.#engine.emit({
      type: "finished",
      task: { id, name, channel },
      state: state as FinalState,
      duration: startedAt === undefined ? null : (doneAt! - startedAt) / 1000,
      error: error ? oneLine(error) : null,
    });
    this.#waits.ended(id);
    if (record.workflow && done !== "all") this.#cascades.ended(record, done === "release");
  }

  async #stop(grace: number): Promise<void> {
    const { committer, emit, clock, deadlines, threads } = this.#engine;
    const open = () => this.#running();
    emit({ type: "stopping", running: open().length });
    const end = clock.monotonic() + grace * 1000;
    const quiet = this.#activity.stop();
    // A claim whose answer was lost takes seconds: the other runs do not wait for it.
    await withDeadline(clock, grace * 1000, quiet).catch(() => {});
    // What waits for a thread has not begun.
    await Promise.all(open().filter((run) => run.reserved).map((run) => run.giveBack()));
    while (open().length > 0 && clock.monotonic() < end && !this.#broken) {
      await sleep(clock, Math.min(20, end - clock.monotonic()));
    }
    await Promise.all(open().map((run) => run.giveBack()));
    await quiet;
    await Promise.all(open().map((run) => run.giveBack()));
    await this.#cascades.end();
    await Promise.all([committer.drained(), threads?.stop()]);
    await this.#releaser.stop();
    deadlines.stop();
    if (!this.#broken) await this.#membership.retire();
    committer.end();
    const stopped = new StoppedError("The queue has stopped");
    this.#waits.end(stopped);
    this.#watches.end(stopped);
    emit({ type: "stopped" });
  }
}

/** What takes several commits may be done in part when the store does not answer to one of them. */
async function inSteps<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof StoreUnavailableError ? new StoreUnavailableError(error.message) : error;
  }
}

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

/** A tick waits for what is due within so many milliseconds. */
const SOON = 10_000;
/** Milliseconds that a caller waits for this process's registration. */
const REGISTER_DEADLINE = 10_000;
/** Tasks that a thread runs when no setting says how many. */
const TASKS_PER_THREAD = 1000;
/** Slots of a channel that no setting names. */
const DEFAULT_SLOTS = 4;

function defaultChannels(channels: ReadonlyMap<string, string>): Record<string, number> {
  return Object.fromEntries([...channels.values()].map((channel) => [channel, DEFAULT_SLOTS]));
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
