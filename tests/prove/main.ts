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
import { KvServer } from "../support/kv_server.ts";
import { prove } from "./prove.ts";

const REPORT = "prove-report.md";

const { values } = parseArgs({
  options: {
    "seed": { type: "string", default: `${Math.floor(Math.random() * 2 ** 31)}` },
    "kv-server": { type: "string" },
    "seconds": { type: "string", default: "130" },
    "sabotage": { type: "boolean", default: false },
  },
});
const address = values["kv-server"] ?? Deno.env.get("KV_PATH") ?? "";
await using server = address === "own" ? await KvServer.start() : null;
const kvServer = server?.url ?? (/^https?:/.test(address) ? address : null);

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
