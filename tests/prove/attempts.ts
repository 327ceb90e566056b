/**
 * The attempts of a proof, one after the other.
 *
 * @module
 */
import { conserve, type Plan, type Report } from "../e2e/conservation.ts";
import { type CrashRuns, simulateCrashes } from "../model/crash_runs.ts";

/** How to try, and who is told. */
export interface ProofPlan {
  /** Decides everything but the machine's own timing. */
  readonly seed: number;
  /** Seconds of all attempts together. */
  readonly seconds: number;
  /** Address of a KV server. */
  readonly kvServer: string | null;
  /** Lets the store of real processes forget commits, to see the proof fail. */
  readonly sabotage: boolean;
  readonly tell: (line: string) => void;
}

/** What became of the tasks. */
export interface Counts {
  readonly accepted: number;
  /** Of the accepted ones. */
  readonly ended: number;
  readonly settledTwice: number;
  readonly stuck: number;
}

/** What was tried, and what came of it. */
export interface Outcome extends Counts {
  /** How often what happened. */
  readonly tried: string;
  readonly broken: readonly string[];
  /** The command that does it again. */
  readonly again: string;
}

/** One way to make a queue lose something. */
export interface Attempt {
  readonly title: string;
  readonly method: string;
  /** `null`: what it needs is not there. */
  readonly run: (() => Promise<Outcome>) | null;
  /** What to do so that it can be tried. */
  readonly needs?: string;
}

/** Simulated runs after which the time is looked at. */
const BLOCK = 20;

/** All there is to try; each has its share of the time. */
export function attempts({ seed, seconds, kvServer, sabotage }: ProofPlan): Attempt[] {
  const share = seconds / (kvServer === null ? 2 : 3);
  const plan: Plan = {
    kills: 1000,
    batch: 10,
    seed,
    seconds: share,
    ...sabotage && { forgets: 5, patience: 3 },
  };
  return [
    {
      title: "Simulated crashes",
      method:
        "1 to 3 processes over one store in memory, by a clock of their own: killed between any two calls to the " +
        "store, suspended, their clocks set, and calls that fail, are answered wrongly, late, twice or not at all",
      run: () => simulate(seed, share),
    },
    {
      title: "A process on a file, killed",
      method:
        "a real process that accepts and executes tasks on a real file; SIGKILL at random moments, and it starts again",
      run: () => kill(plan, "deno run -A tests/e2e/conservation.ts"),
    },
    {
      title: "Two processes at a KV server, killed",
      method:
        "both accept and execute; one is killed by SIGKILL at a random moment, the other works on and takes over, " +
        "and another starts",
      run: kvServer === null ? null : () =>
        kill(
          { ...plan, kvServer, workers: 2 },
          `deno run -A tests/e2e/conservation.ts --workers 2 --kv-server ${kvServer}`,
        ),
      needs:
        "not tried, as no KV server is given: deno task prove --kv-server http://127.0.0.1:4512, or --kv-server own",
    },
  ];
}

async function simulate(seed: number, seconds: number): Promise<Outcome> {
  const until = performance.now() + seconds * 1000;
  const sum = await simulateCrashes({ runs: BLOCK, seed });
  while (performance.now() < until) add(sum, await simulateCrashes({ runs: BLOCK, seed: seed + sum.runs }));
  const { runs, kills, suspensions, jumps, injected } = sum;
  const faults = Object.values(injected).reduce((all, count) => all + count, 0);
  return {
    ...sum,
    tried:
      `${runs} runs, ${kills} kills, ${suspensions} suspensions, ${jumps} clocks set, ${faults} faulty calls (${
        Object.entries(injected).map(([fault, count]) => `${count} ${fault}`).join(", ")
      })`,
    ended: sum.final,
    again: `deno run -A tests/model/crash_runs.ts --runs ${runs} --seed ${seed}`,
  };
}

function add(sum: CrashRuns, more: CrashRuns): void {
  for (
    const name of [
      "runs",
      "kills",
      "suspensions",
      "jumps",
      "accepted",
      "final",
      "settledTwice",
      "stuck",
    ] as const
  ) {
    sum[name] += more[name];
  }
  for (const fault of Object.keys(sum.injected) as (keyof CrashRuns["injected"])[]) {
    sum.injected[fault] += more.injected[fault];
  }
  sum.broken.push(...more.broken);
}

async function kill(plan: Plan, command: string): Promise<Outcome> {
  const report: Report = await conserve(plan);
  const { kills, rescuedRuns, acknowledged, accepted, final, lostWorkers } = report;
  return {
    ...report,
    tried:
      `${kills} kills; ${rescuedRuns} runs were cut off and given back, ${lostWorkers} tasks were in hand at three ` +
      `kills and ended as WorkerLostError; ${
        accepted - acknowledged
      } tasks were stored and their answer cut off`,
    ended: final,
    again: `${command} --kills ${kills} --batch ${plan.batch} --seed ${plan.seed}` +
      (plan.forgets === undefined ? "" : ` --forgets ${plan.forgets}`),
  };
}
