/**
 * What operators did: the words of the audit.
 *
 * @module
 */
import type { Json } from "./task.ts";

/** Who acts. */
export interface Actor {
  /** `program`: the code that has the queue; `command`: a `deno task …`; `anyone`: a client where no token is set. */
  readonly kind: "program" | "command" | "anyone" | "token" | "key" | "user";
  /** The command, the key or the user; empty where the kind says it all. */
  readonly name: string;
  /** The HTTP request by which it acts. */
  readonly requestId?: string;
}

/** The actor of all that the program itself does. */
export const PROGRAM: Actor = { kind: "program", name: "" };

/** What an operator can do. */
export type AuditAction =
  | "task.revoke"
  | "task.redrive"
  | "workflow.revoke"
  | "channel.change"
  | "channel.purge"
  | "schedule.create"
  | "schedule.update"
  | "schedule.pause"
  | "schedule.resume"
  | "schedule.run"
  | "schedule.delete"
  | "api_key.create"
  | "api_key.revoke"
  | "store.repair"
  | "store.restore";

/** An action as it is told to the audit. */
export interface Deed {
  readonly action: AuditAction;
  /** The task, workflow, channel or schedule; what was repaired; the namespace that was restored. */
  readonly target: string;
  /** How many tasks it was done to, where that is known when it is done. */
  readonly count?: number;
  /** The fields that the action changed, as they were. */
  readonly before?: Json;
  /** The same fields as they are since; for a new thing, all of it. */
  readonly after?: Json;
}

/** An action in the audit. */
export interface AuditEntry extends Pick<Deed, "action" | "target"> {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly by: Omit<Actor, "requestId">;
  readonly requestId: string | null;
  readonly count: number | null;
  readonly before: Json;
  readonly after: Json;
}
