/**
 * Sluice beside what it replaces: `deno task bench:peers [--only names] [--scenarios names] [--rounds N] [--short]`.
 *
 * A whole run (every system and scenario, five rounds or more) is kept in `bench/results/`, and quoted by the README when
 * nothing failed; a part is kept in `.cache/bench/peers/`. Exits with 1 when something was not done right.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { join } from "node:path";
import { parseArgs } from "node:util";
import { load, machine } from "../machine.ts";
import { endServers } from "../server.ts";
import { endServices } from "../service.ts";
import { onSignal } from "../signals.ts";
import { ROOT, Workplace } from "../workplace.ts";
import { bullmq } from "./bullmq.ts";
import { bunqueue } from "./bunqueue.ts";
import { celery } from "./celery.ts";
import { order } from "./order.ts";
import type { Peer } from "./peer.ts";
import { keep, quote } from "./report.ts";
import { Results } from "./results.ts";
import { type Scenario, SCENARIOS } from "./scenarios.ts";
import { sluice } from "./sluice.ts";
import { wholeTable } from "./table.ts";
import { versions } from "./versions.ts";

const PEERS: readonly Peer[] = [
  sluice,
  bullmq("always"),
  bullmq("none"),
  celery("always"),
  celery("none"),
  bunqueue(true),
  bunqueue(false),
];
const SYSTEMS = [...new Set(PEERS.map(({ system }) => system))];
/** Rounds without which a run is not kept. */
const ROUNDS = 5;
/** The part of the usual number of tasks with `--short`. */
const SHORT = 0.1;
/** The figure whose half is the load beside the latencies. */
const RATE = "one by one, 64 at once: done tasks/s";

/** What was asked for. */
interface Plan {
  readonly peers: readonly Peer[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly scale: number;
}

Deno.exitCode = await main(Deno.args);

async function main(args: string[]): Promise<number> {
  const plan = planOf(args);
  if (plan === null) return 2;
  const lacking = await lackingOf(plan.peers);
  if (lacking.size > 0) {
    for (const [name, what] of lacking) {
      console.error(`${name} is left out. It needs\n  ${what.join("\n  ")}`);
    }
  }
  const peers = plan.peers.filter(({ name }) => !lacking.has(name));
  if (peers.length === 0) return 1;
  const whole = peers.length === PEERS.length && plan.scenarios.length === SCENARIOS.length &&
    plan.rounds >= ROUNDS && plan.scale === 1;

  const workplace = new Workplace();
  using _ = onSignal(() => {
    endServices();
    endServers();
    workplace.remove();
    Deno.exit(130);
  });
  const begin = performance.now();
  const facts = machine(workplace.folder);
  console.log(facts.join("\n"));
  const results = new Results(peers);
  const failures: string[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    await measureRound({ ...plan, peers }, round, { results, failures, workplace, begin });
  }
  workplace.remove();

  const run = {
    ...plan,
    peers,
    results,
    failures,
    date: new Date().toISOString().slice(0, 10),
    machine: [...facts, `load      ${load()} at the end`],
    versions: await versions(peers),
    minutes: (performance.now() - begin) / 60_000,
  };
  console.log(`\n${wholeTable(results)}\n`);
  const paths = await keep(run, join(ROOT, whole ? "bench/results" : ".cache/bench/peers"));
  const quotable = whole && failures.length === 0;
  if (quotable) await quote(run, paths);
  console.log(`${paths.join("\n")}${quotable ? "\nREADME.md quotes it" : ""}`);
  const right = lacking.size === 0 ? "All done right" : "What could be measured was done right";
  console.log(failures.length === 0 ? right : `Failed:\n${failures.join("\n")}`);
  return failures.length === 0 && lacking.size === 0 ? 0 : 1;
}

/** What the command line asks for; `null` when it cannot be understood, which has been told then. */
function planOf(args: string[]): Plan | null {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    options: {
      only: { type: "string" },
      scenarios: { type: "string" },
      rounds: { type: "string" },
      short: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  const names = (value: unknown, all: string[]) => typeof value === "string" ? value.split(",") : all;
  const allScenarios = SCENARIOS.map(({ name }) => name);
  const [only, scenarios] = [names(values.only, SYSTEMS), names(values.scenarios, allScenarios)];
  const rounds = Number(values.rounds ?? ROUNDS);
  const wrong = [
    ...positionals,
    ...Object.keys(values).filter((name) => !["only", "scenarios", "rounds", "short", "help"].includes(name)),
    ...only.filter((name) => !SYSTEMS.includes(name)),
    ...scenarios.filter((name) => !allScenarios.includes(name)),
    ...Number.isInteger(rounds) && rounds >= 1 ? [] : [`--rounds ${values.rounds}`],
  ];
  if (values.help || wrong.length > 0) {
    if (wrong.length > 0) console.error(`bench:peers: there is no ${wrong.join(", ")}`);
    console.error(
      `Usage: deno task bench:peers [--only ${SYSTEMS}] [--scenarios "${allScenarios}"] [--rounds ${ROUNDS}] [--short]`,
    );
    return null;
  }
  return {
    peers: PEERS.filter(({ system }) => only.includes(system)),
    scenarios: SCENARIOS.filter(({ name }) => scenarios.includes(name)),
    rounds,
    scale: values.short ? SHORT : 1,
  };
}

async function lackingOf(peers: readonly Peer[]): Promise<Map<string, string[]>> {
  const lacking = new Map<string, string[]>();
  for (const peer of peers) {
    const what = await peer.lacking();
    if (what.length > 0) lacking.set(peer.name, what);
  }
  return lacking;
}

/** Asks every peer everything, and notes what it finds. */
async function measureRound(
  { peers, scenarios, rounds, scale }: Plan,
  round: number,
  { results, failures, workplace, begin }: {
    results: Results;
    failures: string[];
    workplace: Workplace;
    begin: number;
  },
): Promise<void> {
  for (const peer of order(peers, round)) {
    for (const scenario of scenarios) {
      const start = performance.now();
      const rate = results.rounds(RATE, peer)[round] ?? null;
      let outcome: string;
      try {
        const site = { folder: () => workplace.make(), scale, rate, round };
        results.add(round, peer, await scenario.measure(peer, site));
        outcome = `${((performance.now() - start) / 1000).toFixed(1)} s`;
      } catch (error) {
        endServices();
        endServers();
        outcome = `FAILED: ${error instanceof Error ? error.stack : error}`;
        failures.push(`${peer.name}, ${peer.storage}, ${scenario.name}, round ${round + 1}: ${outcome}`);
      }
      workplace.clear();
      const name = `${peer.name}, ${peer.storage}: ${scenario.name}`;
      console.log(`${clock(begin)}  round ${round + 1} of ${rounds}  ${name.padEnd(60)} ${outcome}`);
    }
  }
}

/** Minutes and seconds since. */
function clock(begin: number): string {
  const seconds = Math.round((performance.now() - begin) / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2)}:${String(seconds % 60).padStart(2, "0")}`;
}
