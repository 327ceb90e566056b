import { openStore } from "../../queue/mod.ts";
import { examineAtWork } from "../queue/doctor/at_work.ts";
import { examineBroken } from "../queue/doctor/broken.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";

kvServerTest("each broken law is found with its keys and repaired where it can be (KV server)", async () => {
  await using server = await KvServer.start();
  const store = await openStore(server.url);
  await examineBroken(store);
  store.close();
});

kvServerTest("a KV server at full work gives another process no false alarm", async () => {
  await using server = await KvServer.start();
  const [store, another] = [await openStore(server.url), await openStore(server.url)];
  await examineAtWork(store, another, 1);
  store.close();
  another.close();
});
