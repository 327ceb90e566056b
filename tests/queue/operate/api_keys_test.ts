/** API keys: what is stored of them, when a token is good, and what verifying costs. */
import assert from "node:assert/strict";
import { memoryStore, type Store } from "../../../queue/mod.ts";
import { openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { rowsOf } from "../../support/rows.ts";

Deno.test("a token is good in every process, until its key is revoked in one of them", async () => {
  await using processes = new Processes();
  const [one, two] = [await processes.start(), await processes.start()];
  const { key, token } = await one.queue.apiKeys.create({ name: "ci", scopes: ["read"] });
  assert.deepEqual((await two.queue.apiKeys.verify(token))?.scopes, ["read"]);
  for (
    const wrong of ["", token.slice(0, -1), `${token}x`, token.replace("ci", "cd"), `${token.slice(0, -1)}!`]
  ) {
    assert.equal(await two.queue.apiKeys.verify(wrong), null, wrong);
  }
  const last = token.at(-1) === "A" ? "E" : "A";
  assert.equal(await two.queue.apiKeys.verify(token.slice(0, -1) + last), null);
  await one.queue.apiKeys.revoke(key.name);
  await two.clock.advance(5000);
  assert.equal(await two.queue.apiKeys.verify(token), null);
  await assert.rejects(one.queue.apiKeys.revoke(key.name), { code: "api-key-unknown" });
});

Deno.test("the secret is not stored", async () => {
  await using q = await openQueue({ start: false });
  const { token } = await q.queue.apiKeys.create({ name: "ci", scopes: ["read"] });
  const stored = JSON.stringify((await rowsOf(q.store)).map(({ value }) => value));
  assert(!stored.includes(token.slice(-39)));
});

Deno.test("a thousand requests at once cost one read; the use of a key is noted once a minute", async () => {
  const inner = memoryStore();
  let reads = 0;
  const getMany: Store["getMany"] = (keys) => {
    reads++;
    return inner.getMany(keys);
  };
  await using q = await openQueue({ store: { ...inner, getMany } });
  const { apiKeys } = q.queue;
  const { token } = await apiKeys.create({ name: "ci", scopes: ["read"] });
  reads = 0;
  await Promise.all(Array.from({ length: 1000 }, () => apiKeys.verify(token)));
  assert.equal(reads, 1);
  await q.clock.settle();
  const noted = async () => (await apiKeys.list())[0]!.lastUsedAt;
  const first = await noted();
  assert.equal(first, q.clock.now());
  for (const [milliseconds, isNoted] of [[59_000, false], [1000, true]] as const) {
    await q.clock.advance(milliseconds);
    await apiKeys.verify(token);
    await q.clock.settle();
    assert.equal(await noted(), isNoted ? q.clock.now() : first);
  }
});
