/** Errors that a server, or a proxy before it, answers with, as the adapter passes them on. */
import assert from "node:assert/strict";
import { RefusedCommitError, StoreBrokenError, StoreUnavailableError } from "../../../queue/ground/errors.ts";
import { kvStore } from "../../../queue/store/kv_store.ts";
import { type OutageOptions, withOutages } from "../../../queue/store/outage.ts";

/** A store whose commits are answered so, and what it was asked. */
async function answering(errors: readonly string[], options: Partial<OutageOptions> = {}) {
  const kv = await Deno.openKv(":memory:");
  const atomic = kv.atomic.bind(kv);
  const left = errors.map((status) =>
    new Error(`KV Connect failed to call 'http://127.0.0.1:1/v2/atomic_write' (status=${status}): no`)
  );
  kv.atomic = () => {
    const operation = atomic();
    const commit = operation.commit.bind(operation);
    operation.commit = () => left.length > 0 ? Promise.reject(left.shift()) : commit();
    return operation;
  };
  const connect = () => Promise.reject(new Error("not here"));
  const store = withOutages({ store: kvStore(kv), takeOver: () => {} }, {
    connect,
    random: () => 0.5,
    ...options,
  });
  return { store, left, [Symbol.dispose]: () => store.close() };
}

Deno.test("a server that refuses to work now is asked again", async () => {
  using busy = await answering(["429 Too Many Requests", "418 I'm a teapot", "429 Too Many Requests"]);
  assert(await busy.store.commit([], [{ type: "set", key: ["a"], value: 1 }]));
  assert.equal(busy.left.length, 0);
});

Deno.test("a request that a server or a proxy refuses for good fails as refused, or as broken when the token has ended", async () => {
  const cases = [
    ["400 Bad Request", RefusedCommitError, /Commit was refused/],
    ["413 Payload Too Large", RefusedCommitError, /Commit was refused/],
    ["401 Unauthorized", StoreBrokenError, /can serve no more/],
    ["403 Forbidden", StoreBrokenError, /can serve no more/],
    ["404 Not Found", StoreBrokenError, /can serve no more/],
  ] as const;
  for (const [status, type, message] of cases) {
    using refusing = await answering([status]);
    await assert.rejects(refusing.store.commit([], []), (error) => {
      assert(error instanceof type, `${error}`);
      assert.match(error.message, message);
      if (error instanceof StoreBrokenError) assert.match(error.hint, /DENO_KV_ACCESS_TOKEN|address/);
      return true;
    });
  }
});

Deno.test("a server that goes on refusing is unavailable; the caller knows whether a commit may have landed", async () => {
  for (const [status, sent] of [["429 Too Many Requests", false], ["408 Request Timeout", true]] as const) {
    using refusing = await answering(Array(1_000_000).fill(status), { deadline: 100 });
    await assert.rejects(
      refusing.store.commit([], []),
      (error) => error instanceof StoreUnavailableError && error.sent === sent,
    );
  }
});
