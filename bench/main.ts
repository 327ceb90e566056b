/**
 * The benchmarks: `deno task bench [scenario…] [--rounds N] [--seed N]`. Prints the machine, and for each scenario its
 * method, every round and the medians. With `--compare <git ref>` it prints how this work tree compares with that commit.
 * Exits with 1 when something was not done right.
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
import { Workplace } from "./workplace.ts";

Deno.exitCode = await main(Deno.args);

async function main(args: string[]): Promise<number> {
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
  const unknown = positionals.filter((name) => !Object.hasOwn(SCENARIOS, name));
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const options = Object.keys(values).filter((name) => !["rounds", "seed", "compare", "help"].includes(name));
  if (
    values.help || options.length > 0 || unknown.length > 0 ||
    rounds !== null && !(Number.isInteger(rounds) && rounds >= 1) ||
    !Number.isSafeInteger(seed) || values.compare === true || values.compare === ""
  ) {
    const names = Object.keys(SCENARIOS).join(" ");
    const wrong = [
      ...unknown.map((name) => `no scenario '${name}'`),
      ...options.map((name) => `no option '--${name}'`),
    ];
    if (wrong.length > 0) console.error(`bench: there is ${wrong.join(", ")}`);
    console.error(
      `Usage: deno task bench [${names}] [--compare git ref] [--rounds 1 or more] [--seed integer]`,
    );
    return values.help ? 0 : 2;
  }

  const workplace = new Workplace();
  const begin = performance.now();
  if (typeof values.compare === "string") {
    const code = await compare(workplace, {
      ref: values.compare,
      scenarios: positionals,
      rounds,
      seed,
      note,
    });
    workplace.remove();
    if (code === 0) console.log(`\n${ended(begin)}`);
    return code;
  }
  using _leaving = leaveOnSignal(workplace);
  console.log([...machine(workplace.folder), `seed      ${seed}`].join("\n"));
  let failed = 0;
  for (const name of positionals.length > 0 ? positionals : Object.keys(SCENARIOS)) {
    const scenario = (await SCENARIOS[name]!())(workplace, seed);
    console.log(`\n${name}: ${scenario.method}`);
    try {
      const lines = await runScenario(scenario, { rounds, workplace, note: (text) => note(name, text) });
      note();
      console.log(lines.join("\n"));
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

function ended(begin: number): string {
  return `${Math.round((performance.now() - begin) / 1000)} s, load average at the end ${load()}`;
}

/** Says on a terminal what is going on, in one line that the next one overwrites. */
function note(...texts: string[]): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${texts.join(" ")}`));
}
