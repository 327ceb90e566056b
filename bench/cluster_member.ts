/**
 * One process of `cluster.ts`: an engine on a KV server that executes or submits. It reads what to do from its standard
 * input and prints what it did, each a line of JSON.
 *
 * ```text
 * cluster_member.ts <address> <slots>    0 slots: it only submits
 *   stdin    {"submit": tasks, "atOnce": calls}    {"report": true}    and its end: stop
 *   stdout   {"ready": true}   {"finished": tasks so far}   {"picked": milliseconds}   {"heard": milliseconds}   {"report": MemberReport}
 * ```
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is where its parent listens
import process from "node:process";
import { createInterface } from "node:readline";
import { z } from "zod";
import { createQueue, defineTask, openStore } from "../queue/mod.ts";

/** What a member is told. */
export interface Command {
  /** Submit so many tasks one by one; a single one is told of when it starts, and when its end is heard of. */
  readonly submit?: number;
  readonly atOnce?: number;
  readonly report?: true;
}

/** What a member says. */
export interface Saying {
  readonly ready?: true;
  readonly finished?: number;
  /** Milliseconds from a single task's submission to its start here. */
  readonly picked?: number;
  /** Milliseconds from a single task's return elsewhere until its caller, who waits here, has the result. */
  readonly heard?: number;
  readonly report?: MemberReport;
}

/** What a member did since it was asked before. */
export interface MemberReport {
  readonly claims: number;
  readonly lostClaims: number;
  /** Seconds of processor time. */
  readonly cpu: number;
}

/** Milliseconds between two reports of what is finished. */
const TELL = 10;

const [address, slots] = Deno.args;
const say = (saying: Saying) => console.log(JSON.stringify(saying));
/** On this machine's one clock, to a microsecond. */
const now = () => performance.timeOrigin + performance.now();
const did = { claims: 0, lostClaims: 0 };
let finished = 0;
let cpu = process.cpuUsage();

const add = defineTask(
  { name: "bench.add", args: z.tuple([z.number(), z.boolean()]), channel: "celery" },
  (_context, sentAt, single) => {
    if (single) say({ picked: now() - sentAt });
    return single ? now() : sentAt + 1;
  },
);
const store = await openStore(address!);
const queue = createQueue({
  store,
  definitions: [add],
  channels: slots === "0" ? {} : { celery: Number(slots) },
  workerLostAfter: 5,
  onEvent(event) {
    if (event.type === "fault") reportError(new Error(event.message, { cause: event.error }));
    if (event.type === "finished") {
      if (event.state !== "SUCCESS") reportError(new Error(`A task ended in ${event.state}: ${event.error}`));
      finished++;
    } else if (event.type === "claim") {
      did.claims++;
      if (!event.landed) did.lostClaims++;
    }
  },
});
await queue.start();
let told = 0;
const telling = setInterval(() => {
  if (finished > told) say({ finished: told = finished });
}, TELL);
say({ ready: true });

for await (const line of createInterface({ input: process.stdin })) await obey(JSON.parse(line));
clearInterval(telling);
await queue.stop();
store.close();

async function obey({ submit = 0, atOnce = 1, report }: Command): Promise<void> {
  let left = submit;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (left-- > 0) {
      const task = await queue.submit(add, [now(), submit === 1]);
      if (submit > 1) continue;
      const returned = await queue.result(task);
      say({ heard: now() - returned });
    }
  }));
  if (!report) return;
  const { user, system } = process.cpuUsage(cpu);
  cpu = process.cpuUsage();
  say({ report: { ...did, cpu: (user + system) / 1e6 } });
  [did.claims, did.lostClaims] = [0, 0];
}
