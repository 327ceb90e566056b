/**
 * Reads the audit.
 *
 * @module
 */
import type { AuditAction, AuditEntry } from "../ground/audit.ts";
import { InvalidTaskError } from "../ground/errors.ts";
import { firstIdAt } from "../ground/ids.ts";
import { decode } from "../rows/codec.ts";
import { makeCursor, readCursor } from "../rows/cursor.ts";
import { idOf, type Namespace, within } from "../rows/keys.ts";
import type { AuditRow } from "../rows/record.ts";
import type { Entry } from "../store/port.ts";

/** The entries to list: they fit every field that is given. */
export interface AuditFilter {
  readonly action?: AuditAction;
  /** The task, workflow, channel or schedule that something was done to. */
  readonly target?: string;
  /** The name of the key, the user or the command. */
  readonly by?: string;
  /** Milliseconds since 1970: done then or later. */
  readonly from?: number;
  /** Milliseconds since 1970: done before. */
  readonly to?: number;
  /** 1 to 500. @default {50} */
  readonly limit?: number;
  /** Opaque; from the page before. */
  readonly cursor?: string;
}

/** Rows read at once. */
const BATCH = 500;
/** Rows that one page looks at. */
const MOST = 5000;

/** Lists a page of the audit, newest first. See `Queue.audit`. */
export async function listAudit(
  { store, keys }: Namespace,
  filter: AuditFilter,
): Promise<{ entries: AuditEntry[]; cursor: string | null }> {
  const { limit = 50, from, to, cursor } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new InvalidTaskError([{
      pointer: "/limit",
      detail: `must be an integer from 1 to 500: got ${limit}`,
    }]);
  }
  const start = from === undefined ? undefined : firstIdAt(from);
  let end = cursor === undefined ? to === undefined ? undefined : firstIdAt(to) : endOf(cursor);
  const entries: AuditEntry[] = [];
  for (let looked = 0; looked < MOST;) {
    const range = within(keys.audits(), { from: start, to: end });
    const rows = await store.list(range, { limit: BATCH, reverse: true });
    for (const row of rows) {
      const entry = viewOf(row);
      end = entry.id;
      if (!fits(filter, entry)) continue;
      entries.push(entry);
      if (entries.length === limit) return { entries, cursor: makeCursor([end]) };
    }
    if (rows.length < BATCH) return { entries, cursor: null };
    looked += rows.length;
  }
  return { entries, cursor: makeCursor([end]) };
}

function viewOf(entry: Entry): AuditEntry {
  const { at, by: { requestId = null, ...by }, action, target, count = null, before = null, after = null } =
    decode<AuditRow>(entry.value);
  return { id: idOf(entry.key), at, by, requestId, action, target, count, before, after };
}

function fits({ action, target, by }: AuditFilter, entry: AuditEntry): boolean {
  return (action === undefined || action === entry.action) &&
    (target === undefined || target === entry.target) &&
    (by === undefined || by === entry.by.name);
}

function endOf(cursor: string): string {
  const [id] = readCursor(cursor) ?? [];
  if (typeof id === "string") return id;
  throw new InvalidTaskError([{ pointer: "/cursor", detail: "must be a cursor from an earlier page" }]);
}
