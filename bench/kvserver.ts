/**
 * The time of a commit to a KV server over plain HTTP, and behind nginx with TLS and HTTP/2. Quoted by
 * docs/operations.md.
 *
 * @module
 */
import { join } from "node:path";
import { KvServer } from "../tests/support/kv_server.ts";
import type { Figures, ScenarioMaker } from "./scenario.ts";

/** The scenario `kvserver`. */
export const kvserver: ScenarioMaker = (workplace) => ({
  method:
    "denokv, plain and behind nginx as deploy/nginx.conf has it; a client process of its own commits rows of a " +
    "task, 1 to 500 at once, one commit after the other; then 100 at once, 8 commits in flight; and reads one row.",
  variants: [
    { name: "plain HTTP", measure: () => measure(workplace.make(), false) },
    { name: "TLS + HTTP/2", measure: () => measure(workplace.make(), true) },
  ],
  ratios: [1, 10, 25, 100, 500].map((rows) => ({
    name: `plain / TLS, ${rows} rows`,
    of: `plain HTTP: ${rows} rows, ms`,
    to: `TLS + HTTP/2: ${rows} rows, ms`,
  })),
});

async function measure(folder: string, tls: boolean): Promise<Figures> {
  await using server = await KvServer.start({ folder, tls });
  const { code, stdout } = await new Deno.Command("deno", {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-P=bench",
      join(import.meta.dirname!, "kvserver_client.ts"),
      server.url,
    ],
    env: server.env,
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`The client ended with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
