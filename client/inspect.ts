/**
 * `deno task inspect`: looks into a running Sluice over HTTP, and prints tables or JSON. A client knows the wire
 * (`routes/contract/`) and nothing of the engine.
 *
 * ```text
 * deno task inspect <view> [--url http://127.0.0.1:8000] [--json]
 *   active              tasks that run now, and where
 *   reserved            tasks that are claimed and wait for a free thread
 *   scheduled           delayed tasks, the next one first
 *   registered          task definitions
 *   stats               how many tasks stand where, and what the process has done
 *   channels, workers
 *   task <id>           a task, why it does not run, and its stored keys
 *   keys [prefix]       stored keys: keys ready/celery
 * ```
 *
 * The address is `--url`, else `http://HOST:PORT`; the token is `API_TOKEN`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ApiError, connect } from "./api.ts";
import { serverOf } from "./server.ts";
import { format, visible, visibleJson } from "./table.ts";
import { VIEWS } from "./views.ts";

const USAGE = `Usage: deno task inspect <${Object.keys(VIEWS).join("|")}> [--url <address>] [--json]

  --url   address of the running Sluice
  --json  print what the server answered`;

try {
  await main(Deno.args);
} catch (error) {
  // deno-lint-ignore no-console -- a command's terminal is all there is
  console.error(`inspect: ${visible(explain(error))}`);
  Deno.exitCode = 1;
}

async function main(args: string[]): Promise<void> {
  const { positionals: [name = "", argument], values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      url: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  // deno-lint-ignore no-console -- this is what was asked for
  if (values.help) return console.log(USAGE);
  const view = Object.hasOwn(VIEWS, name) ? VIEWS[name] : undefined;
  if (!view) throw new TypeError(name === "" ? USAGE : `There is no view '${name}'. ${USAGE}`);
  const { url, token } = serverOf(values.url);
  const api = connect(url, token);
  const seen = await view(api, argument);
  const text = values.json ? visibleJson(seen.data) : seen.tables.map(format).join("\n\n");
  // deno-lint-ignore no-console -- this is what the command is for
  console.log(text);
}

/** The message for a person; never a stack. */
function explain(error: unknown): string {
  if (error instanceof ApiError || error instanceof TypeError) return error.message;
  return String(error);
}
