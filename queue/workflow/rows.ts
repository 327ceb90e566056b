/**
 * Reads a workflow's rows. They are neighbours in the order of ids; between them stand rows of other workflows and
 * tasks that were submitted at the same time.
 *
 * @module
 */
import { recordOf } from "../task/read.ts";
import type { GroupRow, RunRow, TaskRecord } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import { idOf, type Namespace, within } from "../rows/keys.ts";
import type { Entry, KeyRange } from "../store/port.ts";

/** Most records handled at once. */
const AT_ONCE = 200;

/** A workflow, or the part of it between two ids. */
interface Span {
  readonly root: string;
  readonly first: string;
  readonly last: string;
}

/** Reads the task records of a span, error callbacks included, in the order of their ids. */
export async function* recordsOf(
  engine: Namespace,
  span: Span,
): AsyncGenerator<{ readonly record: TaskRecord; readonly entry: Entry }> {
  const { keys } = engine;
  for await (const entry of between(engine, keys.tasks(), span)) {
    const record = recordOf(entry);
    if (record.workflow?.root === span.root) yield { record, entry };
  }
}

/** Handles the task records of a span, up to `AT_ONCE` at once. */
export async function eachRecord(
  engine: Namespace,
  span: Span,
  handle: (record: TaskRecord, entry: Entry) => Promise<unknown>,
): Promise<void> {
  const under: Promise<unknown>[] = [];
  for await (const { record, entry } of recordsOf(engine, span)) {
    under.push(handle(record, entry));
    if (under.length === AT_ONCE) await Promise.all(under.splice(0));
  }
  await Promise.all(under);
}

/** Reads the groups of a span, in the order of their ids. */
export async function* groupsOf(
  engine: Namespace,
  span: Span,
): AsyncGenerator<{ readonly id: string; readonly row: GroupRow; readonly entry: Entry }> {
  const { keys } = engine;
  for await (const entry of between(engine, keys.groups(), span)) {
    const row = decode<GroupRow>(entry.value);
    if (row.root === span.root) yield { id: idOf(entry.key), row, entry };
  }
}

/** Reads the `run` rows between the ids of a span, by task id; other workflows' and tasks' runs are among them. */
export async function runsOf(engine: Namespace, span: Span): Promise<Map<string, RunRow>> {
  const { keys } = engine;
  const runs = new Map<string, RunRow>();
  for await (const entry of between(engine, keys.runs(), span)) {
    runs.set(idOf(entry.key), decode<RunRow>(entry.value));
  }
  return runs;
}

async function* between(
  { store }: Pick<Namespace, "store">,
  range: KeyRange,
  { first, last }: Span,
): AsyncGenerator<Entry> {
  const limit = store.limits.listBatch;
  const read = (from: string) => store.list(within(range, { from, to: `${last}\0` }), { limit });
  for (let page: Promise<Entry[]> | null = read(first); page;) {
    const entries: Entry[] = await page;
    const to = entries.length === limit ? idOf(entries.at(-1)!.key) : last;
    // The next page is read while this one is handled. A caller that leaves early never awaits it: its error is caught.
    page = to < last ? read(`${to}\0`) : null;
    page?.catch(() => {});
    yield* entries;
  }
}
