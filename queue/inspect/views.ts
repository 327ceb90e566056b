/**
 * Views of the engine: definitions, channels, workers, health.
 *
 * @module
 */
import { z } from "zod";
import type { Consumer } from "../claim/consumer.ts";
import { keyRules } from "../request/definition_keys.ts";
import type { Base, Here } from "../engine.ts";
import type { Overrides } from "../limits/overrides.ts";
import { withDeadline } from "../commit/lane.ts";
import type { Membership } from "../membership/membership.ts";
import { readRecords } from "../task/read.ts";
import type { ParkedPointer, RunRow, WorkerRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, type Namespace, timeIn } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, KeyRange } from "../store/port.ts";
import { DEFAULT_PRIORITY, DEFAULT_TIME_LIMIT, knownChannels } from "../task/options.ts";
import type { Channel, Health, Json, Worker } from "../ground/task.ts";

/** Most entries that are counted for one depth. */
const DEPTH_CAP = 10_000;
/**
 * Ready tasks, those submitted first, of which the one that has waited longest is sought. The first need not be that
 * one: a task that was delayed became ready later than it was submitted.
 */
const OLDEST = 10;
/** Milliseconds without progress, with work due and slots free, after which the process is not ready. */
const STALLED_AFTER = 10_000;
/** Milliseconds that a health check waits for the store. */
const HEALTH_DEADLINE = 2_000;

/** One definition as `GET /v1/definitions` shows it. */
export interface DefinitionView {
  readonly name: string;
  readonly description: string | null;
  readonly channel: string;
  readonly priority: number;
  readonly maxRetries: number;
  readonly softTimeLimit: number | null;
  readonly timeLimit: number;
  readonly retryOnTimeout: boolean;
  readonly idempotency: { readonly ttl: number; readonly onDuplicate: "skip" | "return" | "raise" } | null;
  /** JSON Schema of the argument array. */
  readonly args: Json;
}

/** The definitions with their defaults filled in, by name. */
export function viewDefinitions(engine: Pick<Base, "definitions" | "channels">): DefinitionView[] {
  return [...engine.definitions.values()].map((definition) => ({
    name: definition.name,
    description: definition.description ?? null,
    channel: engine.channels.get(definition.name)!,
    priority: definition.priority ?? DEFAULT_PRIORITY,
    maxRetries: definition.maxRetries ?? 0,
    softTimeLimit: definition.softTimeLimit ?? null,
    timeLimit: definition.timeLimit ?? DEFAULT_TIME_LIMIT,
    retryOnTimeout: definition.retryOnTimeout ?? false,
    idempotency: definition.idempotency ? keyRules(definition.idempotency) : null,
    args: z.toJSONSchema(definition.args, { io: "input", unrepresentable: "any" }) as Json,
  })).sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Up to {@link DEPTH_CAP} entries of a range. */
export async function listUpToCap(engine: Pick<Base, "store">, range: KeyRange): Promise<Entry[]> {
  return (await Array.fromAsync(pagesOf(engine.store, range, { most: DEPTH_CAP }))).flat();
}

/** Every known channel with its depths. */
export async function viewChannels(engine: Base & { readonly overrides: Overrides }): Promise<Channel[]> {
  const { overrides } = engine;
  if (overrides.shared) await overrides.refresh();
  const parked = (entries: Entry[]) =>
    countBy(entries, (entry) => decode<ParkedPointer>(entry.value).channel);
  const delayed = parked(await listUpToCap(engine, engine.keys.delayedAll()));
  const blocked = parked(await listUpToCap(engine, engine.keys.blockedAll()));
  const runs = await listUpToCap(engine, engine.keys.runs());
  const records = await readRecords(engine, runs.map((entry) => idOf(entry.key)));
  const running = countBy(records.filter((record) => record !== null), (record) => record.channel);
  const now = engine.clock.now();
  return await Promise.all(
    [...knownChannels(engine)].sort().map(async (name) => {
      const { slots, rateLimit = null, burst = null, maxDepth = null } = overrides.of(name);
      const ready = await listUpToCap(engine, engine.keys.readyOf(name));
      const ids = ready.map((entry) => idOf(entry.key)).sort().slice(0, OLDEST);
      const since = (await readRecords(engine, ids)).flatMap((record) => record ? [record.runAt] : []);
      return {
        name,
        paused: overrides.isPaused(name),
        slots: slots ?? engine.slots.get(name) ?? 0,
        rateLimit,
        burst,
        maxDepth,
        ready: ready.length,
        delayed: delayed.get(name) ?? 0,
        blocked: blocked.get(name) ?? 0,
        running: running.get(name) ?? 0,
        oldestAge: since.length === 0 ? null : Math.max(0, now - Math.min(...since)) / 1000,
      };
    }),
  );
}

function countBy<T>(items: readonly T[], of: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(of(item), (counts.get(of(item)) ?? 0) + 1);
  return counts;
}

/** Every registered process and what it runs. */
export async function viewWorkers(
  engine: Namespace & Pick<Here, "runOf">,
  membership: Membership,
): Promise<Worker[]> {
  const entries = await engine.store.list(engine.keys.workers(), { limit: engine.store.limits.listBatch });
  const runs = await listUpToCap(engine, engine.keys.runs());
  const records = await readRecords(engine, runs.map((entry) => idOf(entry.key)));
  const running = Map.groupBy(
    runs.flatMap((entry, i) => {
      const record = records[i];
      if (!record) return [];
      const { id, name, channel } = record;
      const { worker, startedAt } = decode<RunRow>(entry.value);
      const reserved = worker === membership.worker ? engine.runOf(id)?.reserved ?? false : null;
      return [{ worker, task: { id, name, channel, startedAt, reserved } }];
    }),
    ({ worker }) => worker,
  );
  return entries.map((entry) => {
    const row = decode<WorkerRow>(entry.value);
    const id = idOf(entry.key);
    return {
      id,
      host: row.host,
      pid: row.pid,
      channels: row.channels,
      startedAt: row.startedAt,
      heartbeatAge: id === membership.worker ? 0 : membership.rescuer.ageOf(id),
      lost: row.lost === true,
      running: running.get(id)?.map(({ task }) => task) ?? [],
    };
  });
}

/**
 * Whether the store answers and due work makes progress.
 *
 * @param mayRest whether this process works on demand, so that due work may wait for a reason to work
 */
export async function viewHealth(
  engine: Base,
  membership: Membership,
  consumers: Iterable<Consumer>,
  mayRest: boolean,
): Promise<Health> {
  const problems: string[] = [];
  try {
    const late = await withDeadline(engine.clock, HEALTH_DEADLINE, latePromotion(engine));
    if (late && !mayRest) problems.push(late);
  } catch {
    return { ready: false, problems: ["The store does not answer."] };
  }
  const now = engine.clock.monotonic();
  if (
    !mayRest && membership.worker !== "" && now - membership.lastBeat > engine.settings.workerLostAfter * 1000
  ) {
    problems.push("No heartbeat of this process has been stored in time.");
  }
  for (const consumer of consumers) {
    if (consumer.stuck) {
      problems.push(
        `Channel ${consumer.channel}: every slot is held by a handler that ignores its abort signal.`,
      );
    } else if (!mayRest && consumer.free > 0 && now - consumer.progressAt > STALLED_AFTER) {
      problems.push(
        `Channel ${consumer.channel}: tasks are due and slots are free, but nothing has been claimed.`,
      );
    }
  }
  return { ready: problems.length === 0, problems };
}

async function latePromotion(engine: Base): Promise<string | null> {
  const [first] = await engine.store.list(engine.keys.delayedAll(), { limit: 1 });
  if (!first || engine.slots.size === 0) return null;
  const late = engine.clock.now() - timeIn(first.key);
  return late > STALLED_AFTER ? `A delayed task has been due for ${Math.round(late / 1000)} s.` : null;
}
