/**
 * The tables of docs/scaling.md: the operations that tasks, idle processes and an app on Deno Deploy ask of their
 * store. All but the last are counted on a store in memory, the same on every machine; the last one commits to a file,
 * where each commit is one fsync: `strace -f -c -e trace=fsync,fdatasync` in front of the program tells how many there
 * were.
 *
 * @module
 */
import { costOfDay } from "./cost/deploy.ts";
import { costOnFile } from "./cost/group_commit.ts";
import { costOfRest } from "./cost/idle.ts";
import { costTable } from "./cost/lives.ts";
import { tableHead, type TableMaker, tableRow } from "./table.ts";

/** Dollars for a million units; docs/scaling.md says who wrote so. */
const PRICES = { read: 1, write: 2.5 } as const;
const DAYS = 30;

const thousands = (count: number) => Math.round(count).toLocaleString("en-US");

/** The tables `cost`. */
export const cost: TableMaker = async function* (workplace) {
  yield "\nA task's life\n";
  yield* await costTable();

  const rest = [
    "processes",
    "commits",
    "write units",
    "reads",
    "rows read",
    "read units",
    "read units of all",
  ];
  yield* tableHead("One process at rest, an hour, on a server", rest);
  for (const processes of [1, 4, 16, 64]) {
    const { commits, writeUnits, reads, rows, readUnits } = await costOfRest(processes);
    const counts = [commits, writeUnits, reads, rows, readUnits, readUnits * processes];
    yield tableRow([processes, ...counts.map(thousands)]);
  }

  const month = ["tasks a day", "read units", "write units", "reads, $", "writes, $", "a million tasks, $"];
  yield* tableHead("On Deno Deploy, a month", month);
  for (const [tasks, minutes] of [[0, 60], [1_000, 240], [100_000, 10], [1_000_000, 2]] as const) {
    const { readUnits, writeUnits } = await costOfDay(tasks, minutes, 1);
    const reads = readUnits * DAYS / 1e6 * PRICES.read;
    const writes = writeUnits * DAYS / 1e6 * PRICES.write;
    const million = tasks === 0 ? "" : ((reads + writes) / (tasks * DAYS) * 1e6).toFixed(2);
    const units = [thousands(readUnits * DAYS), thousands(writeUnits * DAYS)];
    yield tableRow([thousands(tasks), ...units, reads.toFixed(2), writes.toFixed(2), million]);
  }

  let all = 0;
  yield* tableHead("On a file", ["submitted at once", "tasks", "commits", "tasks a commit", "bytes a task"]);
  for (const [tasks, atOnce] of [[500, 1], [5_000, 16], [10_000, 64], [10_000, 256]] as const) {
    const { commits, bytes } = await costOnFile(workplace.file(), tasks, atOnce);
    all += commits;
    const counts = [thousands(tasks), thousands(commits), (tasks / commits).toFixed(1)];
    yield tableRow([atOnce, ...counts, Math.round(bytes / tasks)]);
  }
  yield `\n${thousands(all)} commits to files`;
};
