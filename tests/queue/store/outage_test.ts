import assert from "node:assert/strict";
import { StoreBrokenError, StoreUnavailableError } from "../../../queue/ground/errors.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import { type Connection, type OutageOptions, withOutages } from "../../../queue/store/outage.ts";
import type { Mutation, Store } from "../../../queue/store/port.ts";
import { conformance } from "./conformance.ts";

const never = new Promise<never>(() => {});
const write: Mutation[] = [{ type: "set", key: ["a"], value: 1 }];

conformance("a store with outages", () =>
  withOutages({ store: memoryStore(), takeOver: () => {} }, {
    connect: () => never,
    random: () => 0,
  }));

/** A store whose server can be cut off: what is asked then is never answered. */
function open(connect: (inner: Store) => Promise<Connection>, options: Partial<OutageOptions> = {}) {
  const inner = memoryStore();
  let cut = false;
  const closed: string[] = [];
  const through = <T>(answer: Promise<T>): Promise<T> => cut ? never : answer;
  const first: Store = {
    ...inner,
    getMany: (keys) => through(inner.getMany(keys)),
    list: (range, how) => through(inner.list(range, how)),
    commit: (checks, mutations) => through(inner.commit(checks, mutations)),
    close: () => void closed.push("first"),
  };
  const told: string[] = [];
  const back = Promise.withResolvers<void>();
  const store = withOutages({ store: first, takeOver: () => assert.fail("is in use from the start") }, {
    connect: () => connect(inner),
    random: () => 0,
    deadline: 20,
    onOutage(ended) {
      told.push(ended ? "back" : "away");
      if (ended) back.resolve();
    },
    ...options,
  });
  return { store, inner, told, closed, back: back.promise, cut: () => cut = true };
}

Deno.test("withOutages() goes on over a new connection when the former does not answer", async () => {
  const connected = Promise.withResolvers<void>();
  let attempts = 0;
  let taken = 0;
  const t = open(async (inner) => {
    if (++attempts === 1) throw new TypeError("cannot be reached");
    await connected.promise;
    return { store: inner, takeOver: () => taken++ };
  });
  await t.store.commit([], write);
  t.cut();
  // Asked before it is known: unknown. After it: not sent.
  await assert.rejects(
    t.store.commit([], write),
    (error) => error instanceof StoreUnavailableError && error.sent,
  );
  await assert.rejects(
    t.store.commit([], write),
    (error) => error instanceof StoreUnavailableError && !error.sent,
  );
  const waiting = t.store.getMany([["a"]]);
  connected.resolve();
  assert.equal((await waiting)[0]?.value, 1);
  await t.back;
  assert.deepEqual([attempts, taken, t.told, t.closed], [2, 1, ["away", "back"], ["first"]]);
  assert.notEqual(await t.store.commit([], write), null);
  t.store.close();
});

Deno.test("withOutages() keeps no read waiting for long, and closes a connection that comes too late", async () => {
  const late = Promise.withResolvers<Connection>();
  const t = open(() => late.promise);
  t.cut();
  await assert.rejects(t.store.getMany([["a"]]), StoreUnavailableError);
  const begun = performance.now();
  await assert.rejects(t.store.list({ prefix: [] }, { limit: 1 }), StoreUnavailableError);
  assert(performance.now() - begun > 1000, "it waits a moment for the return");
  t.store.close();
  const closed = Promise.withResolvers<void>();
  late.resolve({ store: { ...memoryStore(), close: closed.resolve }, takeOver: () => assert.fail("closed") });
  await closed.promise;
  assert.deepEqual(t.told, ["away"]);
});

Deno.test("withOutages() is broken when the server does not take the token any more", async () => {
  const t = open(() => Promise.reject(new StoreBrokenError("token", "Set it")));
  t.cut();
  await assert.rejects(t.store.getMany([["a"]]), StoreUnavailableError);
  await assert.rejects(t.store.getMany([["a"]]), StoreBrokenError);
  await assert.rejects(t.store.commit([], write), StoreBrokenError);
  t.store.close();
});

Deno.test("withOutages() takes operations that miss their deadline together for one outage", async () => {
  const t = open((inner) => Promise.resolve({ store: inner, takeOver: () => {} }));
  t.cut();
  await Promise.allSettled(Array.from({ length: 20 }, () => t.store.getMany([["a"]])));
  await t.back;
  assert.deepEqual(t.told, ["away", "back"]);
  assert.deepEqual(await t.store.getMany([["a"]]), [null]);
  t.store.close();
});

Deno.test("withOutages() repeats over the new connection a request that the former refused", async () => {
  const inner = memoryStore();
  let closed = false;
  const first: Store = {
    ...inner,
    getMany: () => never,
    commit: () =>
      closed ? Promise.reject(new StoreBrokenError("closed", "closed")) : Promise.reject(
        new Error("KV Connect failed to call 'http://x' (status=429 Too Many Requests): no"),
      ),
    close: () => closed = true,
  };
  const pauses = [3];
  const store = withOutages({ store: first, takeOver: () => {} }, {
    connect: () => Promise.resolve({ store: inner, takeOver: () => {} }),
    random: () => pauses.shift() ?? 0,
    deadline: 50,
  });
  // It is asked again after a pause that is longer than the outage.
  const landed = store.commit([], write);
  await assert.rejects(store.getMany([["a"]]), StoreUnavailableError);
  assert.equal(typeof await landed, "string");
  assert.equal(closed, true);
  store.close();
});

for (const [what, answer] of Object.entries({ throws: failNow, rejects: failSoon })) {
  Deno.test(`an onOutage that ${what} ends neither the outage nor the process`, async () => {
    const back = Promise.withResolvers<void>();
    const t = open((inner) => Promise.resolve({ store: inner, takeOver: () => {} }), {
      onOutage(ended) {
        if (ended) back.resolve();
        return answer();
      },
    });
    t.cut();
    await assert.rejects(t.store.commit([], write), StoreUnavailableError);
    await back.promise;
    await t.store.commit([], write);
    assert.equal((await t.store.getMany([["a"]]))[0]?.value, 1);
  });
}

function failNow(): void {
  throw new Error("the observer's own");
}

function failSoon(): Promise<void> {
  return Promise.reject(new Error("the observer's own"));
}
