/**
 * Reads the rows that laws ask for: a key that is asked for is noted, read, and shown at the law's next try.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";
import type { UndoRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { keyId } from "../store/key_id.ts";
import { familyOf, idOf, type Keys } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, Key, Store } from "../store/port.ts";
import type { Finding, Law, Look, Stored } from "./law.ts";

/** Keys that a store reads in one snapshot. */
const SNAPSHOT = 10;

/** Stands for a row that cannot be decoded. */
export const UNREADABLE = Symbol("unreadable");

/** The subject of an examination, the same for all laws. */
export interface Case {
  readonly store: Store;
  readonly keys: Keys;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  readonly now: number;
}

/** The rows that laws have asked for, and those given to `add`. */
export class Rows implements Look {
  readonly keys: Keys;
  readonly definitions: ReadonlyMap<string, AnyTaskDefinition>;
  readonly now: number;
  readonly #store: Store;
  /** Keys by their ids, in the order in which they were asked for. */
  #asked = new Map<string, Key>();
  /** Rows by the ids of their keys; `null`: there is none. */
  #read = new Map<string, Stored<unknown> | typeof UNREADABLE | null>();
  /** Roots for which `isWritten` holds; `undefined`: no law has asked; `null`: asked for, and not read yet. */
  #written: ReadonlySet<string> | null | undefined;
  /** Whether the law being tried has asked for something that is not read yet. */
  #lacking = false;
  /** Whether the law being tried has asked for a row that cannot be decoded. */
  #blind = false;

  constructor({ store, keys, definitions, now }: Case) {
    this.#store = store;
    this.keys = keys;
    this.definitions = definitions;
    this.now = now;
  }

  at<Row>(key: Key): Stored<Row> | null {
    const id = keyId(key);
    const found = this.#read.get(id);
    if (found === undefined) {
      this.#asked.set(id, key);
      this.#lacking = true;
    }
    if (found === UNREADABLE) this.#blind = true;
    return found === UNREADABLE ? null : found as Stored<Row> | undefined ?? null;
  }

  isWritten(root: string): boolean {
    this.#written ??= null;
    this.#lacking ||= this.#written === null;
    return this.#written?.has(root) ?? false;
  }

  /**
   * Tries a law.
   *
   * @returns the finding; `null` when the law holds, or needs a row that cannot be decoded; `undefined` when it has
   *   asked for something that is not read yet
   */
  judge(law: Law<never>, found: Stored<unknown>): Finding | null | undefined {
    this.#lacking = false;
    this.#blind = false;
    const finding = law(found as Stored<never>, this);
    return this.#lacking ? undefined : this.#blind ? null : finding;
  }

  /** Takes rows that were read already. */
  add(found: Iterable<Stored<unknown>>): void {
    for (const row of found) {
      const id = keyId(row.key);
      this.#asked.set(id, row.key);
      this.#read.set(id, row);
    }
  }

  /** Reads what was asked for and is not read yet. */
  async readRest(): Promise<void> {
    if (this.#written === null) await this.#readWritten();
    await this.#readAll([...this.#asked].filter(([id]) => !this.#read.has(id)));
  }

  /**
   * Reads everything that was asked for anew: the first ten keys in one snapshot, then the others.
   *
   * @returns whether the first row was the same before and after the others were read
   */
  async readSnapshot(): Promise<boolean> {
    // Submissions before rows: a workflow that was seen earlier, and is not being submitted now, is stored completely.
    if (this.#written !== undefined) await this.#readWritten();
    const asked = [...this.#asked];
    await this.#readAll(asked.slice(0, SNAPSHOT));
    if (asked.length <= SNAPSHOT) return true;
    await this.#readAll(asked.slice(SNAPSHOT));
    const [id, key] = asked[0]!;
    const [entry] = await this.#store.getMany([key]);
    const before = this.#read.get(id) as Stored<unknown> | null;
    return (entry?.versionstamp ?? null) === (before?.versionstamp ?? null);
  }

  async #readAll(asked: readonly (readonly [string, Key])[]): Promise<void> {
    const entries = await this.#store.getMany(asked.map(([, key]) => key));
    asked.forEach(([id], i) => this.#read.set(id, entries[i] ? storedOf(entries[i]) : null));
  }

  async #readWritten(): Promise<void> {
    const roots = new Set<string>();
    for await (const page of pagesOf(this.#store, this.keys.cascadesOf("undo"))) {
      for (const { value } of page) roots.add(decode<UndoRow>(value).root);
    }
    this.#written = roots;
  }
}

/** Decodes an entry. Chunks and lanes are stored as raw values; the id of a task is taken from its key. */
export function storedOf({ key, value, versionstamp }: Entry): Stored<unknown> | typeof UNREADABLE {
  const family = familyOf(key);
  if (family === "blob" || family === "lane") return { key, versionstamp, row: value };
  try {
    const row = decode<object>(value);
    return { key, versionstamp, row: family === "task" ? { ...row, id: idOf(key) } : row };
  } catch {
    return UNREADABLE;
  }
}
