/** Real processes at a real KV server, killed with SIGKILL while the others work on. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { conserve } from "../e2e/conservation.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";

const KILLS = Number(Deno.env.get("SLUICE_KILLS") ?? 4);

kvServerTest(
  "conservation: three processes at a KV server, killed in turn, lose nothing and settle nothing twice",
  async () => {
    await using server = await KvServer.start();
    const plan = { kills: KILLS, batch: 10, seed: 20260105, workers: 3, kvServer: server.url };
    const { broken, acknowledged, accepted, final, settledTwice, stuck, kills } = await conserve(plan);
    assert.deepEqual(broken, []);
    assert.deepEqual([kills, final, settledTwice, stuck], [KILLS, accepted, 0, 0]);
    assert(acknowledged > 0 && accepted >= acknowledged);
    // It leaves nothing behind on a server that is somebody's.
    const store = await openStore(server.url);
    const left = await store.list({ prefix: [], start: ["a"], end: ["z"] }, { limit: 10 });
    store.close();
    assert.deepEqual(left.map(({ key }) => key), []);
  },
);
