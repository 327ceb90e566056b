/**
 * The keys that units without an outcome check and mutate, so that conflicts are seen before units are merged.
 *
 * @module
 */
import type { Unit } from "../rows/unit.ts";

interface Hold {
  checks: number;
  mutations: number;
  /** The versionstamp that all checks of the key expect. */
  versionstamp: string | null;
}

/** The keys held by units that have no outcome yet. */
export class Holds {
  #holds = new Map<string, Hold>();

  /** Whether a unit conflicts with no unit that holds keys. */
  allow(unit: Unit, checkIds: readonly string[], mutationIds: readonly string[]): boolean {
    for (let i = 0; i < checkIds.length; i++) {
      const hold = this.#holds.get(checkIds[i]!);
      if (!hold) continue;
      if (hold.mutations > 0 || hold.versionstamp !== unit.checks[i]!.versionstamp) return false;
    }
    for (const id of mutationIds) if (this.#holds.has(id)) return false;
    return true;
  }

  /** Holds the keys of a unit that {@link allow} let through. */
  add(unit: Unit, checkIds: readonly string[], mutationIds: readonly string[]): void {
    for (let i = 0; i < checkIds.length; i++) {
      const hold = this.#hold(checkIds[i]!);
      hold.checks++;
      hold.versionstamp = unit.checks[i]!.versionstamp;
    }
    for (const id of mutationIds) this.#hold(id).mutations++;
  }

  /** Blocks the keys of a unit that has to wait, so that no later unit overtakes it. */
  block(checkIds: readonly string[], mutationIds: readonly string[]): void {
    for (const id of checkIds) this.#hold(id).mutations++;
    for (const id of mutationIds) this.#hold(id).mutations++;
  }

  /** Takes back {@link block}. */
  unblock(checkIds: readonly string[], mutationIds: readonly string[]): void {
    this.remove([], checkIds);
    this.remove([], mutationIds);
  }

  /** Lets go of a unit's keys. */
  remove(checkIds: readonly string[], mutationIds: readonly string[]): void {
    for (const id of checkIds) this.#drop(id, "checks");
    for (const id of mutationIds) this.#drop(id, "mutations");
  }

  #hold(id: string): Hold {
    let hold = this.#holds.get(id);
    if (!hold) this.#holds.set(id, hold = { checks: 0, mutations: 0, versionstamp: null });
    return hold;
  }

  #drop(id: string, kind: "checks" | "mutations"): void {
    const hold = this.#holds.get(id)!;
    hold[kind]--;
    if (hold.checks === 0 && hold.mutations === 0) this.#holds.delete(id);
  }
}
