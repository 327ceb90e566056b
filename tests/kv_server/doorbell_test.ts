/** Wake-ups between processes by way of a KV server. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/store/open.ts";
import { watchedDoorbell } from "../../queue/store/watched_doorbell.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { assertRunsByHints } from "../support/hints.ts";

/** Listens until it hears what the test waits for. */
function ears() {
  const heard: string[] = [];
  let look = () => {};
  return {
    heard,
    hear(channel: string) {
      heard.push(channel);
      look();
    },
    async until(enough: () => boolean) {
      while (!enough()) await new Promise<void>((resolve) => look = resolve);
    },
  };
}

const CHANNELS = Array.from({ length: 23 }, (_, n) => `c${n}`);

kvServerTest(
  "a ring is heard by every process that executes the channel, in any number of channels",
  async () => {
    await using server = await KvServer.start();
    const [here, there] = [await openStore(server.url), await openStore(server.url)];
    const [all, some] = [ears(), ears()];
    there.doorbell!.listen(CHANNELS, all.hear);
    there.doorbell!.listen(["c3"], some.hear);
    // At first each is heard once: something may have rung before.
    await all.until(() => all.heard.length === CHANNELS.length);
    await some.until(() => some.heard.length === 1);
    await Promise.all(CHANNELS.map((channel) => here.doorbell!.ring(channel)));
    await all.until(() => all.heard.length === 2 * CHANNELS.length);
    assert.deepEqual(all.heard.slice(CHANNELS.length).sort(), CHANNELS.toSorted());
    await here.doorbell!.ring("c3");
    await some.until(() => some.heard.length === 3);
    assert.deepEqual(some.heard, ["c3", "c3", "c3"]);
    here.close();
    there.close();
  },
);

kvServerTest(
  "rings of one channel at once are one or two writes, and the ringing process does not hear itself",
  async () => {
    await using server = await KvServer.start();
    const [kv, other] = [await Deno.openKv(server.url), await openStore(server.url)];
    let writes = 0;
    const set = kv.set.bind(kv);
    kv.set = (...args) => {
      writes++;
      return set(...args);
    };
    const doorbell = watchedDoorbell(kv, "sluice", Math.random);
    const own = ears();
    doorbell.listen(["a", "b"], own.hear);
    await own.until(() => own.heard.length === 2);
    await Promise.all(Array.from({ length: 1000 }, () => doorbell.ring("a")));
    assert.equal(writes, 2);
    await other.doorbell!.ring("b");
    await own.until(() => own.heard.length === 3);
    assert.deepEqual(own.heard, ["a", "b", "b"]);
    kv.close();
    other.close();
  },
);

kvServerTest("a ring that comes while one is on its way is followed by one more", async () => {
  await using server = await KvServer.start();
  const kv = await Deno.openKv(server.url);
  const written = Promise.withResolvers<void>();
  const versionstamps: string[] = [];
  const set = kv.set.bind(kv);
  kv.set = async (...args) => {
    const result = await set(...args);
    versionstamps.push(result.versionstamp);
    if (versionstamps.length === 1) await written.promise;
    return result;
  };
  const doorbell = watchedDoorbell(kv, "sluice", Math.random);
  const first = doorbell.ring("a");
  await kv.get(["not yet"]);
  const second = doorbell.ring("a");
  written.resolve();
  await Promise.all([first, second]);
  assert.equal(versionstamps.length, 2);
  kv.close();
});

kvServerTest("a watch that ends is begun anew", async () => {
  await using server = await KvServer.start();
  const [kv, other] = [await Deno.openKv(server.url), await openStore(server.url)];
  const watch = kv.watch.bind(kv) as typeof kv.watch;
  let watches = 0;
  // deno-lint-ignore no-explicit-any -- the overloads of `watch`
  kv.watch = ((keys: any, options: any) => {
    if (++watches === 1) return ReadableStream.from([]);
    if (watches === 2) throw new Error("connection was lost");
    return watch(keys, options);
    // deno-lint-ignore no-explicit-any
  }) as any;
  const own = ears();
  watchedDoorbell(kv, "sluice", () => 0).listen(["a"], own.hear);
  await own.until(() => own.heard.length === 1);
  await other.doorbell!.ring("a");
  await own.until(() => own.heard.length === 2);
  assert.equal(watches, 3);
  kv.close();
  other.close();
});

kvServerTest("a task submitted in one process runs in another that does not poll", async () => {
  await using server = await KvServer.start();
  const [here, there] = [await openStore(server.url), await openStore(server.url)];
  await assertRunsByHints(here, there);
  here.close();
  there.close();
});
