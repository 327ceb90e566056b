/**
 * Reads the audit.
 *
 * @module
 */
import type { Base } from "../engine.ts";
import type { AuditAction, AuditEntry } from "../ground/audit.ts";
import { InvalidTaskError } from "../ground/errors.ts";
import { firstIdAt } from "../ground/ids.ts";
import { decode } from "../rows/codec.ts";
import { makeCursor, readCursor } from "../rows/cursor.ts";
import { idOf, within } from "../rows/keys.ts";
import { lookThrough } from "../rows/pages.ts";
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

/** Lists a page of the audit, newest first. See `Queue.audit`. */
export async function listAudit(
  engine: Base,
  filter: AuditFilter,
): Promise<{ entries: AuditEntry[]; cursor: string | null; lookedAt: number }> {
  const { limit = 50, from, to, cursor } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > 500) {
    throw new InvalidTaskError([{
      pointer: "/limit",
      detail: `must be an integer from 1 to 500: got ${limit}`,
    }]);
  }
  const start = from === undefined ? undefined : firstIdAt(from);
  const end = cursor === undefined ? to === undefined ? undefined : firstIdAt(to) : endOf(cursor);
  const { items, lookedAt, before } = await lookThrough(
    engine,
    within(engine.keys.audits(), { from: start, to: end }),
    { limit },
    (rows, most) => rows.map(viewOf).filter((entry) => fits(filter, entry)).slice(0, most),
  );
  return { entries: items, cursor: before === null ? null : makeCursor([before]), lookedAt };
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
