/**
 * The queue that a program, the HTTP routes and the tests talk to. Each method calls the function of a room of `queue/`
 * that does the work. The parts are put together in `assemble.ts`, started and stopped in `lifecycle.ts`.
 *
 * @module
 */
import type { z } from "zod";
import type { Queue, QueueOptions, TickOptions } from "./api.ts";
import type { Engine, Parts } from "./assemble.ts";
import type { Actor, AuditEntry } from "./ground/audit.ts";
import { type Fault, StoreUnavailableError, TaskFailedError } from "./ground/errors.ts";
import type {
  Channel,
  Health,
  Idempotency,
  SubmitOptions,
  Task,
  TaskChange,
  TaskRequest,
  Worker,
} from "./ground/task.ts";
import { type AuditFilter, listAudit } from "./inspect/audit.ts";
import { explainTask, type Explanation } from "./inspect/explain.ts";
import { type Stats, viewStats } from "./inspect/stats.ts";
import { type KeyFilter, keysOfTask, listKeys, type StoredKey } from "./inspect/stored_keys.ts";
import type { Counts } from "./inspect/tally.ts";
import { type DefinitionView, viewChannels, viewDefinitions, viewWorkers } from "./inspect/views.ts";
import { Lifecycle } from "./lifecycle.ts";
import { EngineApiKeys } from "./operate/api_keys.ts";
import { changeChannel, type ChannelChange, purge } from "./operate/channels.ts";
import { redrive, redriveAll, type RedriveFilter, type Redriven } from "./operate/redrive.ts";
import { revoke } from "./request/revoke.ts";
import { faultsOfRequest, submitAll } from "./request/submit.ts";
import { EngineSchedules } from "./schedules/schedules.ts";
import type { ArgsSchema, TaskDefinition } from "./task/define.ts";
import { listTasks, type TaskFilter, type TaskList } from "./task/list.ts";
import type { WorkflowNode } from "./task/node.ts";
import { getTask, lookAtTask } from "./task/read.ts";
import { revokeWorkflow } from "./workflow/revoke.ts";
import { submitWorkflow } from "./workflow/submit.ts";
import { findWorkflow, getWorkflow, lookAtEnd, type Workflow } from "./workflow/view.ts";

/**
 * Makes a queue. It accepts tasks at once, and executes them after `start()`.
 *
 * @throws {TypeError} when slots or times are no positive numbers, a definition has impossible defaults, two
 *   definitions have one name, or a schedule is not valid
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
  const life = new Lifecycle(options);
  return new EngineQueue(life, life.parts.engine);
}

class EngineQueue implements Queue {
  readonly schedules: EngineSchedules;
  readonly apiKeys: EngineApiKeys;
  readonly #life: Lifecycle;
  readonly #parts: Parts;
  readonly #engine: Engine;

  /** @param engine the engine of the life's parts, or a copy with another actor */
  constructor(life: Lifecycle, engine: Engine) {
    this.#life = life;
    this.#parts = life.parts;
    this.#engine = engine;
    this.schedules = new EngineSchedules(engine, () => life.ready());
    this.apiKeys = new EngineApiKeys(engine, () => life.ready());
  }

  by(actor: Actor): Queue {
    return new EngineQueue(this.#life, { ...this.#engine, actor });
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(grace = 30): Promise<void> {
    return this.#life.stop(grace);
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
    const pending = this.#life.ready();
    if (pending) await pending;
    return submitAll(this.#engine, requests, idempotency);
  }

  faults(request: Pick<TaskRequest, "name" | "args" | "channel">, before = 0): Fault[] {
    return faultsOfRequest(this.#engine, request, before);
  }

  async get(id: string): Promise<Task> {
    const task = await getTask(this.#engine, id);
    // A caller who asks for a task that has not started wants it to run: a reason for an idle process to work.
    if (task.state === "PENDING" || task.state === "RETRY") this.#parts.activity.stir(task.runAt);
    return task;
  }

  list(filter: TaskFilter = {}): Promise<TaskList> {
    return listTasks(this.#engine, filter);
  }

  async wait(id: string, options: { timeout?: number; signal?: AbortSignal } = {}): Promise<Task> {
    using _ = this.#life.waiting();
    return await this.#parts.waits.wait(id, () => lookAtTask(this.#engine, id), options);
  }

  async *watch(
    id: string,
    options: { repeat?: number; signal?: AbortSignal } = {},
  ): AsyncGenerator<TaskChange, void> {
    using _ = this.#life.waiting();
    yield* this.#parts.watches.watch(this.#engine, id, options);
  }

  async result<Result>(task: Task<Result>, options: { signal?: AbortSignal } = {}): Promise<Result> {
    const { id, state, result, error } = await this.wait(task.id, options);
    if (state === "SUCCESS") return result as Result;
    throw new TaskFailedError(id, state, error?.type ?? "Error", error?.message ?? "");
  }

  async revoke(id: string): Promise<Task> {
    await this.#life.act(() => revoke(this.#engine, id));
    return this.get(id);
  }

  submitWorkflow(
    node: WorkflowNode,
    idempotency?: Idempotency,
  ): Promise<{ workflow: Workflow; replayed: boolean }> {
    return this.#life.act(() => submitWorkflow(this.#engine, node, idempotency));
  }

  workflow(id: string): Promise<Workflow> {
    return getWorkflow(this.#engine, id);
  }

  async waitWorkflow(
    id: string,
    options: { timeout?: number; signal?: AbortSignal } = {},
  ): Promise<Workflow> {
    using _ = this.#life.waiting();
    const { end } = await findWorkflow(this.#engine, id);
    await this.#parts.waits.wait(end.id, () => lookAtEnd(this.#engine, end), options);
    return await getWorkflow(this.#engine, id);
  }

  revokeWorkflow(id: string): Promise<Workflow> {
    return this.#life.act(() => inSteps(revokeWorkflow(this.#engine, id)));
  }

  redrive(id: string, idempotency?: Idempotency): Promise<{ task: Task; replayed: boolean }> {
    return this.#life.act(() => redrive(this.#engine, id, idempotency));
  }

  redriveAll(
    filter: RedriveFilter = {},
  ): Promise<{ tasks: Redriven[]; cursor: string | null; lookedAt: number }> {
    return this.#life.act(() => inSteps(redriveAll(this.#engine, filter)));
  }

  definitions(): readonly DefinitionView[] {
    return viewDefinitions(this.#engine);
  }

  channels(): Promise<Channel[]> {
    return viewChannels(this.#engine);
  }

  async changeChannel(name: string, change: ChannelChange): Promise<Channel> {
    await this.#life.act(() => changeChannel(this.#engine, name, change));
    return (await this.channels()).find((channel) => channel.name === name)!;
  }

  purge(channel: string): Promise<number> {
    return this.#life.act(() => inSteps(purge(this.#engine, channel)));
  }

  workers(): Promise<Worker[]> {
    return viewWorkers(this.#engine, this.#parts.membership);
  }

  stats(): Promise<Stats> {
    return viewStats(this.#engine, this.#parts.membership, this.#parts.tally);
  }

  explain(id: string): Promise<Explanation> {
    return explainTask(this.#engine, id);
  }

  keys(filter: KeyFilter = {}): Promise<{ keys: StoredKey[]; cursor: string | null }> {
    return listKeys(this.#engine, filter);
  }

  keysOf(id: string): Promise<StoredKey[]> {
    return keysOfTask(this.#engine, id);
  }

  audit(
    filter: AuditFilter = {},
  ): Promise<{ entries: AuditEntry[]; cursor: string | null; lookedAt: number }> {
    return listAudit(this.#engine, filter);
  }

  health(): Promise<Health> {
    return this.#life.health();
  }

  tick(options: TickOptions = {}): Promise<Counts> {
    return this.#life.tick(options);
  }
}

/** An operation of several commits may be done in part when the store does not answer to one of them. */
async function inSteps<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof StoreUnavailableError ? new StoreUnavailableError(error.message) : error;
  }
}
