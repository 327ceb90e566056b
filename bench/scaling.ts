/**
 * What a cluster would do: `deno run -P=bench bench/scaling.ts [--seed N]` simulates workers that are 100 ms away from
 * their store and prints the tables of docs/scaling.md. By simulated time, so the machine's speed does not matter.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { parseArgs } from "node:util";
import { type Outcome, type Plan, simulate } from "./scaling/simulation.ts";
import { percentile } from "./statistics.ts";

const FULL = 64;
/** Milliseconds to the store of those that are near it, where half of the workers are. */
const NEAR = 10;

const half = (worker: number) => worker % 2 === 0 ? NEAR : 100;
/** Tasks of each worker: enough that the beginning and the end do not decide. */
const backlog = { tasks: 60 };
const steady = { tasks: 60, rate: 10 };
const wide = { tasks: 200, slots: 100 };

const TABLES: readonly { title: string; plans: readonly [string, Omit<Plan, "seed">][] }[] = [
  {
    title: "A backlog of 60 tasks for each worker, 16 slots each",
    plans: [1, 4, 16, FULL].map((
      workers,
    ) => [workers === 1 ? "1 worker" : `${workers} workers`, { workers, ...backlog }]),
  },
  {
    title: "10 tasks a second for each worker, 16 slots each",
    plans: [1, 4, 16, FULL].map((
      workers,
    ) => [workers === 1 ? "1 worker" : `${workers} workers`, { workers, ...steady }]),
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

const { values: { seed = "1" } } = parseArgs({ options: { seed: { type: "string" } } });
console.log(`seed ${seed}`);
for (const { title, plans } of TABLES) {
  console.log(
    `\n${title}\n\n| | tasks/s | lost claims | tasks a claim | Jain | wait p50 / p99, s | urgent p99, s | commits | reads | rows read |`,
  );
  console.log(`|${" --- |".repeat(10)}`);
  for (const [name, plan] of plans) console.log(row(name, await simulate({ seed: Number(seed), ...plan })));
}

function row(name: string, { seconds, shares, waits, operations }: Outcome): string {
  const sum = (of: "tasks" | "claims" | "lostClaims") =>
    shares.reduce((total, share) => total + share[of], 0);
  const [tasks, claims, lost] = [sum("tasks"), sum("claims"), sum("lostClaims")];
  const squares = shares.reduce((total, share) => total + share.tasks ** 2, 0);
  const all = [...waits.values()].flat();
  const urgent = waits.get(9) ?? [];
  const each = (count: number) => (count / tasks).toFixed(count < 10 * tasks ? 2 : 0);
  const cells = [
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
  ];
  return `| ${cells.join(" | ")} |`;
}
