/** The messages for a person who cannot reach the KV server. */
import assert from "node:assert/strict";
import { StoreBrokenError } from "../../queue/ground/errors.ts";
import { openStore } from "../../queue/store/open.ts";
import { SERVER_LIMITS } from "../../queue/store/limits.ts";
import { selfSigned } from "../support/certificate.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";

kvServerTest("openStore() opens a KV server, which others may share", async () => {
  await using server = await KvServer.start();
  const [one, other] = [await openStore(server.url), await openStore(server.url)];
  assert.equal(one.incarnation, null);
  assert.deepEqual(one.limits, SERVER_LIMITS);
  await one.commit([], [{ type: "set", key: ["a"], value: 1 }]);
  assert.equal((await other.getMany([["a"]]))[0]?.value, 1);
  one.close();
  other.close();
});

kvServerTest("openStore() finds what a KV server kept when it was killed and started again", async () => {
  await using server = await KvServer.start();
  const store = await openStore(server.url);
  await store.commit([], [{ type: "set", key: ["a"], value: 1 }]);
  await server.kill();
  await server.start();
  assert.equal((await store.getMany([["a"]]))[0]?.value, 1);
  store.close();
});

kvServerTest("openStore() says what to do about a server that does not take the token", async () => {
  await using server = await KvServer.start();
  Deno.env.set("DENO_KV_ACCESS_TOKEN", "another-token");
  await assertUnusable(server.url, /does not accept the access token/, /^Set DENO_KV_ACCESS_TOKEN to/);
  Deno.env.delete("DENO_KV_ACCESS_TOKEN");
  await assertUnusable(server.url, /DENO_KV_ACCESS_TOKEN is not set/, /--access-token/);
  Deno.env.set("DENO_KV_ACCESS_TOKEN", server.token);
  await assertUnusable(server.url.replace("http:", "https:"), /does not speak TLS/, /^Write http:\/\//);
  await server.stop();
  await assertUnusable(server.url, /cannot be reached/, /^Start the server/);
});

kvServerTest("openStore() says what to do about a certificate that this machine does not know", async () => {
  await using server = await KvServer.start({ tls: true });
  await assertUnusable(server.url, /not of an authority/, /DENO_CERT/);
});

Deno.test("openStore() says that a proxy does not offer HTTP/2", async () => {
  Deno.env.set("DENO_KV_ACCESS_TOKEN", "any-token-at-all");
  const proxy = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    alpnProtocols: ["http/1.1"],
    ...selfSigned(),
  });
  const refusing = proxy.accept().then((connection) => connection.handshake()).catch((error) => error);
  await assertUnusable(
    `https://localhost:${proxy.addr.port}`,
    /does not offer HTTP\/2/,
    /deploy\/nginx.conf/,
  );
  assert(await refusing instanceof Error);
  proxy.close();
});

Deno.test("openStore() says that the server at the address is no KV server", async () => {
  Deno.env.set("DENO_KV_ACCESS_TOKEN", "any-token-at-all");
  const web = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("Hello"));
  await assertUnusable(
    `http://user:secret@127.0.0.1:${web.addr.port}`,
    /is no KV server/,
    /Look at the address/,
  );
  await web.shutdown();
});

async function assertUnusable(url: string, message: RegExp, hint: RegExp): Promise<void> {
  await assert.rejects(openStore(url), (error) => {
    assert(error instanceof StoreBrokenError, `${error}`);
    assert.match(error.message, message);
    assert(error.message.startsWith(`KV server '${new URL(url).origin}' cannot be used: `), error.message);
    assert.doesNotMatch(error.message + error.hint, /secret|\n/);
    assert.match(error.hint, hint);
    return true;
  });
}
