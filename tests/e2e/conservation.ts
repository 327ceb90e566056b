/**
 * Conservation: processes are killed again and again while they accept and execute tasks; nothing that was acknowledged
 * may be lost, and nothing may be settled twice. One process over a file of its own, or several at a KV server.
 *
 * ```sh
 * deno run -A tests/e2e/conservation.ts --kills 50 --batch 20 --seed 7
 * deno run -A tests/e2e/conservation.ts --kills 50 --workers 3 --kv-server http://127.0.0.1:4512
 * deno run -A tests/e2e/conservation.ts --kills 50 --workers 3 --kv-server own
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openStore } from "../../queue/mod.ts";
import { pagesOf } from "../../queue/rows/pages.ts";
import { keysOf } from "../../queue/rows/keys.ts";
import type { Store } from "../../queue/store/port.ts";
import { folder } from "../queue/store/folder.ts";
import { Dice } from "../support/dice.ts";
import { brokenLaws } from "../support/invariants.ts";
import { KvServer } from "../support/kv_server.ts";
import { countRows, rowsOf } from "../support/rows.ts";
import { Child } from "./child.ts";
import { settledIn, settlements } from "./settled.ts";

/** Seconds without a heartbeat after which a killed process is lost: at a KV server nothing else tells. */
const LOST_AFTER = 5;

/** How hard to try. */
export interface Plan {
  readonly kills: number;
  /** Tasks of one submission. */
  readonly batch: number;
  readonly seed: number;
  /** Address of a KV server, where it works in a namespace of its own. @default {a file of its own} */
  readonly kvServer?: string;
  /** Processes at once; more than one needs a KV server. @default {1} */
  readonly workers?: number;
  /** Seconds after which nobody is killed any more. @default {no limit} */
  readonly seconds?: number;
  /** Seconds without a sign of work after which what has not ended is stuck. @default {60} */
  readonly patience?: number;
  /** One commit in so many is forgotten; see `forgetful_store.ts`. @default {none} */
  readonly forgets?: number;
}

/** What is stored in the end. */
interface Verdict {
  readonly acknowledged: number;
  /** Those included that are stored and whose acknowledgement was lost with the process. */
  readonly accepted: number;
  /** Of those: ended, and how. */
  readonly final: number;
  readonly succeeded: number;
  /** Tasks that three killed processes had in hand. */
  readonly lostWorkers: number;
  readonly settledTwice: number;
  /** Tasks that have not ended. */
  readonly stuck: number;
  /** One sentence for each broken promise. */
  readonly broken: readonly string[];
}

/** What came of it. */
export interface Report extends Verdict {
  readonly kills: number;
  /** Runs of killed processes that others, or a restart, have given back. */
  readonly rescuedRuns: number;
}

/** Kills, and counts what is left. */
export async function conserve(plan: Plan): Promise<Report> {
  const { seed, kvServer, workers = 1, seconds = Infinity, patience = 60, forgets } = plan;
  using files = folder();
  const path = kvServer ?? `${files.path}/sluice.kv`;
  const namespace = kvServer ? `conservation-${crypto.randomUUID().slice(0, 8)}` : "sluice";
  const lostAfter = kvServer ? LOST_AFTER : 3600;
  const args = [path, namespace, `${lostAfter}`, ...forgets === undefined ? [] : [`${forgets}`]];
  const acknowledged = new Set<string>();
  let rescuedRuns = 0;
  const hear = ({ said }: Child) => {
    for (const { ids, rescued } of said) {
      for (const id of ids as string[] ?? []) acknowledged.add(id);
      rescuedRuns += Number(rescued ?? 0);
    }
  };

  const until = performance.now() + seconds * 1000;
  let kills = 0;
  await Promise.all(Array.from({ length: workers }, async (_, stream) => {
    const dice = new Dice(seed, stream);
    while (kills < plan.kills && performance.now() < until) {
      kills++;
      hear(await liveAndDie(args, plan, dice));
    }
  }));

  await using last = new Child("engine_child.ts", args);
  await last.tell({ drain: true });
  await untilDrained(last, patience);
  const { success } = await last.ended();
  hear(last);
  const store = await openStore(path, { namespace });
  try {
    const verdict = await judge(store, acknowledged, namespace);
    const broken = success
      ? verdict.broken
      : [...verdict.broken, `Not all has ended, and for ${patience} s nothing happened`];
    // What is broken is left there, to be looked at.
    if (kvServer && broken.length === 0) await clear(store, namespace);
    return { kills, rescuedRuns, ...verdict, broken };
  } finally {
    store.close();
  }
}

/** One life of a process, from its start to its kill. */
async function liveAndDie(args: readonly string[], { batch }: Plan, dice: Dice): Promise<Child> {
  const submission = () => ({
    submit: Array.from({ length: batch }, () => ({
      name: dice.chance(0.2) ? "flaky" : "count",
      args: [dice.chance(0.3) ? dice.between(0, 19) : 0],
    })),
  });
  await using child = new Child("engine_child.ts", args);
  await child.until((lines) => lines.length > 0);
  // As many lines as the life of this process is long; what has ended is followed by as much anew.
  const life = dice.between(0, 20 * batch - 1);
  for (let ahead = 0; ahead < 8; ahead++) await child.tell(submission());
  for (let seen = 0, ended = 0; seen < life;) {
    for (const end = child.lines.length; seen < end; seen++) {
      if (child.lines[seen]!.startsWith('{"finished"')) ended++;
      if (child.lines[seen]!.startsWith('{"refused"')) ended += batch;
    }
    for (; ended >= batch; ended -= batch) await child.tell(submission());
    await child.until((lines) => lines.length > seen);
    if (child.lines.length === seen) throw new Error("The child ended by itself");
  }
  await child.kill();
  return child;
}

/** Resolves when the process says that all has ended; kills it when it does nothing more. */
async function untilDrained(child: Child, patience: number): Promise<void> {
  for (let [seen, end] = [-1, 0]; seen < end && !child.lines.includes('{"drained":true}', seen);) {
    seen = end;
    const impatient = setTimeout(() => child.kill(), patience * 1000);
    await child.until((lines) => lines.length > seen);
    clearTimeout(impatient);
    end = child.lines.length;
  }
}

/** Counts what is stored, and what is not as it was promised. */
export async function judge(
  store: Store,
  acknowledged: ReadonlySet<string>,
  namespace = "sluice",
): Promise<Verdict> {
  const broken = await brokenLaws(store, namespace);
  const tasks = await rowsOf(store, "task", namespace);
  const settled = await settlements(store, namespace);
  const counts = { final: 0, succeeded: 0, lostWorkers: 0, settledTwice: 0, stuck: 0 };
  for (const { key, value } of tasks) {
    const id = String(key[2]);
    const times = settled.get(id) ?? 0;
    const lost = value.error?.type === "WorkerLostError";
    if (value.doneAt === undefined) counts.stuck++;
    else counts.final++;
    if (value.state === "SUCCESS") counts.succeeded++;
    else if (lost) counts.lostWorkers++;
    else broken.push(`Task ${id} is ${value.state}`);
    if (times > 1) counts.settledTwice++;
    if (times !== (value.state === "SUCCESS" ? 1 : 0)) broken.push(`Task ${id} was settled ${times} times`);
    if (!lost && value.retries !== (value.name === "flaky" ? 1 : 0)) {
      broken.push(`Task ${id} of '${value.name}' counts ${value.retries} retries`);
    }
  }
  const ids = new Set(tasks.map(({ key }) => String(key[2])));
  for (const id of acknowledged) if (!ids.has(id)) broken.push(`Task ${id} was acknowledged and is gone`);
  const { ready, delayed, blocked, run, revoke, worker, lane } = await countRows(store, namespace);
  for (const [family, count] of Object.entries({ ready, delayed, blocked, run, revoke, worker, lane })) {
    if (count) broken.push(`${count} rows of '${family}' are left`);
  }
  return { acknowledged: acknowledged.size, accepted: acknowledged.union(ids).size, ...counts, broken };
}

async function clear(store: Store, namespace: string): Promise<void> {
  for (const each of [namespace, settledIn(namespace)]) {
    for await (const page of pagesOf(store, keysOf(each).under([]))) {
      await store.commit([], page.map(({ key }) => ({ type: "delete", key })));
    }
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "kills": { type: "string", default: "20" },
      "batch": { type: "string", default: "20" },
      "seed": { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
      "workers": { type: "string", default: "1" },
      "kv-server": { type: "string" },
      "forgets": { type: "string" },
    },
  });
  await using server = values["kv-server"] === "own" ? await KvServer.start() : null;
  const kvServer = server?.url ?? values["kv-server"];
  const plan: Plan = {
    kills: Number(values.kills),
    batch: Number(values.batch),
    seed: Number(values.seed),
    workers: Number(values.workers),
    ...(kvServer !== undefined && { kvServer }),
    ...(values.forgets !== undefined && { forgets: Number(values.forgets) }),
  };
  const report = await conserve(plan);
  // deno-lint-ignore no-console -- a program's answer
  console.log(JSON.stringify({ ...plan, ...report }, null, 2));
  if (report.broken.length > 0) Deno.exitCode = 1;
}
