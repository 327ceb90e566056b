/**
 * Retention removes ended tasks as fast as they come: rows and bytes of a database at full rate, over many times the
 * time that tasks are kept. With a day's retention a day has to pass before rows go; here it is seconds.
 *
 * @module
 */
import { z } from "zod";
import { createQueue, defineTask, openStore } from "../queue/mod.ts";
import { pause } from "./pause.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";
import { SLOTS } from "./workload.ts";

/** Seconds that what has ended is kept. */
const KEPT = 4;
const SECONDS = 60;
/** Seconds between two looks. The first two may still grow: nothing has been kept for its time before. */
const LOOK = 12;
const BATCH = 100;
const LARGE = "x".repeat(40_000);

const channel = "celery";
const numbers = z.tuple([z.int()]);
const definitions = [
  defineTask({ name: "plain", args: numbers, channel }, (_context, n) => n),
  defineTask({ name: "failing", args: numbers, channel }, (_context, n) => {
    throw new Error(`no luck with ${n}`);
  }),
  defineTask({ name: "large", args: numbers, channel }, () => LARGE),
  defineTask(
    { name: "once", args: numbers, channel, idempotency: { key: String, ttl: KEPT } },
    (_context, n) => n,
  ),
  defineTask({ name: "alone", args: numbers, channel, concurrencyKey: String }, (_context, n) => n),
];
/** Of a batch, so many are of each name; the rest is plain. */
const SHARES: Readonly<Record<string, number>> = { failing: 5, large: 1, once: 10, alone: 5 };

/** The scenario `retention`. */
export const retention: ScenarioMaker = (workplace) => ({
  method:
    `four submitters of batches of ${BATCH} tasks, each its next batch after its answer, for ${SECONDS} s, what ends ` +
    `kept ${KEPT} s, ${SLOTS} slots; a batch has ` +
    Object.entries(SHARES).map(([name, share]) => `${share} ${name}`).join(", ") +
    " and an idempotency key, the rest is plain; a schedule of one second. flat: rows at the end over rows in the " +
    "middle, both per task/s. Fails when that is over 1.5.",
  variants: [{ name: "engine", measure: () => measure(workplace.file()) }],
  rounds: 1,
});

async function measure(path: string): Promise<Figures> {
  const store = await openStore(path);
  let [finished, faults] = [0, ""];
  const queue = createQueue({
    store,
    definitions,
    channels: { [channel]: SLOTS },
    resultTtl: KEPT,
    idempotencyTtl: KEPT,
    onEvent: (event) => {
      if (event.type === "finished") finished++;
      if (event.type === "fault") faults += `${event.message}: ${event.error}\n`;
    },
  });
  await queue.start();
  const every = { id: "s", task: { name: "plain", args: [0] }, trigger: { interval: 1 } };
  await queue.schedules.create(every);
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  let next = 0;
  const submitter = async () => {
    while (seconds() < SECONDS) {
      const key = { scope: "bench", key: String(next), fingerprint: "" };
      await queue.submitAll(requests(next += BATCH), key);
      // No more waits than a few seconds' work: what waits is not what is measured.
      while (next - finished > 50 * BATCH) await pause(5);
    }
  };
  const figures: Record<string, number> = {};
  const rates: number[] = [];
  const totals: number[] = [];
  const observer = async () => {
    for (let before = 0, at = LOOK; at <= SECONDS; at += LOOK) {
      await pause((at - seconds()) * 1000);
      const rows = await count(path);
      const total = Object.values(rows).reduce((sum, n) => sum + n, 0);
      rates.push((finished - before) / LOOK);
      totals.push(total);
      before = finished;
      figures[`${at} s: tasks/s`] = rates.at(-1)!;
      figures[`${at} s: rows`] = total;
      figures[`${at} s: file MB`] = await sizeOf(path) / 1e6;
      if (at + LOOK > SECONDS) {
        for (const [family, n] of Object.entries(rows)) figures[`${at} s: rows of ${family}`] = n;
      }
    }
  };
  await Promise.all([observer(), ...Array.from({ length: 4 }, submitter)]);
  await queue.stop();
  store.close();
  const middle = totals.length >> 1;
  const flat = totals.at(-1)! / rates.at(-1)! / (totals[middle]! / rates[middle]!);
  if (faults !== "") throw new Error(faults);
  if (flat > 1.5) throw new Error(`Rows grow: ${JSON.stringify(figures, null, 1)}`);
  return { ...figures, "tasks": finished, flat };
}

function requests(from: number): { name: string; args: number[] }[] {
  const names = Object.entries(SHARES).flatMap(([name, share]) => Array<string>(share).fill(name));
  return Array.from({ length: BATCH }, (_, i) => ({ name: names[i] ?? "plain", args: [from + i] }));
}

/** Rows by family. */
async function count(path: string): Promise<Record<string, number>> {
  using kv = await Deno.openKv(path);
  const rows: Record<string, number> = {};
  for await (const { key } of kv.list({ prefix: ["sluice"] }, { batchSize: 500 })) {
    const family = String(key[1]);
    rows[family] = (rows[family] ?? 0) + 1;
  }
  return rows;
}

/** Bytes of a database: its file, and what was not moved there yet. */
async function sizeOf(path: string): Promise<number> {
  const sizes = ["", "-wal"].map((suffix) => Deno.stat(path + suffix).then(({ size }) => size, () => 0));
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
