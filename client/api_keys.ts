/**
 * `deno task api-keys`: makes, lists and revokes the API keys of a running Sluice, over HTTP.
 *
 * ```text
 * deno task api-keys                                        all keys
 * deno task api-keys create <name> --scopes read,submit     a new key; --expires <days>
 * deno task api-keys revoke <name>
 * ```
 *
 * The address is `--url`, else `http://HOST:PORT`; the token is `API_TOKEN`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { z } from "@hono/zod-openapi";
import type { ApiKeyList, NewApiKey } from "../routes/contract/mod.ts";
import { ApiError, connect } from "./api.ts";
import { serverOf } from "./server.ts";
import { format, visible } from "./table.ts";

const USAGE = `Usage: deno task api-keys [create <name> --scopes <list> | revoke <name>] [--url <address>]

  --scopes   what the key may do, separated by commas: read, submit, work, operate, admin
  --expires  days that the key is valid; for good without it
  --url      address of the running Sluice`;

try {
  // deno-lint-ignore no-console -- this is what was asked for
  console.log(await main(Deno.args));
} catch (error) {
  const message = error instanceof ApiError || error instanceof TypeError ? error.message : String(error);
  // deno-lint-ignore no-console -- a command's terminal is all there is
  console.error(`api-keys: ${visible(message)}`);
  Deno.exitCode = 1;
}

async function main(args: string[]): Promise<string> {
  const { positionals: [action = "list", name], values } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      scopes: { type: "string", default: "" },
      expires: { type: "string" },
      url: { type: "string" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return USAGE;
  const { url, token } = serverOf(values.url);
  const api = connect(url, token);
  if (action === "list") {
    const { api_keys } = await api<z.output<typeof ApiKeyList>>("/v1/api-keys");
    const rows = api_keys.map(({ scopes, ...key }) => ({ ...key, scopes: scopes.join(",") }));
    return format({ title: "API keys", rows });
  }
  if (!["create", "revoke"].includes(action) || name === undefined) throw new TypeError(USAGE);
  if (action === "revoke") {
    await api(`/v1/api-keys/${encodeURIComponent(name)}`, { method: "DELETE" });
    return `Revoked '${name}': every process refuses it within 5 s`;
  }
  const made = await api<z.output<typeof NewApiKey>>("/v1/api-keys", {
    method: "POST",
    body: {
      name,
      scopes: values.scopes.split(",").filter((scope) => scope !== ""),
      ...values.expires !== undefined && { expires: Number(values.expires) * 86_400 },
    },
  });
  return `${made.token}\n\nThe token of '${made.name}' (${made.scopes.join(", ")}). It is not shown again.`;
}
