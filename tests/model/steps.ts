/**
 * The steps of the model's actors: clients, handlers, people, machines and the network.
 *
 * @module
 */
import fc from "fast-check";
import type { CatchUp, ChannelChange, WorkflowNode } from "../../queue/mod.ts";
import type { CommitFault, ReadFault } from "../support/faulty_store.ts";
import { type Call, call, CHANGES, channel, name, node } from "./requests.ts";

/** Processes at a time. */
export const WIDTH = 3;

/** One step; `at` is a process, a number modulo what there is picks one of it. */
export type Step =
  | { do: "submit"; at: number; calls: Call[]; key: number | null }
  | { do: "workflow"; at: number; node: WorkflowNode }
  | { do: "redrive"; at: number; task: number }
  | { do: "redrive-all"; at: number }
  | { do: "revoke"; at: number; task: number }
  | { do: "revoke-workflow"; at: number; workflow: number }
  | { do: "schedule"; at: number; name: string; interval: number; catchUp: CatchUp }
  | { do: "run-schedule"; at: number; key: boolean }
  | { do: "pause-schedule"; at: number; paused: boolean }
  | { do: "channel"; at: number; channel: string; change: ChannelChange | "purge" }
  | { do: "end"; run: number; how: "finish" | "fail" | "retry" }
  | { do: "progress"; run: number }
  | { do: "advance"; by: number }
  | { do: "restart"; at: number }
  | Trouble;

/** What goes wrong. */
export type Trouble =
  | { do: "kill"; at: number; call: number; moment: "before" | "after" }
  | { do: "suspend"; at: number; call: number; moment: "before" | "after" }
  | { do: "resume"; at: number; slept: boolean }
  | { do: "jump"; at: number; by: number }
  | { do: "fault"; at: number; fault: CommitFault; skip: number }
  | { do: "read-fault"; at: number; fault: ReadFault; skip: number }
  | { do: "land"; which: number };

const TROUBLE_KINDS: readonly Step["do"][] = [
  "kill",
  "suspend",
  "resume",
  "jump",
  "fault",
  "read-fault",
  "land",
] satisfies Trouble["do"][];

/** Whether something goes wrong in this step. */
export function isTrouble(step: Step): step is Trouble {
  return TROUBLE_KINDS.includes(step.do);
}

const at = fc.nat(WIDTH - 1);
const moment = {
  call: fc.integer({ min: 1, max: 6 }),
  moment: fc.constantFrom("before" as const, "after" as const),
};

/** What the fields of one kind of step may be. */
type Fields<Kind> = { [Field in Exclude<keyof Of<Kind>, "do">]: fc.Arbitrary<Of<Kind>[Field]> };
type Of<Kind> = Extract<Step, { do: Kind }>;

/** Steps of one kind, with how often they are taken beside others. */
function of<Kind extends Step["do"]>(weight: number, kind: Kind, fields: Fields<Kind>) {
  const arbitrary = fc.record<Record<string, unknown>>({ do: fc.constant(kind), ...fields });
  return { weight, arbitrary: arbitrary as unknown as fc.Arbitrary<Step> };
}

const ORDINARY = [
  of(5, "submit", { at, calls: fc.array(call, { minLength: 1, maxLength: 3 }), key: fc.option(fc.nat(2)) }),
  of(3, "workflow", { at, node: node(4) }),
  of(2, "redrive", { at, task: fc.nat(30) }),
  of(1, "redrive-all", { at }),
  of(2, "revoke", { at, task: fc.nat(20) }),
  of(1, "revoke-workflow", { at, workflow: fc.nat(5) }),
  of(1, "schedule", {
    at,
    name,
    interval: fc.constantFrom(2, 7),
    catchUp: fc.constantFrom("skip", "one", "all"),
  }),
  of(1, "run-schedule", { at, key: fc.boolean() }),
  of(1, "pause-schedule", { at, paused: fc.boolean() }),
  of(2, "channel", { at, channel, change: fc.constantFrom(...CHANGES) }),
  of(6, "end", { run: fc.nat(20), how: fc.constantFrom("finish", "finish", "fail", "retry") }),
  of(1, "progress", { run: fc.nat(20) }),
  of(5, "advance", { by: fc.oneof(fc.integer({ min: 1, max: 6000 }), fc.constant(20_000)) }),
  of(1, "restart", { at }),
];

const TROUBLE = [
  of(2, "kill", { at, ...moment }),
  of(2, "suspend", { at, ...moment }),
  of(2, "resume", { at, slept: fc.boolean() }),
  of(1, "jump", { at, by: fc.oneof(fc.integer({ min: -9000, max: 9000 }), fc.constantFrom(-3.6e6, 3.6e6)) }),
  of(5, "fault", {
    at,
    fault: fc.constantFrom("lost", "failed", "nothing", "repeated", "echoed", "held", "late"),
    skip: fc.nat(3),
  }),
  of(1, "read-fault", { at, fault: fc.constantFrom("failed", "held", "late"), skip: fc.nat(6) }),
  of(3, "land", { which: fc.nat(20) }),
];

/** Sequences of steps in which nothing goes wrong, or much. */
export function steps(trouble: boolean): fc.Arbitrary<Step[]> {
  const step = fc.oneof(...ORDINARY, ...(trouble ? TROUBLE : []));
  return fc.array(step, { minLength: 10, maxLength: 60 });
}
