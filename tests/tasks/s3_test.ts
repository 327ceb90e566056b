import assert from "node:assert/strict";
import { openDemo } from "../support/open_demo.ts";

Deno.test("wait_and_return takes 20 s on channel celery, then says hello", async () => {
  await using t = await openDemo();
  const { id, channel } = await t.submit("wait_and_return");
  assert.equal(channel, "celery");
  await t.clock.advance(19_999);
  assert.equal((await t.get(id)).state, "STARTED");
  await t.clock.advance(1);
  assert.equal((await t.get(id)).result, "Hello World!");
});
