/**
 * A unit: checks and mutations that land together or not at all. The committer merges units into commits.
 *
 * @module
 */
import type { Check, Key, Mutation } from "../store/port.ts";
import { encode } from "./codec.ts";

/** The checks and mutations of one operation, and how the committer may treat them. */
export interface Unit {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  /**
   * A key that exists exactly if this unit landed. After the process was fenced this key decides about the unit
   * (invariant 10); a unit without evidence is then dropped.
   */
  readonly evidence?: Key;
  /**
   * The unit writes only keys that contain an id made for it. Such keys conflict with no unit on its way, because
   * another unit can know these keys only after this unit has landed.
   */
  readonly fresh?: boolean;
  /**
   * Other processes compete for the rows that the unit checks, so it fails often. It shares no commit, because all
   * units that share one with it would have to be sent again.
   */
  readonly contested?: boolean;
  /** The worker in whose name the unit acts (claim, settle, …); under a later registration the unit is of no use. */
  readonly worker?: string;
  /**
   * Whether the unit waits for a store that does not answer, for as long as that takes; if not, its caller is told
   * after one to two seconds. @default {whether `worker` is set, because a run depends on such a unit}
   */
  readonly patient?: boolean;
}

/** Makes a mutation that writes one of the engine's own rows. */
export function put(key: Key, row: unknown): Mutation {
  return { type: "set", key, value: encode(row) };
}

/** Makes a mutation that writes a value as it is: a chunk, or a value that a handler stores. */
export function putRaw(key: Key, value: unknown): Mutation {
  return { type: "set", key, value };
}

/** Makes a mutation that deletes a key. */
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
