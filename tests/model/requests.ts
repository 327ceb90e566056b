/**
 * The requests that the model submits: tasks with and without limits and keys, and trees of them.
 *
 * @module
 */
import fc from "fast-check";
import type { ChannelChange, WorkflowNode } from "../../queue/mod.ts";
import { type HeldTask, heldTask } from "../support/held_task.ts";

/** Runs of one concurrency key. */
const MOST_OF_A_KEY = 2;
/** Members of a group that no single commit takes. */
const LARGE = 85;
/** Mutations of a commit: what retention deletes in one has to fit. */
export const MUTATIONS = 230;

/** Task names; the last one is not known to all processes. */
const NAMES = ["plain", "keyed", "rated", "both", "once", "early", "rare"] as const;
/** Slots by channel. */
export const CHANNELS = { default: 3, other: 2 };
/** What is done to channels. */
export const CHANGES: readonly (ChannelChange | "purge")[] = [
  { paused: true },
  { paused: false },
  { slots: 1 },
  { rateLimit: "60/m" },
  { maxDepth: 5 },
  "purge",
];

/** A name. */
export const name = fc.constantFrom(...NAMES);
/** A channel. */
export const channel = fc.constantFrom("default", "default", "other");

/** What is submitted. */
export interface Call {
  readonly name: string;
  readonly args: readonly number[];
  readonly channel: string;
  readonly priority: number;
  readonly delay?: number;
  readonly expires?: number;
}

/** A call. */
export const call: fc.Arbitrary<Call> = fc.record({
  name,
  args: fc.nat(1).map((x) => [x]),
  channel,
  priority: fc.constantFrom(5, 5, 5, 1, 9),
  delay: fc.constantFrom(0, 0, 0, 2, 10),
  expires: fc.constantFrom(0, 0, 20),
}).map(({ delay, expires, ...rest }) => ({
  ...rest,
  ...(delay > 0 && { delay }),
  ...(expires > 0 && { expires }),
}));

/** A tree; a large one takes more than one commit. */
export const node: fc.Memo<WorkflowNode> = fc.memo((n) => {
  const linkError = fc.option(name.map((name) => ({ name, args: [] })));
  const task = fc.record({ call, immutable: fc.boolean(), linkError }).map(
    ({ call, immutable, linkError }) => ({ ...call, immutable, ...(linkError && { linkError }) }),
  );
  if (n <= 1) return task;
  const nodes = fc.array(node(), { minLength: 1, maxLength: 3 });
  const onFailure = fc.constantFrom("revoke" as const, "continue" as const);
  const large = fc.constantFrom("plain", "plain", "keyed").map((name) => ({
    map: { name, items: Array(LARGE).fill(0) },
  }));
  return fc.oneof(
    { weight: 4, arbitrary: task },
    { weight: 4, arbitrary: nodes.map((chain) => ({ chain })) },
    { weight: 4, arbitrary: fc.record({ group: nodes, onFailure }) },
    { weight: 4, arbitrary: fc.record({ chord: fc.record({ header: nodes, body: node() }), onFailure }) },
    { weight: 1, arbitrary: large },
  );
});

/** The tasks, one of each name. */
export function heldTasks(): HeldTask[] {
  const retry = { maxRetries: 1, retry: { delay: 1, factor: 1 } };
  const key = { concurrencyKey: (x?: unknown) => `k${x}`, concurrencyLimit: MOST_OF_A_KEY };
  const options: Record<typeof NAMES[number], Parameters<typeof heldTask>[1]> = {
    plain: { maxRetries: 2, retry: retry.retry },
    keyed: { ...retry, ...key },
    rated: { ...retry, rateLimit: "30/m" },
    both: { ...key, concurrencyLimit: 1, rateLimit: "60/m", channel: "other" },
    once: { ...retry, idempotency: { key: (x?: unknown) => `o${x}`, ttl: 5 } },
    early: { acks: "early" },
    rare: key,
  };
  return NAMES.map((name) => heldTask(name, options[name]));
}
