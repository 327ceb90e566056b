/**
 * `deno task contract`: holds the OpenAPI document against the program. schemathesis makes requests of the document, good
 * and bad ones, alone and in chains, and checks every answer. `schemathesis.toml` says what a schema cannot say.
 *
 * ```sh
 * python3 -m venv ~/.cache/sluice/schemathesis
 * ~/.cache/sluice/schemathesis/bin/pip install schemathesis==4.32.5
 * deno task contract
 * deno task contract --seeds 7 --examples 50
 * ```
 *
 * @module
 */
// deno-lint-ignore-file no-console -- a program's terminal
import { parseArgs } from "node:util";
import { Child, programEnv } from "../e2e/child.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1,2,3" },
    examples: { type: "string", default: "200" },
    program: {
      type: "string",
      default: `${Deno.env.get("HOME")}/.cache/sluice/schemathesis/bin/schemathesis`,
    },
  },
});

/** Without `celery`: the sum of the largest number, which the document allows, would compute for years. */
const CHANNELS =
  "high_priority=4,default=4,low_priority=4,scheduled=4,ml_service=1,email_service=1,test-queue=1";

let broken = false;
for (const seed of values.seeds.split(",")) broken = !await holds(seed) || broken;
Deno.exit(broken ? 1 : 0);

/** Runs schemathesis against a new program with a new database. @returns whether it found nothing */
async function holds(seed: string): Promise<boolean> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-contract-" });
  await using program = new Child(
    "../../main.ts",
    [],
    programEnv(`${folder}/a.kv`, { DEMO_TIME_SCALE: "0", CHANNELS }),
  );
  const url = await program.listening();
  const { code } = await new Deno.Command(values.program, {
    args: [
      ...["--config-file", new URL("schemathesis.toml", import.meta.url).pathname],
      ...["run", `${url}/openapi.json`, "--checks", "all", "--continue-on-failure", "--no-color"],
      ...["--seed", seed, "--max-examples", values.examples, "--request-timeout", "40"],
    ],
    cwd: folder,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  const errors = program.lines.filter((line) => line.includes('"level":"error"'));
  for (const line of errors) console.log(line);
  console.log(
    `seed ${seed}, ${values.examples} examples an operation: ${code === 0 ? "nothing found" : "FINDINGS"}`,
  );
  await program.kill();
  await Deno.remove(folder, { recursive: true });
  return code === 0 && errors.length === 0;
}
