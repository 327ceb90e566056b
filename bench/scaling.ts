/**
 * Simulated clusters of workers that are 100 ms away from their store: the tables of docs/scaling.md. By simulated
 * time, so the machine's speed does not matter.
 *
 * @module
 */
import { type Outcome, type Plan, simulate } from "./scaling/simulation.ts";
import { percentile } from "./statistics.ts";
import { tableHead, type TableMaker, tableRow } from "./table.ts";

const FULL = 64;
/** Milliseconds to the store of those that are near it, where half of the workers are. */
const NEAR = 10;

const half = (worker: number) => worker % 2 === 0 ? NEAR : 100;
/** Tasks of each worker: enough that the beginning and the end do not decide. */
const backlog = { tasks: 60 };
const steady = { tasks: 60, rate: 10 };
const wide = { tasks: 200, slots: 100 };

type Case = [name: string, plan: Omit<Plan, "seed">];

/** Clusters of one worker to all. */
function bySize(load: Omit<Plan, "seed" | "workers">): Case[] {
  return [1, 4, 16, FULL].map((
    workers,
  ) => [`${workers} worker${workers === 1 ? "" : "s"}`, { workers, ...load }]);
}

const TABLES: readonly { title: string; plans: readonly Case[] }[] = [
  {
    title: "A backlog of 60 tasks for each worker, 16 slots each",
    plans: bySize(backlog),
  },
  {
    title: "10 tasks a second for each worker, 16 slots each",
    plans: bySize(steady),
  },
  {
    title: `Other designs: ${FULL} workers, the same backlog`,
    plans: (["shares", "head", "window", "sharded"] as const).map((
      design,
    ) => [design, { workers: FULL, design, ...backlog }]),
  },
  {
    title: `Ten times as much: ${FULL} workers, 100 slots and 200 tasks each`,
    plans: [
      ["shares", { workers: FULL, ...wide }],
      ["shares, 100 checks a commit", { workers: FULL, checks: 100, ...wide }],
      ["sharded", { workers: FULL, design: "sharded", ...wide }],
      ["sharded, 100 checks a commit", { workers: FULL, design: "sharded", checks: 100, ...wide }],
    ],
  },
  {
    title: `Half of ${FULL} workers ${NEAR} ms from the store, the others 100 ms, the first backlog`,
    plans: (["shares", "sharded"] as const).map((
      design,
    ) => [design, { workers: FULL, design, latency: half, ...backlog }]),
  },
];

const COLUMNS = [
  "",
  "tasks/s",
  "lost claims",
  "tasks a claim",
  "Jain",
  "wait p50 / p99, s",
  "urgent p99, s",
  "commits",
  "reads",
  "rows read",
];

/** The tables `scaling`. */
export const scaling: TableMaker = async function* (_workplace, seed) {
  for (const { title, plans } of TABLES) {
    yield* tableHead(title, COLUMNS);
    for (const [name, plan] of plans) yield row(name, await simulate({ seed, ...plan }));
  }
};

function row(name: string, { seconds, shares, waits, operations }: Outcome): string {
  const sum = (of: "tasks" | "claims" | "lostClaims") =>
    shares.reduce((total, share) => total + share[of], 0);
  const [tasks, claims, lost] = [sum("tasks"), sum("claims"), sum("lostClaims")];
  const squares = shares.reduce((total, share) => total + share.tasks ** 2, 0);
  const all = [...waits.values()].flat();
  const urgent = waits.get(9) ?? [];
  const each = (count: number) => (count / tasks).toFixed(count < 10 * tasks ? 2 : 0);
  return tableRow([
    name,
    Math.round(tasks / seconds),
    `${(100 * lost / claims).toFixed(1)} %`,
    (tasks / (claims - lost)).toFixed(1),
    (tasks ** 2 / shares.length / squares).toFixed(2),
    `${percentile(all, 0.5).toFixed(2)} / ${percentile(all, 0.99).toFixed(2)}`,
    percentile(urgent, 0.99).toFixed(2),
    each(operations.commits),
    each(operations.reads),
    each(operations.rows),
  ]);
}
