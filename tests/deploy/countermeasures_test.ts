/**
 * For each thing by which Sluice stands the platform, a run without it that fails: so the simulator can see. Beside it
 * the same run with it, and, where a rule of the platform is what makes it necessary, without it and without the rule:
 * both hold.
 */
import assert from "node:assert/strict";
import { START } from "../../queue/testing/fake_clock.ts";
import type { Wish } from "./ledger.ts";
import { type Deployment, sluice } from "./program.ts";
import { FAIR, type Rules } from "./rules.ts";
import { simulate } from "./simulation.ts";
import type { Hour } from "./traffic.ts";
import * as without from "./without.ts";

/** Tried until the failure is seen. */
const SEEDS = Array.from({ length: 20 }, (_, n) => n + 1);
/** Milliseconds of an hour here. */
const HOUR = 120_000;
const SILENT: readonly Hour[] = ["silent"];

interface Case {
  readonly of: string;
  readonly without: Deployment;
  readonly hours?: readonly Hour[];
  readonly wishes?: readonly Wish[];
  /** What has to happen for it to be necessary. */
  readonly rules?: Partial<Rules>;
  /** What the verdict says then. */
  readonly sees: RegExp;
  /** It is for promises of time. */
  readonly timed?: boolean;
  /** Without these rules of the platform it is not necessary. */
  readonly needless?: Partial<Rules>;
  /** Minutes until all of it has ended. @default {4} */
  readonly rest?: number;
}

/** Tasks that clients wish at these seconds. */
function wishes(seconds: readonly number[], wish: Partial<Wish>): Wish[] {
  return seconds.map((second, n) => ({
    number: 1000 + n,
    kind: "quick",
    at: START + second * 1000,
    delay: 0,
    wait: 0,
    keyed: true,
    burst: false,
    ...wish,
  }));
}

/** Forty tasks within two seconds, whose clients do not repeat their requests. */
const BURST = wishes(Array.from({ length: 40 }, (_, n) => 20 + n / 20), { keyed: false });

const cases: readonly Case[] = [
  {
    of: "lanes",
    without: without.lanes,
    wishes: BURST,
    rules: { stray: 0.1, crowd: 1 },
    sees: /has ended 2 times/,
    needless: { stray: 0 },
  },
  {
    of: "unknown outcomes decided by the lane",
    without: without.unknownOutcomes,
    wishes: BURST,
    rules: { lost: 0.1, crowd: 1 },
    sees: /has ended 2 times/,
    needless: { lost: 0 },
  },
  {
    of: "checked removal",
    without: without.checkedRemoval,
    wishes: BURST,
    rules: { crowd: 1 },
    sees: /has ended 2 times/,
    needless: { instances: 1 },
  },
  {
    of: "one task per occurrence",
    without: without.checkedSchedules,
    hours: ["busy", "busy"],
    rules: { crowd: 1 },
    sees: /is in none of its occurrences/,
  },
  {
    of: "the adapter's limits",
    without: without.limits,
    wishes: wishes(Array(40).fill(20), {}),
    sees: /is PENDING/,
    needless: { checks: 100 },
  },
  {
    of: "the drain after a submit",
    without: without.drain,
    hours: ["busy"],
    sees: /Of tasks submitted p99 is \d{5} ms/,
    timed: true,
  },
  {
    of: "wake-ups without the database's queues",
    without: without.ownWakeUps,
    hours: ["busy"],
    sees: /Of tasks submitted p99 is \d{5} ms/,
    timed: true,
    needless: { queues: true },
  },
  {
    of: "work while a client waits",
    without: without.workingWaits,
    wishes: wishes([5, 65], { kind: "delayed", delay: 8, wait: 15 }),
    sees: /was waited for/,
    timed: true,
  },
  {
    of: "replayed answers",
    without: without.replay,
    wishes: BURST.map((wish) => ({ ...wish, keyed: true })),
    rules: { eviction: 5000, grace: 0 },
    sees: /was fulfilled 2 times/,
    needless: { eviction: Infinity },
  },
  {
    of: "the minute tick",
    without: without.tick,
    wishes: wishes([5], { kind: "delayed", delay: 100 }),
    sees: /scheduled_task at .*: nothing/,
  },
  {
    of: "a tick that stays until other workers are judged",
    without: without.staying,
    wishes: BURST,
    rules: { crash: 5000 },
    sees: /is PENDING/,
    needless: { crash: Infinity },
  },
  {
    of: "a tick that stays while a task runs",
    without: without.staying,
    wishes: wishes([5], { kind: "long" }),
    sees: /is PENDING/,
    needless: { idle: Infinity },
  },
  {
    of: "runs given back at SIGINT",
    without: without.givingBack,
    wishes: wishes([5, 65, 125, 185], { kind: "long" }),
    rules: { eviction: 40_000 },
    sees: /WorkerLostError/,
    needless: { eviction: Infinity, idle: Infinity },
    rest: 9,
  },
];

for (const { of, without, sees, needless, timed = false, ...plan } of cases) {
  Deno.test(`the simulator sees the failure of Sluice without ${of}`, async () => {
    const run = async (seed: number, changes: Partial<Rules>, deployment: Deployment) => {
      const { hours = SILENT, rest = 4 } = plan;
      const rules = { ...FAIR, ...plan.rules, ...changes };
      const { broken, late } = await simulate({ ...plan, seed, hours, rest, hour: HOUR, rules, deployment });
      return (timed ? [...broken, ...late] : broken).join("\n");
    };
    for (const seed of SEEDS) {
      assert.equal(await run(seed, {}, sluice), "", `Seed ${seed}`);
      if (!sees.test(await run(seed, {}, without))) continue;
      if (needless) assert.doesNotMatch(await run(seed, needless, without), sees, `Seed ${seed}`);
      return;
    }
    assert.fail(`Nothing was seen of ${sees}`);
  });
}
