/** The command that calls every route, against the real program and against none. */
import assert from "node:assert/strict";
import { connect } from "../../client/api.ts";
import { folder } from "../queue/store/folder.ts";
import { Child, programEnv } from "../e2e/child.ts";

const COMMAND = "../../client/exercise.ts";

Deno.test("deno task exercise calls every route of the source systems, and each answers as it must", async () => {
  using files = folder();
  const token = { API_TOKEN: "a-token-of-16-char" };
  const env = programEnv(`${files.path}/a.kv`, { ...token, DEMO_TIME_SCALE: "0", SHUTDOWN_GRACE: "5" });
  await using server = new Child("../../main.ts", [], env);
  const base = await server.listening();

  await using right = new Child(COMMAND, ["--url", base], token);
  const { code } = await right.ended();
  const text = right.lines.join("\n");
  assert.equal(code, 0, text);
  const [, found, of] = /^(\d+) of (\d+) answers are right$/m.exec(text)!;
  assert.deepEqual([found, right.lines.length], [of, Number(of) + 2]);

  await using help = new Child(COMMAND, ["--help"]);
  await help.ended();
  assert.deepEqual(help.lines, [
    "Usage: deno task exercise [--url <address>]",
    "",
    "  --url  address of the running Sluice",
  ]);

  await using wrong = new Child(COMMAND, ["--url", base], { API_TOKEN: "another-token-of-16" });
  assert.equal((await wrong.ended()).code, 1);
  assert.match(wrong.lines.join("\n"), /GET +\/add\/5\/10 +401 .* must be 200/);
});

Deno.test("both commands keep the path of --url, with or without a slash at its end", async () => {
  const asked: string[] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return Response.json({});
  });
  const base = `http://127.0.0.1:${server.addr.port}/work`;
  await connect(base, undefined)("/v1/stats");
  await connect(`${base}/`, undefined)("/v1/stats");
  assert.deepEqual(asked.splice(0), ["/work/v1/stats", "/work/v1/stats"]);
  await using child = new Child(COMMAND, ["--url", base]);
  await child.ended();
  assert.ok(asked.length > 20);
  assert.deepEqual(asked.filter((path) => !path.startsWith("/work/")), []);
});

Deno.test("deno task exercise says so when nobody answers", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using child = new Child(COMMAND, ["--url", `http://127.0.0.1:${port}`]);
  assert.equal((await child.ended()).code, 1);
  assert.deepEqual(child.lines, []);
});
