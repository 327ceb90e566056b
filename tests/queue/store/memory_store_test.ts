import assert from "node:assert/strict";
import { RefusedCommitError } from "../../../queue/ground/errors.ts";
import { memoryStore } from "../../../queue/store/memory_store.ts";
import type { Mutation } from "../../../queue/store/port.ts";
import { conformance } from "./conformance.ts";

conformance("memory", () => memoryStore());

Deno.test("memoryStore() plays a KV server when given its limits", async () => {
  const store = memoryStore({ limits: { checks: 10 } });
  const checks = Array.from({ length: 11 }, (_, n) => ({ key: ["a", n], versionstamp: null }));
  assert(await store.commit(checks.slice(1), []));
  await assert.rejects(store.commit(checks, []), RefusedCommitError);
});

Deno.test("memoryStore() keeps 20,000 keys in order through inserts and deletes at random places", async () => {
  const store = memoryStore();
  const order = Array.from({ length: 20_000 }, (_, n) => (n * 7919) % 20_000);
  const write = (mutations: Mutation[]) => store.commit([], mutations);
  for (const n of order) await write([{ type: "set", key: ["n", n], value: n }]);
  for (const n of order) if (n % 3 > 0) await write([{ type: "delete", key: ["n", n] }]);
  for (const reverse of [false, true]) {
    const seen: unknown[] = [];
    for (let at = reverse ? 20_000 : 0;;) {
      const range = { prefix: ["n"], [reverse ? "end" : "start"]: ["n", at] };
      const page = await store.list(range, { limit: 500, reverse });
      seen.push(...page.map((entry) => entry.value));
      if (page.length < 500) break;
      at = (page.at(-1)!.value as number) + (reverse ? 0 : 1);
    }
    const left = order.filter((n) => n % 3 === 0).sort((a, b) => reverse ? b - a : a - b);
    assert.deepEqual(seen, left);
  }
});
