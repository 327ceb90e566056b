// deno-lint-ignore-file no-console -- its output is its result
/**
 * Starts the program as the README says and runs the README's curl walk-through against it. Ids and times differ from
 * run to run; everything else must be as printed there.
 *
 * @module
 */
import assert from "node:assert/strict";

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const decoder = new TextDecoder();

/** Each `$ command` of the README's console block, with the lines printed below it. */
function readSteps(readme: string): { command: string; printed: string }[] {
  const block = /```console\n([\s\S]*?)```/.exec(readme)?.[1];
  assert(block, "README.md has a ```console block");
  return block.split(/^\$ /m).slice(1).map((step) => {
    const [command = "", ...printed] = step.trimEnd().split("\n");
    return { command, printed: printed.join("\n").trim() };
  });
}

/** Starts a deno task of this project; resolves when it listens. */
async function start(name: string): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(Deno.execPath(), { args: ["task", "-q", name], stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  for (let text = ""; !text.includes("listens on");) {
    const { value, done } = await reader.read();
    assert(!done, `deno task ${name} ended before it listened: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  (async () => {
    while (!(await reader.read()).done);
  })();
  return child;
}

async function run(command: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", command], stderr: "inherit" }).output();
  return decoder.decode(stdout).trim();
}

let passed = 0;
let failed = 0;
const server = await start("dev");
try {
  let id = "";
  for (const { command, printed } of readSteps(Deno.readTextFileSync("README.md"))) {
    const answer = await run(command.replace(ID, id));
    id = answer.match(ID)?.[0] ?? id;
    const as = answer.replace(ID, "ID") === printed.replace(ID, "ID");
    console.log(`${as ? "ok" : "NOT AS IN THE README"}: ${command}\n${answer}`);
    if (as) passed++;
    else failed++;
  }
} finally {
  server.kill("SIGINT"); // Ctrl-C: the watcher takes a SIGTERM for its own
  await server.status;
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
