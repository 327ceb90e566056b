/** What the program says of its KV server at the start. */
import assert from "node:assert/strict";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { Program } from "./program.ts";

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
