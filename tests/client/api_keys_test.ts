/** `deno task api-keys`, with its own permissions, against the program as it is started. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import { run, serve } from "./served.ts";

Deno.test("deno task api-keys makes a key that works, lists it, and revokes it", async () => {
  using files = folder();
  await using server = await serve(files.path);
  const keys = (...args: string[]) => run("api_keys.ts", server.url, args);
  const made = await keys("create", "ci", "--scopes", "read,submit", "--expires", "90");
  assert.equal(made.code, 0, made.err);
  const [token] = made.out.split("\n") as [string];
  assert.match(token, /^sluice_ci_[\w-]{43}$/);
  assert.equal((await run("inspect.ts", server.url, ["stats"], token)).code, 0);
  const listed = await keys();
  assert.match(listed.out, /^API keys\nNAME\s+PREFIX[^]*\nci\s+sluice_ci_[\w-]{4}\s.*read,submit/);
  assert(!listed.out.includes(token));
  assert.match((await keys("revoke", "ci")).out, /^Revoked 'ci'/);
  const again = await keys("revoke", "ci");
  assert.deepEqual([again.code, again.err], [1, "api-keys: Unknown API key: No API key is named 'ci'\n"]);
  const wrong = await keys("create", "ci", "--scopes", "root");
  assert.match(wrong.err, /^api-keys: Request is not valid: body \/scopes\/0: must be one of read, submit/);
  assert.match((await keys("create")).err, /^api-keys: Usage: deno task api-keys/);
  assert.match((await keys("--help")).out, /^Usage: deno task api-keys/);
});
