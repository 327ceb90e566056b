/**
 * The key layout: one function makes each key, and a few read what a key says. Nothing else makes or parses
 * keys. (The doorbell makes its own `bell` key, in `store/watched_doorbell.ts`: the store knows nothing of the rows.)
 *
 * ```text
 * ns "meta"                                  stored-data version
 * ns "task"     id                           task record
 * ns "ready"    channel 9-priority id        pointer: may be claimed now
 * ns "delayed"  dueAt id                     pointer: may be claimed at dueAt (ms)
 * ns "blocked"  key 9-priority id            pointer: waits for a concurrency key ("key:…"), a rate ("rate:…") or a
 *                                            process that knows its name ("name:…")
 * ns "waiting"  T id                         pointer: a workflow's task, waits for the task, group or submission T
 * ns "run"      id                           the worker that runs the task
 * ns "revoke"   id                           a running task shall end
 * ns "worker"   W                            a registered process
 * ns "lane"     W n                          number of the last commit that went through lane n of W
 * ns "idem"     scope key                    idempotency key
 * ns "schedule" id                           a schedule
 * ns "due"      dueAt id                     when a schedule is looked at
 * ns "occurrence" id n                       what became of a schedule's nth occurrence
 * ns "channel"  name                         settings that people have made for a channel
 * ns "slots"    key                          tasks under a concurrency key
 * ns "rate"     name                         the state of a task name's or a channel's rate
 * ns "lock"     name                         a lock of `ctx.lock`
 * ns "workflow" id                           which tasks and groups belong to a workflow
 * ns "group"    g                            a workflow's group: open, fired or closed
 * ns "open"     g id                         a task or group in g that has not ended
 * ns "cascade"  kind id                      work that an end, a submission or a revoke has left to do
 * ns "ended"    state id                     pointer to FAILURE and REVOKED tasks
 * ns "bell"     channel                      rewritten when the channel has work; watched, on a KV server
 * ns "apikey"   name                         an API key
 * ns "audit"    id                           what an operator did
 * ns "sweep"                                 how far retention has come
 * ns "later"    at id                        look at a task again at this time
 * ns "blob"     id part n                    chunk of arguments or of a result
 * ```
 *
 * @module
 */
import type { Key, KeyPart, KeyRange, Store } from "../store/port.ts";

/** The parts of a task that may be stored in chunks. */
export type BlobPart = "args" | "result";

/** The kinds of work that can be left to do for a workflow; see `queue/workflow/cascades.ts`. */
export type CascadeKind = "release" | "join" | "fail" | "close" | "revoke" | "undo";

/** The keys of one namespace. */
export type Keys = ReturnType<typeof keysOf>;

/** A namespace in its store; a function that reads rows takes this. */
export interface Namespace {
  readonly store: Store;
  readonly keys: Keys;
}

/** Makes the key functions of a namespace. */
// deno-lint-ignore explicit-module-boundary-types -- the type is Keys
export function keysOf(ns: string) {
  return {
    /** The key with these parts after the namespace, the reverse of {@link partsOf}. */
    of: (parts: readonly KeyPart[]): Key => [ns, ...parts],

    /** All keys whose parts after the namespace begin with these. */
    under: (parts: readonly string[]): KeyRange => ({ prefix: [ns, ...parts] }),

    /** All keys except those of some families, which the caller names in key order. */
    without: (...families: readonly string[]): KeyRange[] =>
      ["", ...families].map((family, i) => ({
        prefix: [ns],
        ...(family !== "" && { start: [ns, `${family}\0`] }),
        ...(i < families.length && { end: [ns, families[i]!] }),
      })),

    /** All keys that come after those of a family. */
    behind: (family: string): KeyRange => ({ prefix: [ns], start: [ns, `${family}\0`] }),

    meta: (): Key => [ns, "meta"],

    task: (id: string): Key => [ns, "task", id],
    tasks: (): KeyRange => ({ prefix: [ns, "task"] }),

    ready: (channel: string, priority: number, id: string): Key => [ns, "ready", channel, 9 - priority, id],
    readyOf: (channel: string): KeyRange => ({ prefix: [ns, "ready", channel] }),
    readyAll: (): KeyRange => ({ prefix: [ns, "ready"] }),

    delayed: (dueAt: number, id: string): Key => [ns, "delayed", dueAt, id],
    delayedAll: (): KeyRange => ({ prefix: [ns, "delayed"] }),

    blocked: (key: string, priority: number, id: string): Key => [ns, "blocked", key, 9 - priority, id],
    blockedAll: (): KeyRange => ({ prefix: [ns, "blocked"] }),
    blockedBy: (key: string): KeyRange => ({ prefix: [ns, "blocked", key] }),
    /** The `blocked` keys that come after those with this key; for the empty key, all `blocked` keys. */
    blockedBehind: (key: string): KeyRange => ({
      prefix: [ns, "blocked"],
      ...(key !== "" && { start: [ns, "blocked", `${key}\0`] }),
    }),

    waiting: (id: string, task: string): Key => [ns, "waiting", id, task],
    waitingFor: (id: string): KeyRange => ({ prefix: [ns, "waiting", id] }),

    run: (id: string): Key => [ns, "run", id],
    runs: (): KeyRange => ({ prefix: [ns, "run"] }),

    revoke: (id: string): Key => [ns, "revoke", id],
    revokes: (): KeyRange => ({ prefix: [ns, "revoke"] }),

    worker: (worker: string): Key => [ns, "worker", worker],
    workers: (): KeyRange => ({ prefix: [ns, "worker"] }),

    lane: (worker: string, lane: number): Key => [ns, "lane", worker, lane],
    lanes: (): KeyRange => ({ prefix: [ns, "lane"] }),
    lanesOf: (worker: string): KeyRange => ({ prefix: [ns, "lane", worker] }),

    idempotency: (scope: string, key: string): Key => [ns, "idem", scope, key],

    schedule: (id: string): Key => [ns, "schedule", id],
    schedules: (): KeyRange => ({ prefix: [ns, "schedule"] }),

    due: (dueAt: number, id: string): Key => [ns, "due", dueAt, id],
    dueAll: (): KeyRange => ({ prefix: [ns, "due"] }),

    occurrence: (schedule: string, n: number): Key => [ns, "occurrence", schedule, n],
    occurrencesOf: (schedule: string): KeyRange => ({ prefix: [ns, "occurrence", schedule] }),

    channel: (name: string): Key => [ns, "channel", name],
    channels: (): KeyRange => ({ prefix: [ns, "channel"] }),

    slots: (key: string): Key => [ns, "slots", key],
    slotsAll: (): KeyRange => ({ prefix: [ns, "slots"] }),

    rate: (name: string): Key => [ns, "rate", name],
    rates: (): KeyRange => ({ prefix: [ns, "rate"] }),

    lock: (name: string): Key => [ns, "lock", name],
    locks: (): KeyRange => ({ prefix: [ns, "lock"] }),

    workflow: (id: string): Key => [ns, "workflow", id],
    workflows: (): KeyRange => ({ prefix: [ns, "workflow"] }),

    group: (id: string): Key => [ns, "group", id],
    groups: (): KeyRange => ({ prefix: [ns, "group"] }),

    open: (group: string, id: string): Key => [ns, "open", group, id],
    openIn: (group: string): KeyRange => ({ prefix: [ns, "open", group] }),

    cascade: (kind: CascadeKind, id: string): Key => [ns, "cascade", kind, id],
    cascadesOf: (kind: CascadeKind): KeyRange => ({ prefix: [ns, "cascade", kind] }),

    ended: (state: string, id: string): Key => [ns, "ended", state, id],
    endedAs: (state: string): KeyRange => ({ prefix: [ns, "ended", state] }),

    apiKey: (name: string): Key => [ns, "apikey", name],
    apiKeys: (): KeyRange => ({ prefix: [ns, "apikey"] }),

    audit: (id: string): Key => [ns, "audit", id],
    audits: (): KeyRange => ({ prefix: [ns, "audit"] }),

    sweep: (): Key => [ns, "sweep"],

    later: (at: number, id: string): Key => [ns, "later", at, id],
    laterAll: (): KeyRange => ({ prefix: [ns, "later"] }),

    blobsAll: (): KeyRange => ({ prefix: [ns, "blob"] }),
    blobs: (id: string): KeyRange => ({ prefix: [ns, "blob", id] }),
    blob: (id: string, part: BlobPart, n: number): Key => [ns, "blob", id, part, n],
  };
}

/** The key in `blocked` of the wait for a process that knows a task's name. */
export function unknownName(name: string): string {
  return `name:${name}`;
}

/**
 * The key in `blocked` of the wait, in one channel, for a concurrency key or for the rate of a task name. Each channel
 * has a key of its own, so that no channel's tasks stand behind the tasks of a paused channel.
 */
export function limitedBy(kind: "key" | "rate", channel: string, name: string): string {
  return `${kind}:${encodeURIComponent(channel.toWellFormed())}:${name}`;
}

/** Reads what a key in `blocked` waits for, as {@link limitedBy} or {@link unknownName} wrote it. */
export function whatBlocks(by: string): { kind: "name" | "key" | "rate"; channel: string; name: string } {
  const [, kind, channel, name] = /^(key|rate):([^:]*):(.*)$/s.exec(by) ?? [];
  if (name === undefined) return { kind: "name", channel: "", name: by.slice(by.indexOf(":") + 1) };
  return { kind: kind as "key" | "rate", channel: decodeURIComponent(channel!), name };
}

/** Narrows a range of keys that end with an id to those from one id (inclusive) to another (exclusive). */
export function within(
  range: KeyRange,
  { from, to }: { from?: string | undefined; to?: string | undefined },
): KeyRange {
  return {
    ...range,
    ...(from !== undefined && { start: [...range.prefix, from] }),
    ...(to !== undefined && { end: [...range.prefix, to] }),
  };
}

/** The first key that can come after a key: bytes sort before all other parts. */
export function keyAfter(key: Key): Key {
  return [...key, new Uint8Array()];
}

/** The first part of a key, which in the engine's own keys is the namespace. */
export function namespaceOf(key: Key): KeyPart | undefined {
  return key[0];
}

/** The parts after the namespace. */
export function partsOf(key: Key): Key {
  return key.slice(1);
}

/** The kind of row that a key, or all keys of a prefix, stand for: "task", "ready", … */
export function familyOf(key: Key): string {
  return String(key[1]);
}

/**
 * The part after the family, which several rows share: the channel in `ready`, the thing waited for in `blocked` and
 * `waiting`, the group in `open`, the kind in `cascade`, the state in `ended`, the worker in `lane`, the schedule in
 * `occurrence`, the task in `blob`.
 */
export function scopeOf(key: Key): string {
  return String(key[2]);
}

/** The last part of a key: the task id, in the keys that end with one. */
export function idOf(key: Key): string {
  return String(key.at(-1));
}

/** The last part of a key that ends with a number: `lane`, `occurrence`, `blob`. */
export function numberIn(key: Key): number {
  return Number(key.at(-1));
}

/** The part of a task that a chunk in `blob` belongs to. */
export function blobPartIn(key: Key): BlobPart {
  return key.at(-2) as BlobPart;
}

/** The time in `delayed`, `due` and `later`: milliseconds since 1970. */
export function timeIn(key: Key): number {
  return Number(key.at(-2));
}

/** The priority in `ready` and `blocked`. */
export function priorityIn(key: Key): number {
  return 9 - placeIn(key);
}

/** The place of a priority in the order of keys: 0, of priority 9, is first. */
export function placeIn(key: Key): number {
  return Number(key.at(-2));
}

/** Whether the first of two keys of `ready` or `blocked` has a higher priority, or the same and an older task. */
export function standsBefore(a: Key, b: Key): boolean {
  const [first, second] = [placeIn(a), placeIn(b)];
  return first === second ? idOf(a) < idOf(b) : first < second;
}
