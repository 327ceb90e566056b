/**
 * The scenarios: what every peer is asked, and the figures that tell its answer.
 *
 * @module
 */
import { Connection } from "../connection.ts";
import { runLoad } from "../load.ts";
import { pause } from "../pause.ts";
import type { Figures } from "../scenario.ts";
import { familyOf } from "../service.ts";
import { latencies } from "../statistics.ts";
import { type Drive, type Peer, SLOTS } from "./peer.ts";
import { type Memory, memoryOf, processorSeconds } from "./processes.ts";

/** Where and how a measurement is made. */
interface Site {
  /** Makes an empty folder: for a new database, or Redis. */
  folder(): string;
  /** 1, or the part of the usual number of tasks. */
  readonly scale: number;
  /** Tasks a second that the peer did in this round, one by one, 64 at once; `null` when that was not measured. */
  readonly rate: number | null;
  /** Counted from 0. */
  readonly round: number;
}

/** One question. */
export interface Scenario {
  readonly name: string;
  /** How it is measured, in a sentence. */
  readonly method: string;
  /** Finds no figures where this peer is not asked in this round. */
  measure(peer: Peer, site: Site): Promise<Figures>;
}

/** Seconds that a measurement is meant to take. */
const SECONDS = 1.5;
/** Seconds of its work that warm a peer up. */
const WARM_UP = 0.3;
const CONNECTIONS = [1, 16, 64, 256] as const;
/** More requests than these would take longer, whatever the peer can do. */
const MOST_REQUESTS: Readonly<Record<number, number>> = { 1: 2_000, 16: 8_000, 64: 16_000, 256: 16_000 };
const WARM_UP_CONNECTIONS = 16;
/** Peers that do fewer tasks a second are asked for 100,000 only once; those that do fewer than the other, never. */
const QUICK = 5_000;
const SLOW = 1_000;
/** Rounds in which those are asked for 10,000. */
const SLOW_ROUNDS = 1;
/** Rounds in which the memory of 100,000 that wait is measured, which hardly moves; one for those that are not quick. */
const WAITING_ROUNDS = 2;
const TRIES = 200;
const IMPORTANT_TRIES = 100;
/** Slots of the scenario in which long tasks hold all of one channel: those of the first source system. */
const FEW_SLOTS = { celery: 16, high_priority: 4 };
const LONG_TASKS = 100;
/** Milliseconds between two looks at the memory under load. */
const LOOK = 500;

/** Every scenario, in the order in which a peer is asked. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "single",
    method:
      "In process, each task submitted by a call of its own, 64 or 256 calls at once (Celery: as many " +
      "threads), while the workers work; from the first submit until every result is stored.",
    async measure(peer, site) {
      const figures: Record<string, number> = {};
      for (const atOnce of [64, 256]) {
        Object.assign(
          figures,
          await endToEnd(peer, site, "single", `one by one, ${atOnce} at once`, { atOnce }),
        );
      }
      return figures;
    },
  },
  {
    name: "bulk",
    method:
      "The same in batches of 250, four in flight (Celery, which has no such call: one after the other " +
      "over one connection, its fastest way).",
    measure: (peer, site) => endToEnd(peer, site, "bulk", "in bulk", {}),
  },
  {
    name: "latency",
    method:
      `${TRIES} tasks one after the other, in process: from submit to the start of the handler, and to the ` +
      "result as who submitted it learns it; idle, and beside others at half the rate of 'one by one, 64 at once' " +
      "in that round.",
    async measure(peer, site) {
      const half = Math.round((site.rate ?? peer.pace) / 2);
      const idle = await latency(peer, site, 0);
      const loaded = await latency(peer, site, half);
      return {
        ...waits("idle", idle),
        ...waits("half load", loaded),
        "half load: tasks/s beside": loaded.besides,
      };
    },
  },
  {
    name: "drain",
    method:
      "A backlog submitted in bulk while the workers are paused, then worked off: from the moment when " +
      "they go on. 10,000 or 100,000 in one round only for those that need long; 1,000,000 in one round, " +
      "for Sluice alone.",
    async measure(peer, site) {
      const figures: Record<string, number> = {};
      for (const size of backlogs(peer, site.round)) Object.assign(figures, await drain(peer, site, size));
      return figures;
    },
  },
  {
    name: "important",
    method: `${IMPORTANT_TRIES} important tasks one after the other, in process, while long ones hold all ` +
      `${FEW_SLOTS.celery} slots of the channel celery and others wait, ${LONG_TASKS} together; important ones have ` +
      `${FEW_SLOTS.high_priority} slots of their own.`,
    async measure(peer, { folder }) {
      await using drive = await peer.drive(
        "important",
        { slots: FEW_SLOTS, warmUp: 0, tries: IMPORTANT_TRIES, waiting: LONG_TASKS },
        folder(),
      );
      return waits("important while celery is full", await drive.go());
    },
  },
  {
    name: "http",
    method: "Behind HTTP, `GET /add/1/2` over 1, 16, 64 and 256 connections that stay open, from one load " +
      "generator in a process of its own (bench/load.ts), each its next request after its answer; all done: " +
      "from the first request until every result is stored. Start: from starting every process of the system " +
      "until the first task's result is read. Memory and processor time of all processes of the system, Redis " +
      "included, without the generator. Memory is resident pages, those that Celery's forked processes share counted " +
      "once (PSS), and the plain sum of RSS; the most of looks during the load. Processor time: at 64 connections, " +
      "until all is done.",
    measure: http,
  },
  {
    name: "waiting",
    method:
      "Behind HTTP, memory while 100,000 tasks wait and nothing works (in two rounds, in one for those " +
      "that need long to submit them).",
    async measure(peer, { folder, scale, round }) {
      const rounds = peer.pace >= QUICK ? WAITING_ROUNDS : 1;
      if (round >= rounds || peer.pace < SLOW && peer.storage.includes("always")) return {};
      const count = 100_000 * scale;
      await using served = await peer.serve(folder());
      await first(served.port);
      await served.backlog(count);
      await pause(1_000);
      return memory(`memory, ${thousands(count)} waiting`, memoryOf(familyOf(served.roots)));
    },
  },
];

async function endToEnd(
  peer: Peer,
  site: Site,
  scenario: string,
  name: string,
  options: Readonly<Record<string, unknown>>,
): Promise<Figures> {
  const tasks = rounded(peer.pace * SECONDS * site.scale);
  await using drive = await peer.drive(scenario, { ...options, ...common(peer), tasks }, site.folder());
  const before = processorSeconds(familyOf(drive.roots));
  const { submitted, done } = await drive.go();
  const used = processorSeconds(familyOf(drive.roots)) - before;
  await drive.end();
  return {
    [`${name}: done tasks/s`]: tasks / done * 1000,
    [`${name}: accepted tasks/s`]: tasks / submitted * 1000,
    [`${name}: processor s per 10,000 tasks`]: used / tasks * 10_000,
    [`${name}: tasks`]: tasks,
  };
}

function backlogs({ system, pace }: Peer, round: number): number[] {
  const sizes = [
    { size: 10_000, rounds: pace >= SLOW ? Infinity : SLOW_ROUNDS },
    { size: 100_000, rounds: pace >= QUICK ? Infinity : pace >= SLOW ? 1 : 0 },
    { size: 1_000_000, rounds: system === "sluice" ? 1 : 0 },
  ];
  return sizes.filter(({ rounds }) => round < rounds).map(({ size }) => size);
}

async function drain(peer: Peer, { folder, scale }: Site, size: number): Promise<Figures> {
  const tasks = size * scale;
  await using drive = await peer.drive("drain", { ...common(peer), tasks }, folder());
  const { submitted, done } = await drive.go();
  await drive.end();
  const name = `drain of ${thousands(tasks)}`;
  return {
    [`${name}: tasks/s`]: tasks / done * 1000,
    [`${name}: submitted in bulk tasks/s`]: tasks / submitted * 1000,
  };
}

interface Waits {
  readonly pickups: number[];
  readonly results: number[];
  /** Tasks a second that came to be beside those that were measured. */
  readonly besides: number;
}

async function latency(peer: Peer, { folder, scale }: Site, rate: number): Promise<Waits> {
  await using drive: Drive = await peer.drive(
    "latency",
    { ...common(peer), tries: TRIES * scale, rate },
    folder(),
  );
  const found = await drive.go();
  await drive.end();
  return found;
}

function waits(name: string, { pickups, results }: Pick<Waits, "pickups" | "results">): Figures {
  const entries = Object.entries({
    ...latencies(`${name}: pickup`, pickups),
    ...latencies(`${name}: result seen`, results),
  });
  return Object.fromEntries(entries.filter(([figure]) => !figure.endsWith("max ms")));
}

async function http(peer: Peer, { folder, scale }: Site): Promise<Figures> {
  const begin = performance.now();
  await using served = await peer.serve(folder());
  await first(served.port);
  const started = (performance.now() - begin) / 1000;
  await pause(1_000);
  const figures: Record<string, number> = {
    "start to first result s": started,
    ...memory("memory, idle", memoryOf(familyOf(served.roots))),
  };
  const request = { port: served.port, method: "GET", path: "/add/1/2" };
  let sent = 1;
  const load = async (connections: number, requests: number) => {
    const report = await runLoad({ ...request, connections, requests });
    const answered = performance.now();
    sent += requests;
    const refused = requests - (report.statuses[200] ?? 0);
    if (refused > 0) throw new Error(`${refused} answers were not 200: ${JSON.stringify(report.statuses)}`);
    await served.stored(sent);
    return { ...report, done: report.seconds + (performance.now() - answered) / 1000 };
  };
  await load(WARM_UP_CONNECTIONS, rounded(peer.pace * WARM_UP));
  for (const connections of CONNECTIONS) {
    const requests = rounded(Math.min(peer.pace * SECONDS, MOST_REQUESTS[connections]!) * scale);
    const family = familyOf(served.roots);
    const used = processorSeconds(family);
    const looks: Memory[] = [];
    const timer = setInterval(() => looks.push(memoryOf(family)), LOOK);
    const report = await load(connections, requests).finally(() => clearInterval(timer));
    const name = `HTTP, ${connections} connection${connections > 1 ? "s" : ""}`;
    Object.assign(figures, {
      [`${name}: requests/s`]: requests / report.seconds,
      [`${name}: p50 ms`]: report.p50,
      [`${name}: p99 ms`]: report.p99,
      [`${name}: all done tasks/s`]: requests / report.done,
      [`${name}: requests`]: requests,
    });
    if (connections !== 64) continue;
    looks.push(memoryOf(family));
    const most = looks.reduce((most, look) => look.own > most.own ? look : most);
    Object.assign(figures, {
      [`${name}: processor s per 10,000 tasks`]: (processorSeconds(family) - used) / requests * 10_000,
      ...memory("memory, 64 connections", most),
    });
  }
  await served.end(sent);
  return figures;
}

/** Has a first task done. */
async function first(port: number): Promise<void> {
  const connection = await Connection.open(port);
  const { task_id } = await connection.json("GET", "/add/1/2");
  while ((await connection.json("GET", `/result/${task_id}`)).result !== 3) await pause(2);
  connection.close();
}

function memory(name: string, { own, rss }: Memory): Figures {
  return { [`${name}: MB`]: own, [`${name}: sum of RSS MB`]: rss };
}

function common({ pace }: Peer): Readonly<Record<string, unknown>> {
  return { slots: SLOTS, warmUp: rounded(pace * WARM_UP) };
}

/** A number with two digits that say something. */
function rounded(count: number): number {
  return Math.max(20, Number(count.toPrecision(2)));
}

function thousands(count: number): string {
  return count.toLocaleString("en-US");
}
