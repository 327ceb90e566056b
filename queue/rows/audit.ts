/**
 * The audit's rows: one for each action of an operator, written by the action's own commit.
 *
 * @module
 */
import type { Actor, Deed } from "../ground/audit.ts";
import type { Clock } from "../ground/clock.ts";
import type { Json } from "../ground/task.ts";
import { encode } from "./codec.ts";
import type { Keys } from "./keys.ts";
import type { AuditRow } from "./record.ts";
import type { Mutation } from "../store/port.ts";
import { put } from "./unit.ts";

/** Bytes of `before` and of `after` as JSON that are kept. */
const MOST_BYTES = 4096;

/** The ports to write to the audit. */
export interface Audited {
  readonly keys: Keys;
  readonly clock: Clock;
  readonly nextId: () => string;
  /** Who acts. */
  readonly actor: Actor;
}

/** Makes the mutation that writes an action into the audit, for the action's commit. */
export function audit({ keys, clock, nextId, actor }: Audited, { before, after, ...deed }: Deed): Mutation {
  const row: AuditRow = {
    at: clock.now(),
    by: actor,
    ...deed,
    ...(before !== undefined && { before: kept(before) }),
    ...(after !== undefined && { after: kept(after) }),
  };
  return put(keys.audit(nextId()), row);
}

/** The fields in which two rows differ, as they were and as they are. Values are compared as JSON. */
export function difference(before: object, after: object): { before: Json; after: Json } {
  const [was, is] = [before, after] as [Record<string, Json>, Record<string, Json>];
  const fields = Object.keys({ ...was, ...is }).filter((field) =>
    JSON.stringify(was[field]) !== JSON.stringify(is[field])
  );
  const of = (row: Record<string, Json>) =>
    Object.fromEntries(fields.map((field) => [field, row[field] ?? null]));
  return { before: of(was), after: of(is) };
}

/** A large value is left out: a commit, and a row, take only so much. */
function kept(value: Json): Json {
  const { length } = encode(value);
  return length <= MOST_BYTES ? value : `${length} bytes, not kept`;
}
