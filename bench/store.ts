/**
 * Bare Deno KV, whose behaviour the design rests on. Quoted by docs/performance.md.
 *
 * @module
 */
import { idSource, systemClock } from "./inside.ts";
import { rawLife } from "./ceiling.ts";
import { row, rowBytes } from "./row.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";

const ROWS = 20_000;
const A_COMMIT = 200;
const LANES = 3;
const READS = 50;

/** The scenario `store`. */
export const store: ScenarioMaker = (workplace) => ({
  method:
    `${ROWS} rows of a task in commits of ${A_COMMIT}, ${LANES} in flight: under growing ids and random ones, as ` +
    "bytes and as objects; as many tasks of six mutations each, with Deno's index of expiry times and with the " +
    "engine's; commits of 1, 10, 100 and 500 rows, one at a time; 100 rows read by ten and by one list.",
  variants: [
    { name: "growing ids, bytes", measure: () => write(workplace.file(), idSource(systemClock), rowBytes) },
    {
      name: "random ids, bytes",
      measure: () => write(workplace.file(), () => crypto.randomUUID(), rowBytes),
    },
    { name: "growing ids, objects", measure: () => write(workplace.file(), idSource(systemClock), row) },
    { name: "tasks, file as the engine makes it", measure: () => tasks(workplace.file(), true) },
    { name: "tasks, file as Deno makes it", measure: () => tasks(workplace.file(), false) },
    { name: "commits", measure: () => commits(workplace.file()) },
    { name: "reads", measure: () => reads(workplace.file()) },
  ],
  ratios: [
    { name: "growing / random", of: "growing ids, bytes: rows/s", to: "random ids, bytes: rows/s" },
    { name: "bytes / objects", of: "growing ids, bytes: rows/s", to: "growing ids, objects: rows/s" },
    {
      name: "index of expiry times: ours / Deno's",
      of: "tasks, file as the engine makes it: tasks/s",
      to: "tasks, file as Deno makes it: tasks/s",
    },
    {
      name: "bytes: ours / Deno's",
      of: "tasks, file as the engine makes it: MB",
      to: "tasks, file as Deno makes it: MB",
    },
  ],
});

async function write(path: string, nextId: () => string, value: unknown): Promise<Figures> {
  using kv = await Deno.openKv(path);
  const begin = performance.now();
  let left = ROWS / A_COMMIT;
  await Promise.all(Array.from({ length: LANES }, async () => {
    while (left-- > 0) {
      const op = kv.atomic();
      for (let i = 0; i < A_COMMIT; i++) op.set(["sluice", "task", nextId()], value);
      await op.commit();
    }
  }));
  return { "rows/s": ROWS / (performance.now() - begin) * 1000 };
}

/** Tasks through six mutations each, and the file's size afterwards. */
async function tasks(path: string, isOurs: boolean): Promise<Figures> {
  const rate = await rawLife(path, ROWS, "ready", isOurs);
  return { "tasks/s": rate, MB: Deno.statSync(path).size / 1e6 };
}

async function commits(path: string): Promise<Figures> {
  using kv = await Deno.openKv(path);
  const nextId = idSource(systemClock);
  const figures: Record<string, number> = {};
  for (const size of [1, 10, 100, 500]) {
    const begin = performance.now();
    for (let n = 0; n < READS; n++) {
      const op = kv.atomic();
      for (let i = 0; i < size; i++) op.set(["sluice", "task", nextId()], rowBytes);
      await op.commit();
    }
    figures[`${size} rows, ms/commit`] = (performance.now() - begin) / READS;
  }
  return figures;
}

async function reads(path: string): Promise<Figures> {
  using kv = await Deno.openKv(path);
  const nextId = idSource(systemClock);
  const keys = Array.from({ length: 100 }, () => ["sluice", "task", nextId()]);
  const op = kv.atomic();
  for (const key of keys) op.set(key, rowBytes);
  await op.commit();
  const time = async (read: () => Promise<unknown>) => {
    const begin = performance.now();
    for (let n = 0; n < READS; n++) await read();
    return (performance.now() - begin) / READS;
  };
  const tens = Array.from({ length: 10 }, (_, n) => keys.slice(n * 10, n * 10 + 10));
  return {
    "by ten, ms": await time(() => Promise.all(tens.map((ten) => kv.getMany(ten)))),
    "one list, ms": await time(() =>
      Array.fromAsync(kv.list({ prefix: ["sluice", "task"] }, { batchSize: 100 }))
    ),
  };
}
