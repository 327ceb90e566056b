/**
 * The benchmarks: `deno task bench [scenario…] [--rounds N] [--seed N]`. Prints the machine, and for each scenario its
 * method, every round and the medians. Exits with 1 when something was not done right.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- the console is what this program is for
import { parseArgs } from "node:util";
import { cluster } from "./cluster.ts";
import { cpu } from "./cpu.ts";
import { crash } from "./crash.ts";
import { drain } from "./drain.ts";
import { e2e } from "./e2e.ts";
import { http } from "./http.ts";
import { important } from "./important.ts";
import { kvserver } from "./kvserver.ts";
import { load, machine } from "./machine.ts";
import { parked } from "./parked.ts";
import { pickup } from "./pickup.ts";
import { retention } from "./retention.ts";
import { runScenario, type ScenarioMaker } from "./scenario.ts";
import { endServers } from "./server.ts";
import { schedules } from "./schedules.ts";
import { size } from "./size.ts";
import { start } from "./start.ts";
import { store } from "./store.ts";
import { waiting } from "./waiting.ts";
import { workflows } from "./workflows.ts";
import { Workplace } from "./workplace.ts";

const SCENARIOS: Readonly<Record<string, ScenarioMaker>> = {
  store,
  e2e,
  drain,
  parked,
  pickup,
  http,
  important,
  cpu,
  start,
  schedules,
  crash,
  workflows,
  kvserver,
  waiting,
  retention,
  cluster,
  size,
};

Deno.exitCode = await main(Deno.args);

async function main(args: string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    strict: false,
    options: {
      rounds: { type: "string" },
      seed: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  const unknown = positionals.filter((name) => !Object.hasOwn(SCENARIOS, name));
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const options = Object.keys(values).filter((name) => !["rounds", "seed", "help"].includes(name));
  if (
    values.help || options.length > 0 || unknown.length > 0 ||
    rounds !== null && !(Number.isInteger(rounds) && rounds >= 1) ||
    !Number.isSafeInteger(seed)
  ) {
    const names = Object.keys(SCENARIOS).join(" ");
    const wrong = [
      ...unknown.map((name) => `no scenario '${name}'`),
      ...options.map((name) => `no option '--${name}'`),
    ];
    if (wrong.length > 0) console.error(`bench: there is ${wrong.join(", ")}`);
    console.error(`Usage: deno task bench [${names}] [--rounds 1 or more] [--seed integer]`);
    return values.help ? 0 : 2;
  }

  const workplace = new Workplace();
  const leave = () => {
    endServers();
    workplace.remove();
    Deno.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, leave);

  const begin = performance.now();
  console.log([...machine(workplace.folder), `seed      ${seed}`].join("\n"));
  let failed = 0;
  for (const name of positionals.length > 0 ? positionals : Object.keys(SCENARIOS)) {
    const scenario = SCENARIOS[name]!(workplace, seed);
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
  console.log(
    `\n${failed === 0 ? "All done right" : `${failed} failed`}, ` +
      `${Math.round((performance.now() - begin) / 1000)} s, load average at the end ${load()}`,
  );
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, leave);
  return failed === 0 ? 0 : 1;
}

/** Says on a terminal what is going on, in one line that the next one overwrites. */
function note(...texts: string[]): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${texts.join(" ")}`));
}
