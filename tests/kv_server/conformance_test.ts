import { openStore } from "../../queue/store/open.ts";
import type { Store } from "../../queue/store/port.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { conformance } from "../queue/store/conformance.ts";

let server: KvServer | null = null;
Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());

conformance("KV server", async () => {
  server ??= await KvServer.start();
  const store = await openStore(server.url);
  await empty(store);
  return store;
}, kvServerTest);

async function empty(store: Store): Promise<void> {
  for (;;) {
    const entries = await store.list({ prefix: [] }, { limit: store.limits.listBatch });
    if (entries.length === 0) return;
    await store.commit([], entries.map(({ key }) => ({ type: "delete", key })));
  }
}
