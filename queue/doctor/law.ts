/**
 * A law of the stored data: a pure function that holds one row against others. A law asks for the others by their keys,
 * so that the same function judges a page at first sight and, where the page looks broken, one snapshot.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { Keys } from "../rows/keys.ts";
import type { Check, Key } from "../store/port.ts";
import type { Unit } from "../rows/unit.ts";

/** A row as it was read: its contents, and the check that it has not changed since. */
export interface Stored<Row> extends Check {
  readonly versionstamp: string;
  readonly row: Row;
}

/** The stored rows as laws see them, at one moment or on one page. */
export interface Look {
  readonly keys: Keys;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The row under a key; `null`: there is none. */
  at<Row>(key: Key): Stored<Row> | null;
  /** Whether the workflow with this root is still being submitted, or its submission is being undone. */
  isWritten(root: string): boolean;
}

/** How a finding can be repaired: one commit, under check of the rows that were seen. */
export interface Repair {
  /** The repair in a word, once it has landed: "requeued", "deleted", … */
  readonly does: string;
  readonly unit: Unit;
}

/** A broken law. */
export interface Finding {
  /** Number of the invariant (docs/architecture.md); `null`: the law guards none of them. */
  readonly law: number | null;
  readonly message: string;
  /** Keys of the rows that do not agree. */
  readonly keys: readonly Key[];
  /** `null`: the store does not say enough to repair it. */
  readonly repair: Repair | null;
}

/**
 * Holds a row against others. The rows that prove a law broken are asked for first, nine at most beside the row itself:
 * these ten are read in one snapshot. Rows that only the repair needs may be asked for after them.
 */
export type Law<Row> = (found: Stored<Row>, look: Look) => Finding | null;

/** The check that the row under a key is as a law has seen it. */
export function seen(look: Look, key: Key): Check {
  return { key, versionstamp: look.at(key)?.versionstamp ?? null };
}
