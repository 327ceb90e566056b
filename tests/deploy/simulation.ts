/**
 * A span of simulated time on the platform, and the verdict.
 *
 * @module
 */
import { memoryStore, sleep } from "../../queue/mod.ts";
import { FakeClock, START } from "../../queue/testing/fake_clock.ts";
import { Dice, seedIds } from "../support/dice.ts";
import { submit } from "./client.ts";
import type { Accidents } from "./connection.ts";
import { waitForDigests } from "./digests.ts";
import { Ledger, type Wish } from "./ledger.ts";
import { type Lives, Platform } from "./platform.ts";
import { type Deployment, sluice } from "./program.ts";
import { CALM, DEPLOY, type Rules } from "./rules.ts";
import { type Hour, traffic } from "./traffic.ts";
import { judge, type Verdict } from "./verdict.ts";
import { work } from "./work.ts";

const MINUTE = 60_000;
/** The last minutes are without accidents: what these have left undone is done then. */
const CALM_END = 3 * MINUTE;

/** What is simulated. */
interface Plan {
  readonly seed: number;
  readonly hours: readonly Hour[];
  /** What is wished, beside the hours' traffic. @default {nothing} */
  readonly wishes?: readonly Wish[];
  /** Milliseconds of an hour: a short one holds less of the same traffic. @default {3,600,000} */
  readonly hour?: number;
  /** Minutes after the traffic, so that all of it ends: what was given back, and what has to be rescued. @default {15} */
  readonly rest?: number;
  /** @default {Deno Deploy's} */
  readonly rules?: Partial<Rules>;
  /** @default {Sluice} */
  readonly deployment?: Deployment;
}

/** What happened. */
interface Outcome extends Verdict {
  readonly lives: Lives;
  readonly accidents: Accidents;
}

/** Simulates. The same plan has the same outcome. */
export async function simulate(plan: Plan): Promise<Outcome> {
  const { seed, hours, hour = 60 * MINUTE, rest = 15, deployment = sluice } = plan;
  const rules = { ...DEPLOY, ...plan.rules };
  const dice = new Dice(seed);
  // The first minute's tick declares the schedules.
  const clock = new FakeClock(START - MINUTE);
  using _digests = waitForDigests(clock);
  using _ids = seedIds(dice.fork());
  const ledger = new Ledger();
  const database = ledger.watch(
    memoryStore({ limits: { checks: rules.checks, lanes: 8 }, doorbell: true }),
    clock,
  );
  const accidents: Accidents = { failed: 0, repeated: 0, lost: 0, stray: 0 };
  const machine = { ...work(ledger, clock), onEvent: ledger.hear };
  const platform = new Platform({ clock, database, rules, accidents, deployment, machine }, dice.fork());
  const wishes = [...traffic(hours, hour, START, dice.fork()), ...plan.wishes ?? []];
  const answered = arrive(wishes, clock, (wish) => submit(wish, platform, clock, ledger));

  const to = START + hours.length * hour;
  // Not at a full minute, where schedules fire.
  const last = Math.max(to, ...wishes.map(({ at, delay }) => at + delay * 1000));
  const end = (Math.floor(last / MINUTE) + rest) * MINUTE + 45_000;
  const pass = async (until: number) => {
    while (clock.now() < until) {
      await clock.advance(Math.min(60 * MINUTE, until - clock.now()));
      await ledger.readHistory(database);
    }
  };
  await pass(end - CALM_END);
  Object.assign(rules, CALM);
  await pass(end);
  await until(clock, Promise.all([platform.close(), answered]));
  const verdict = await judge(database, machine.definitions, ledger, { from: START, to });
  return { ...verdict, lives: platform.lives, accidents };
}

/** Calls `submit` for each wish at its time. Resolves when all have been answered. */
async function arrive(
  wishes: readonly Wish[],
  clock: FakeClock,
  submit: (wish: Wish) => Promise<void>,
): Promise<void> {
  const clients: Promise<void>[] = [];
  for (const wish of wishes.toSorted((a, b) => a.at - b.at)) {
    await sleep(clock, wish.at - clock.now());
    clients.push(submit(wish));
  }
  await Promise.all(clients);
}

/** Moves the clock until something has happened. */
async function until(clock: FakeClock, event: Promise<unknown>): Promise<void> {
  let happened = false;
  const settled = event.then(() => happened = true);
  for (let second = 0; second < 120 && !happened; second++) await clock.advance(1000);
  if (!happened) throw new Error("Somebody waits for ever");
  await settled;
}
