/**
 * `deno task prove`: tries to make Sluice lose a task or do one twice, by all that can be done to it in three minutes,
 * and says what was tried, how often, and what held.
 *
 * ```sh
 * deno task prove
 * deno task prove --seed 7 --kv-server http://127.0.0.1:4512
 * deno task prove --sabotage
 * ```
 *
 * `--kv-server` also takes `own`, which starts denokv; without it a KV_PATH that names a server is tried. `--sabotage`
 * lets the store forget commits, so that one sees the proof fail.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a program's terminal
import { parseArgs } from "node:util";
import { openStore, StoreBrokenError } from "../../queue/mod.ts";
import { KvServer } from "../support/kv_server.ts";
import { prove } from "./prove.ts";

const REPORT = "prove-report.md";

const USAGE = `Usage: deno task prove [--seed <integer>] [--kv-server <address or 'own'>] [--sabotage]

  --seed       repeats the faults of an earlier proof
  --kv-server  proves on a KV server: one at this address, or one of the proof's own
  --sabotage   breaks a law on purpose, to see the proof fail`;

const { values } = readOptions();
if (values.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const address = values["kv-server"] ?? Deno.env.get("KV_PATH") ?? "";
await using server = address === "own" ? await KvServer.start().catch(refuse) : null;
const kvServer = server?.url ?? (/^https?:/.test(address) ? address : null);
if (kvServer && !server) await assertUsable(kvServer);

const lines: string[] = [];
const held = await prove({
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  kvServer,
  sabotage: values.sabotage,
  tell(line) {
    console.log(line);
    lines.push(line);
  },
});
Deno.writeTextFileSync(REPORT, `# Proof\n\n\`\`\`text\n${lines.join("\n")}\n\`\`\`\n`);
console.log(`This report: ${REPORT}`);
if (!held) Deno.exitCode = 1;

/** What cannot be tried breaks no promise: it is said before anything is tried. */
async function assertUsable(url: string): Promise<void> {
  (await openStore(url).catch(refuse)).close();
}

function refuse(error: Error): never {
  console.error(`prove: ${error.message}${error instanceof StoreBrokenError ? `. ${error.hint}` : ""}`);
  Deno.exit(2);
}

function readOptions() {
  try {
    const options = parseArgs({
      options: {
        "seed": { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
        "kv-server": { type: "string" },
        "seconds": { type: "string", default: "130" },
        "sabotage": { type: "boolean", default: false },
        "help": { type: "boolean", short: "h" },
      },
    });
    if (!/^\d{1,15}$/.test(options.values.seed)) throw new TypeError("--seed must be an integer");
    if (!/^(own$|https?:)/.test(options.values["kv-server"] ?? "own")) {
      throw new TypeError("--kv-server must be an address that begins with http:// or https://, or 'own'");
    }
    if (!(Number(options.values.seconds) > 0)) throw new TypeError("--seconds must be a number above 0");
    return options;
  } catch (error) {
    console.error(`prove: ${(error as Error).message}\n${USAGE}`);
    Deno.exit(2);
  }
}
