/**
 * What a law of the stored data is: a pure function that holds one row against others. It asks for those by their
 * keys, so that the same function judges a page at first sight and, where it finds fault, one snapshot.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Keys } from "../rows/keys.ts";
import type { Check, Key } from "../store/port.ts";
import type { Unit } from "../rows/unit.ts";

/** A row as it was read: the check that it is still so, and what it says. */
export interface Stored<Row> extends Check {
  readonly versionstamp: string;
  readonly row: Row;
}

/** Rows at one moment, as far as a law has asked for them. */
export interface Look {
  readonly keys: Keys;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The row under a key; `null`: there is none. */
  at<Row>(key: Key): Stored<Row> | null;
  /** Whether the submission of the workflow with this root has not come to its end. */
  isWritten(root: string): boolean;
}

/** How a finding can be put right: one commit, under check of what was seen. */
export interface Repair {
  /** "requeued", "deleted", …: what it has done when it has landed. */
  readonly does: string;
  readonly unit: Unit;
}

/** A broken law. */
export interface Finding {
  /** Number of the invariant (docs/architecture.md); `null`: what it guards has no number. */
  readonly law: number | null;
  readonly message: string;
  /** Keys of the rows that do not agree. */
  readonly keys: readonly Key[];
  /** `null`: it cannot be put right without knowing more than the store does. */
  readonly repair: Repair | null;
}

/**
 * Holds a row against others. What proves that a law is broken is asked for first, and takes at most nine further keys:
 * they are read in one snapshot with the row. What only its repair has to know may come after them.
 */
export type Law<Row> = (found: Stored<Row>, look: Look) => Finding | null;

/** The check that a key is as a law has seen it. */
export function seen(look: Look, key: Key): Check {
  return { key, versionstamp: look.at(key)?.versionstamp ?? null };
}
