/**
 * A batch: units merged into one commit.
 *
 * @module
 */
import type { Commit } from "./lane.ts";
import type { Load } from "./load.ts";
import type { Check, Mutation } from "../store/port.ts";
import type { Unit } from "../rows/unit.ts";

/** A unit that has no outcome yet: it waits for a commit, or is in one. */
export interface Pending extends Load {
  readonly unit: Unit;
  /** The unit was in a commit that the store refused, so it travels alone: only the bad one is then refused. */
  alone: boolean;
  /** The unit was seen waiting for a store that does not answer. */
  waited: boolean;
  /** The unit's caller was told that the store does not answer. */
  givenUp: boolean;
  resolve(versionstamp: string | null): void;
  reject(error: unknown): void;
}

/** Units merged into one commit. */
export interface Batch extends Commit {
  readonly units: readonly Pending[];
}

/** One commit of many units; a check that several of them make is sent once. */
export function merge(units: readonly Pending[]): Batch {
  const checks = new Map<string, Check>();
  const mutations: Mutation[] = [];
  for (const { unit, checkIds } of units) {
    unit.checks.forEach((check, i) => checks.set(checkIds[i]!, check));
    mutations.push(...unit.mutations);
  }
  return { units, checks: [...checks.values()], mutations };
}

/** A failed batch as it is resent: these of its units, without those whose callers were given up. */
export function withoutGivenUp(batch: Batch, holding: readonly Pending[]): Batch {
  const units = holding.filter(({ givenUp }) => !givenUp);
  return units.length === batch.units.length ? batch : merge(units);
}
