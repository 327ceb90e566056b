/**
 * The doctor: reads a whole store, page by page, and tells which of its laws are broken. It writes nothing.
 *
 * Every law holds a row against a few others. The rows of a page and those read beside it may be of different moments
 * while a system is at work. So a law that looks broken is judged again in one snapshot before it is told. Laws hold at
 * every moment, so in a snapshot nothing but a real fault looks broken: a running system raises no false alarm.
 *
 * One page is in memory at a time, beside the tasks of schedules that `Histories` notes.
 *
 * @module
 */
import { type Clock, systemClock } from "../ground/clock.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import type { TaskRecord } from "../rows/record.ts";
import { familyOf, keyAfter, keysOf, partsOf } from "../rows/keys.ts";
import { pagesOf } from "../rows/pages.ts";
import type { Entry, Store } from "../store/port.ts";
import { Histories } from "./histories.ts";
import type { Finding, Law, Stored } from "./law.ts";
import { limitLaws } from "./limits.ts";
import { placeLaws } from "./places.ts";
import { recordLaws } from "./records.ts";
import { type Case, Rows, storedOf, UNREADABLE } from "./rows.ts";
import { scheduleLaws } from "./schedules.ts";
import { workflowLaws } from "./workflows.ts";

/** Tries to read a row and those beside it in one snapshot. A row that changes at each try is in use: no finding. */
const TRIES = 10;

/** The options of {@link examine}. */
export interface ExamineOptions {
  /** First part of every key. @default {"sluice"} */
  readonly namespace?: string;
  /** Definitions, which say how many tasks of a concurrency key may run. @default {[]} */
  readonly definitions?: readonly AnyTaskDefinition[];
  readonly clock?: Clock;
  /** Receives the number of rows of each kind. */
  readonly counts?: Map<string, number>;
}

/** The laws of each kind of row. */
const LAWS = new Map<string, Law<never>[]>();
for (const [families, law] of [...placeLaws, ...recordLaws, ...limitLaws, ...workflowLaws, ...scheduleLaws]) {
  for (const family of families.split(" ")) LAWS.set(family, [...LAWS.get(family) ?? [], law]);
}

/**
 * Examines a store, at rest or at work, and tells what is broken as it finds it.
 *
 * @throws {StoreBrokenError} and the errors of a store that does not answer
 */
export async function* examine(store: Store, options: ExamineOptions = {}): AsyncGenerator<Finding, void> {
  const { namespace = "sluice", definitions = [], clock = systemClock, counts } = options;
  const subject: Case = {
    store,
    keys: keysOf(namespace),
    definitions: new Map(definitions.map((definition) => [definition.name, definition])),
    now: clock.now(),
  };
  const histories = new Histories(subject);
  for await (const page of everything(subject)) {
    const found: Stored<unknown>[] = [];
    for (const entry of page) {
      const family = familyOf(entry.key);
      counts?.set(family, (counts.get(family) ?? 0) + 1);
      const row = storedOf(entry);
      if (row === UNREADABLE) {
        yield unreadable(entry);
        continue;
      }
      found.push(row);
      if (family === "task") histories.note(row.row as TaskRecord);
    }
    for (const suspicion of await suspicions(subject, found)) {
      const finding = await confirmed(subject, suspicion);
      if (finding) yield finding;
    }
  }
  yield* histories.examine();
}

/** Reads all pages, each kind of row up to its last key when its turn comes: new ones could arrive without end. */
async function* everything({ store, keys }: Case): AsyncGenerator<Entry[], void> {
  for (let rest = keys.under([]);;) {
    const [first] = await store.list(rest, { limit: 1 });
    if (!first) return;
    const [family, ...more] = partsOf(first.key);
    if (typeof family === "string" && more.length > 0) {
      const range = keys.under([family]);
      const [last] = await store.list(range, { limit: 1, reverse: true });
      if (last) yield* pagesOf(store, { ...range, end: keyAfter(last.key) });
      rest = keys.behind(family);
    } else {
      // The only row of its kind, or nothing that the engine writes.
      yield [first];
      rest = { ...rest, start: keyAfter(first.key) };
    }
  }
}

/** A row, and a law that looks broken there. */
interface Suspicion {
  readonly row: Stored<unknown>;
  readonly law: Law<never>;
}

/** Judges the rows of a page by their laws, and returns those that look broken. */
async function suspicions(subject: Case, found: readonly Stored<unknown>[]): Promise<Suspicion[]> {
  const look = new Rows(subject);
  look.add(found);
  const broken: Suspicion[] = [];
  let open = found.flatMap((row) => (LAWS.get(familyOf(row.key)) ?? []).map((law) => ({ row, law })));
  for (;;) {
    open = open.filter(({ row, law }) => {
      const finding = look.judge(law, row);
      if (finding) broken.push({ row, law });
      return finding === undefined;
    });
    if (open.length === 0) return broken;
    await look.readRest();
  }
}

/** Judges a row once more, in one snapshot; `null` when the law holds there or no try found the rows at rest. */
async function confirmed(subject: Case, { row, law }: Suspicion): Promise<Finding | null> {
  const look = new Rows(subject);
  look.add([row]);
  for (let tries = 0; tries < TRIES; tries++) {
    if (!await look.readSnapshot()) continue;
    const now = look.at(row.key);
    const finding = now && look.judge(law, now);
    if (finding !== undefined) return finding;
  }
  return null;
}

function unreadable({ key }: Entry): Finding {
  return { law: null, message: `Row ${partsOf(key).join(" ")} cannot be read`, keys: [key], repair: null };
}
