/**
 * The client of `kvserver.ts`: measures the KV server whose address it is given, and prints the figures. A process of
 * its own, because Deno reads the certificates to trust at its start.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where its figures go
import { rowBytes } from "./row.ts";
import { median } from "./statistics.ts";

const COMMITS = 50;
const LANES = 8;

using kv = await Deno.openKv(Deno.args[0]);
let id = 0;
const commit = (rows: number) => {
  const operation = kv.atomic();
  for (let n = 0; n < rows; n++) operation.set(["bench", id++], rowBytes);
  return operation.commit();
};
async function time(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

const figures: Record<string, number> = {};
for (const rows of [1, 10, 25, 100, 500]) {
  await commit(rows);
  const times: number[] = [];
  for (let n = 0; n < COMMITS; n++) times.push(await time(() => commit(rows)));
  figures[`${rows} rows, ms`] = median(times);
}
const all = await time(() =>
  Promise.all(Array.from({ length: LANES }, async () => {
    for (let n = 0; n < COMMITS; n++) await commit(100);
  }))
);
figures[`rows/s, ${LANES} in flight`] = LANES * COMMITS * 100 / all * 1000;
const reads: number[] = [];
for (let n = 0; n < COMMITS; n++) reads.push(await time(() => kv.get(["bench", n])));
figures["read, ms"] = median(reads);
console.log(JSON.stringify(figures));
