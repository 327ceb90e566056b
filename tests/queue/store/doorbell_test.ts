import assert from "node:assert/strict";
import { kvDoorbell } from "../../../queue/store/doorbell.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { openStore } from "../../../queue/store/open.ts";

for (
  const [name, open] of [
    ["openStore()", () => openStore(":memory:")],
    ["memoryStore()", () => Promise.resolve(memoryStore({ doorbell: true }))],
  ] as const
) {
  Deno.test(`${name} carries a ring to its listener`, async () => {
    const store = await open();
    const heard = Promise.withResolvers<string>();
    store.doorbell!.listen(["celery"], heard.resolve);
    await store.doorbell!.ring("celery");
    assert.equal(await heard.promise, "celery");
    store.close();
  });

  Deno.test(`${name} lets a ring come to nothing once it is closed`, async () => {
    const store = await open();
    store.doorbell!.listen(["celery"], () => assert.fail("rang"));
    store.close();
    await store.doorbell!.ring("celery");
  });
}

Deno.test("kvDoorbell() probes without leaving anything behind", async () => {
  using kv = await Deno.openKv(":memory:");
  assert(await kvDoorbell(kv, "sluice"));
  const heard = Promise.withResolvers<unknown>();
  const listening = kv.listenQueue(heard.resolve);
  await kv.enqueue("first");
  assert.equal(await heard.promise, "first");
  assert.deepEqual(await Array.fromAsync(kv.list({ prefix: [] })), []);
  kv.close();
  await listening;
});

Deno.test("kvDoorbell() ignores messages that are no ring of its namespace", async () => {
  using kv = await Deno.openKv(":memory:");
  const doorbell = await kvDoorbell(kv, "ours");
  const theirs = await kvDoorbell(kv, "theirs");
  const heard: string[] = [];
  const last = Promise.withResolvers<void>();
  doorbell!.listen(["celery", "last"], (channel) => {
    heard.push(channel);
    if (channel === "last") last.resolve();
  });
  for (const message of [null, "text", 7, { sluice: "ours" }, { sluice: "ours", channel: 7 }]) {
    await kv.enqueue(message);
  }
  await theirs!.ring("celery");
  await doorbell!.ring("last");
  await last.promise;
  assert.deepEqual(heard, ["last"]);
});

Deno.test("kvDoorbell() lets rings of one channel share the one that is not heard yet", async () => {
  using kv = await Deno.openKv(":memory:");
  const doorbell = (await kvDoorbell(kv, "sluice"))!;
  let sent = 0;
  const enqueue = kv.enqueue.bind(kv);
  kv.enqueue = (message, options) => {
    sent++;
    return enqueue(message, options);
  };
  await Promise.all([doorbell.ring("a"), doorbell.ring("a"), doorbell.ring("b"), doorbell.ring("a")]);
  assert.equal(sent, 2);
  await doorbell.ring("a");
  assert.equal(sent, 2, "nobody has heard of it yet");
  const heard = Promise.withResolvers<void>();
  doorbell.listen(["a"], () => heard.resolve());
  await heard.promise;
  await doorbell.ring("a");
  assert.equal(sent, 3);
});

Deno.test("kvDoorbell() is null where the database has no queue", async () => {
  using kv = await Deno.openKv(":memory:");
  const atomic = kv.atomic.bind(kv);
  kv.atomic = () => {
    const operation = atomic();
    operation.commit = () =>
      Promise.reject(new TypeError("Enqueue operations are not supported in KV Connect"));
    return operation;
  };
  assert.equal(await kvDoorbell(kv, "sluice"), null);
});
