/**
 * Conservation: a process is killed again and again while it accepts and executes tasks; nothing that was acknowledged
 * may be lost, and nothing may be settled twice.
 *
 * ```sh
 * deno run -A tests/e2e/conservation.ts --kills 50 --batch 20 --seed 7
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openStore } from "../../queue/mod.ts";
import type { Store } from "../../queue/store/port.ts";
import { folder } from "../queue/store/folder.ts";
import { brokenLaws } from "../support/invariants.ts";
import { countRows, rowsOf } from "../support/rows.ts";
import { Child } from "./child.ts";

/** How hard to try. */
export interface Plan {
  readonly kills: number;
  /** Tasks of one submission. */
  readonly batch: number;
  readonly seed: number;
}

/** What came of it. */
export interface Report {
  readonly acknowledged: number;
  /** Tasks stored, those included whose acknowledgement was lost with the process. */
  readonly stored: number;
  readonly succeeded: number;
  /** Tasks that three killed processes had in hand. */
  readonly lostWorkers: number;
  /** One sentence for each broken promise. */
  readonly broken: readonly string[];
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs the engine in a child process over a file of its own. */
export async function conserve({ kills, batch, seed }: Plan): Promise<Report> {
  using files = folder();
  const path = `${files.path}/sluice.kv`;
  const random = seeded(seed);
  const acknowledged = new Set<string>();
  const submission = () => ({
    submit: Array.from({ length: batch }, () => ({
      name: random() < 0.2 ? "flaky" : "count",
      args: [random() < 0.3 ? Math.floor(random() * 20) : 0],
    })),
  });

  for (let kill = 0; kill < kills; kill++) {
    await using child = new Child("engine_child.ts", [path]);
    await child.until((lines) => lines.length > 0);
    // As many lines as the life of this process is long; each acknowledgement is followed by another submission.
    const life = Math.floor(random() * 20 * batch);
    for (let ahead = 0; ahead < 4; ahead++) await child.tell(submission());
    for (let seen = 0; seen < life;) {
      for (const end = child.lines.length; seen < end; seen++) {
        if (child.lines[seen]!.startsWith('{"ids"')) await child.tell(submission());
      }
      await child.until((lines) => lines.length > seen);
      if (child.lines.length === seen) throw new Error("The child ended by itself");
    }
    await child.kill();
    for (const { ids } of child.said) for (const id of ids as string[] ?? []) acknowledged.add(id);
  }

  await using last = new Child("engine_child.ts", [path]);
  await last.tell({ drain: true });
  await last.until((lines) => lines.includes('{"drained":true}'));
  const { success } = await last.ended();
  const store = await openStore(path);
  try {
    const report = await judge(store, acknowledged);
    return success ? report : { ...report, broken: [...report.broken, "The last process did not stop"] };
  } finally {
    store.close();
  }
}

async function judge(store: Store, acknowledged: ReadonlySet<string>): Promise<Report> {
  const broken = await brokenLaws(store);
  const tasks = await rowsOf(store, "task");
  const settled = new Map<string, number>();
  for (const { key } of await rowsOf(store, undefined, "settled")) {
    settled.set(String(key[1]), (settled.get(String(key[1])) ?? 0) + 1);
  }
  let succeeded = 0;
  let lostWorkers = 0;
  for (const { key, value } of tasks) {
    const id = String(key[2]);
    const times = settled.get(id) ?? 0;
    const lost = value.error?.type === "WorkerLostError";
    if (value.state === "SUCCESS") succeeded++;
    else if (lost) lostWorkers++;
    else broken.push(`Task ${id} is ${value.state}`);
    if (times !== (value.state === "SUCCESS" ? 1 : 0)) broken.push(`Task ${id} was settled ${times} times`);
    if (!lost && value.retries !== (value.name === "flaky" ? 1 : 0)) {
      broken.push(`Task ${id} of '${value.name}' counts ${value.retries} retries`);
    }
  }
  const ids = new Set(tasks.map(({ key }) => String(key[2])));
  for (const id of acknowledged) if (!ids.has(id)) broken.push(`Task ${id} was acknowledged and is gone`);
  const { ready, delayed, blocked, run, revoke, worker, lane } = await countRows(store);
  for (const [family, count] of Object.entries({ ready, delayed, blocked, run, revoke, worker, lane })) {
    if (count) broken.push(`${count} rows of '${family}' are left`);
  }
  return { acknowledged: acknowledged.size, stored: tasks.length, succeeded, lostWorkers, broken };
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { kills: { type: "string" }, batch: { type: "string" }, seed: { type: "string" } },
  });
  const plan = {
    kills: Number(values.kills ?? 20),
    batch: Number(values.batch ?? 20),
    seed: Number(values.seed ?? Math.floor(Math.random() * 2 ** 31)),
  };
  const report = await conserve(plan);
  // deno-lint-ignore no-console -- a program's answer
  console.log(JSON.stringify({ ...plan, ...report }, null, 2));
  if (report.broken.length > 0) Deno.exit(1);
}
