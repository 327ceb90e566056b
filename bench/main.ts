/**
 * The benchmarks: `deno task bench [scenario…] [--rounds N] [--seed N]`. Prints the machine, and for each scenario its
 * method, every round and the medians. With `--compare <git ref>` it prints how this work tree compares with that commit.
 * `cost` and `scaling` print the tables of docs/scaling.md. Exits with 1 when something was not done right.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { parseArgs } from "node:util";
import { compare } from "./compare.ts";
import { leaveOnSignal } from "./signals.ts";
import { load, machine } from "./machine.ts";
import { runScenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { endServers } from "./server.ts";
import { TABLES } from "./tables.ts";
import { Workplace } from "./workplace.ts";

/** What was asked for. */
interface Plan {
  /** Scenarios and tables, by name; none: all scenarios. */
  readonly names: readonly string[];
  /** How many; `null`: as many as a scenario is worth. */
  readonly rounds: number | null;
  /** `null`: any. */
  readonly seed: number | null;
  /** The commit to compare with, by any name that git knows; `null`: this work tree is measured alone. */
  readonly ref: string | null;
}

Deno.exitCode = await main(Deno.args);

async function main(args: string[]): Promise<number> {
  const plan = planOf(args);
  if (typeof plan === "number") return plan;
  const { names, rounds, ref } = plan;
  const seed = plan.seed ?? Math.floor(Math.random() * 2 ** 31);
  const workplace = new Workplace();
  const begin = performance.now();
  if (ref !== null) {
    const code = await compare(workplace, { ref, scenarios: names, rounds, seed, note });
    workplace.remove();
    if (code === 0) console.log(`\n${ended(begin)}`);
    return code;
  }
  using _leaving = leaveOnSignal(workplace);
  console.log([...machine(workplace.folder), `seed      ${seed}`].join("\n"));
  let failed = 0;
  for (const name of names.length > 0 ? names : Object.keys(SCENARIOS)) {
    try {
      if (Object.hasOwn(TABLES, name)) await print(name, workplace, plan.seed ?? 1);
      else await measure(name, workplace, seed, rounds);
    } catch (error) {
      failed++;
      note();
      console.log(`${name} FAILED: ${error instanceof Error ? error.stack ?? error.message : error}`);
      if (workplace.keep()) console.log(`Its files are kept in ${workplace.folder}`);
    } finally {
      endServers();
    }
  }
  workplace.remove();
  console.log(`\n${failed === 0 ? "All done right" : `${failed} failed`}, ${ended(begin)}`);
  return failed === 0 ? 0 : 1;
}

/** What the command line asks for; the exit code when there is nothing to do, which has been told then. */
function planOf(args: string[]): Plan | number {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    options: {
      rounds: { type: "string" },
      seed: { type: "string" },
      compare: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const { rounds, seed, compare: ref, help, ...others } = values;
  const known = [...Object.keys(SCENARIOS), ...Object.keys(TABLES)];
  const wrong = [
    ...positionals.filter((name) => !known.includes(name)).map((name) => `no scenario '${name}'`),
    ...Object.keys(others).map((name) => `no option '--${name}'`),
    ...ref === undefined ? [] : positionals.filter((name) => Object.hasOwn(TABLES, name))
      .map((name) => `nothing to compare in '${name}'`),
  ];
  const plan = {
    names: positionals,
    rounds: numberOf(rounds),
    seed: numberOf(seed),
    ref: typeof ref === "string" ? ref : null,
  };
  if (
    help || wrong.length > 0 || ref === true || ref === "" ||
    plan.rounds !== null && !(Number.isInteger(plan.rounds) && plan.rounds >= 1) ||
    plan.seed !== null && !Number.isSafeInteger(plan.seed)
  ) {
    if (wrong.length > 0) console.error(`bench: there is ${wrong.join(", ")}`);
    console.error(
      `Usage: deno task bench [${known.join(" ")}] [--compare git ref] [--rounds 1 or more] [--seed integer]

  --compare  measures this version of the sources too, in turns, and prints the ratios
  --rounds   how often each scenario is measured
  --seed     decides all that is random`,
    );
    return help ? 0 : 2;
  }
  return plan;
}

/** The number of an option; `NaN` for an option without a value. */
function numberOf(value: string | boolean | undefined): number | null {
  if (value === undefined) return null;
  return typeof value === "string" && value.trim() !== "" ? Number(value) : NaN;
}

/** Measures a scenario and prints what it found. */
async function measure(
  name: string,
  workplace: Workplace,
  seed: number,
  rounds: number | null,
): Promise<void> {
  const scenario = (await SCENARIOS[name]!())(workplace, seed);
  console.log(`\n${name}: ${scenario.method}`);
  const lines = await runScenario(scenario, { rounds, workplace, note: (text) => note(name, text) });
  note();
  console.log(lines.join("\n"));
}

/** Prints tables that are counted or simulated. */
async function print(name: string, workplace: Workplace, seed: number): Promise<void> {
  console.log(`\n${name}, seed ${seed}`);
  const lines = await TABLES[name]!();
  for await (const line of lines(workplace, seed)) console.log(line);
}

function ended(begin: number): string {
  return `${Math.round((performance.now() - begin) / 1000)} s, load average at the end ${load()}`;
}

/** Says on a terminal what is going on, in one line that the next one overwrites. */
function note(...texts: string[]): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${texts.join(" ")}`));
}
