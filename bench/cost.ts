/**
 * What tasks, idle processes and an app on Deno Deploy ask of their store: `deno run -P=bench bench/cost.ts` prints the
 * tables of docs/scaling.md. All but the last are counted on a store in memory, the same on every machine; the last one
 * commits to a file, where each commit is one fsync: `strace -f -c -e trace=fsync,fdatasync` in front of it tells how
 * many there were.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { costOfDay } from "./cost/deploy.ts";
import { costOnFile } from "./cost/group_commit.ts";
import { costOfRest } from "./cost/idle.ts";
import { costTable } from "./cost/lives.ts";
import { Workplace } from "./workplace.ts";

/** Dollars for a million units; docs/scaling.md says who wrote so. */
const PRICES = { read: 1, write: 2.5 } as const;
const DAYS = 30;

const thousands = (count: number) => Math.round(count).toLocaleString("en-US");

console.log(`A task's life\n\n${(await costTable()).join("\n")}`);

console.log(
  "\nOne process at rest, an hour, on a server\n\n" +
    "| processes | commits | write units | reads | rows read | read units | read units of all |\n" +
    `|${" --- |".repeat(7)}`,
);
for (const processes of [1, 4, 16, 64]) {
  const { commits, writeUnits, reads, rows, readUnits } = await costOfRest(processes);
  const counts = [commits, writeUnits, reads, rows, readUnits, readUnits * processes].map(thousands);
  console.log(`| ${[processes, ...counts].join(" | ")} |`);
}

console.log(
  "\nOn Deno Deploy, a month\n\n| tasks a day | read units | write units | reads, $ | writes, $ | a million tasks, $ |\n" +
    `|${" --- |".repeat(6)}`,
);
for (const [tasks, minutes] of [[0, 60], [1_000, 240], [100_000, 10], [1_000_000, 2]] as const) {
  const { readUnits, writeUnits } = await costOfDay(tasks, minutes, 1);
  const dollars = [readUnits * DAYS / 1e6 * PRICES.read, writeUnits * DAYS / 1e6 * PRICES.write];
  const million = tasks === 0 ? "" : ((dollars[0]! + dollars[1]!) / (tasks * DAYS) * 1e6).toFixed(2);
  const cells = [thousands(tasks), thousands(readUnits * DAYS), thousands(writeUnits * DAYS)];
  console.log(`| ${[...cells, ...dollars.map((each) => each.toFixed(2)), million].join(" | ")} |`);
}

const workplace = new Workplace();
let commits = 0;
console.log(
  `\nOn a file\n\n| submitted at once | tasks | commits | tasks a commit | bytes a task |\n|${
    " --- |".repeat(5)
  }`,
);
for (const [tasks, atOnce] of [[500, 1], [5_000, 16], [10_000, 64], [10_000, 256]] as const) {
  const found = await costOnFile(workplace.file(), tasks, atOnce);
  commits += found.commits;
  const cells = [atOnce, thousands(tasks), thousands(found.commits), (tasks / found.commits).toFixed(1)];
  console.log(`| ${[...cells, Math.round(found.bytes / tasks)].join(" | ")} |`);
}
console.log(`\n${thousands(commits)} commits to files`);
workplace.remove();
