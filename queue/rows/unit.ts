/**
 * A unit: checks and mutations that land together or not at all. The committer merges units into commits.
 *
 * @module
 */
import type { Check, Key, Mutation } from "../store/port.ts";
import { encode } from "./codec.ts";

/** What one operation wants of the store. */
export interface Unit {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  /**
   * A key that exists exactly if this unit landed. Decides after the process was fenced (invariant 10); a unit
   * without it is then dropped.
   */
  readonly evidence?: Key;
  /**
   * It writes only keys that contain an id made for it, so these conflict with no unit on its way: whoever meets them
   * has seen them landed.
   */
  readonly fresh?: boolean;
  /**
   * Other processes are after what it checks, so it fails often: it shares no commit, because all that shares one with
   * it would have to go again.
   */
  readonly contested?: boolean;
  /** The worker in whose name it acts (claim, settle, …): of no use under a later registration. */
  readonly worker?: string;
  /**
   * Whether it waits for a store that does not answer, for as long as it takes; if not, the caller is told after a
   * moment. @default {whether it acts in a worker's name: a run hangs on it}
   */
  readonly patient?: boolean;
}

/** A mutation that writes one of the engine's own rows. */
export function put(key: Key, row: unknown): Mutation {
  return { type: "set", key, value: encode(row) };
}

/** A mutation that writes a value as it is: a chunk, or what a handler stores. */
export function putRaw(key: Key, value: unknown): Mutation {
  return { type: "set", key, value };
}

/** A mutation that deletes a key. */
export function del(key: Key): Mutation {
  return { type: "delete", key };
}

/** Joins units that must land together. */
export function together(...units: readonly Unit[]): Unit {
  const evidence = units.find((unit) => unit.evidence)?.evidence;
  const worker = units.find((unit) => unit.worker)?.worker;
  return {
    checks: units.flatMap((unit) => unit.checks),
    mutations: units.flatMap((unit) => unit.mutations),
    ...(evidence && { evidence }),
    ...(units.every((unit) => unit.fresh) && { fresh: true }),
    ...(worker !== undefined && { worker }),
  };
}
