/** The program's log about its KV server at the start. */
import assert from "node:assert/strict";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { DENO_LOG, Program } from "./program.ts";

kvServerTest(
  "over plain http the log says at the start what it costs, behind TLS and HTTP/2 it does not",
  async () => {
    await using server = await KvServer.start({ tls: true });
    const slow = async (KV_PATH: string) => {
      await using program = new Program("worker", { ...server.env, KV_PATH });
      await program.hasTold("registered");
      return program.said.filter(({ level, message }) =>
        level === "warn" && /plain http/.test(String(message))
      ).length;
    };
    assert.deepEqual([await slow(`http://127.0.0.1:${server.port}`), await slow(server.url)], [1, 0]);
  },
);

kvServerTest("a token that the server does not take ends the program with code 1", async () => {
  await using server = await KvServer.start();
  await using program = new Program("worker", { ...server.env, DENO_KV_ACCESS_TOKEN: "another-token" });
  assert.equal((await program.ended()).code, 1);
  assert.deepEqual(program.lines, []);
});

kvServerTest(
  "Deno's client keeps quiet in an outage as the program starts it, and an uncaught error does not",
  async () => {
    await using server = await KvServer.start();
    const code = `
    const kv = await Deno.openKv("${server.url}");
    await kv.get(["a"]);
    await Deno.stdout.write(new Uint8Array(1));
    await Deno.stdin.read(new Uint8Array(1));
    kv.get(["a"]);
    setTimeout(() => { throw new Error("seen"); }, 1000);
  `;
    const stderr = async (env: Record<string, string>) => {
      const child = new Deno.Command(Deno.execPath(), {
        args: ["eval", "--quiet", "--unstable-kv", code],
        env: { ...server.env, ...env },
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await child.stdout.getReader().read();
      await server.stop();
      await child.stdin.getWriter().write(new Uint8Array(1));
      const text = await new Response(child.stderr).text();
      await child.status;
      await server.start();
      return text;
    };
    const quiet = await stderr({ DENO_LOG });
    assert.match(quiet, /Error: seen/);
    assert.doesNotMatch(quiet, /KV Connect/);
    assert.match(await stderr({}), /KV Connect failed to call/, "or the setting is not needed any more");
  },
);
