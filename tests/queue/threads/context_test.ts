import assert from "node:assert/strict";
import { once } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { InThreadContext } from "../../../queue/threads/context.ts";
import type { Abort, FromThread } from "../../../queue/threads/protocol.ts";
import { toThrown } from "../../../queue/threads/thrown.ts";

/** A context as a thread has it, with what it says. */
function open(run: number) {
  const { port1, port2 } = new MessageChannel();
  const said: FromThread[] = [];
  const task = {
    id: "t",
    name: "n",
    retries: 0,
    maxRetries: 0,
    args: [],
    ignoreResult: false,
    module: "",
    export: "",
  };
  const context = new InThreadContext(run, task, port2, (message) => said.push(message));
  return {
    context,
    said,
    aborts: port2,
    abort: (of: number) => {
      const abort: Abort = { run: of, reason: toThrown(new Error(`of ${of}`)) };
      port1.postMessage(abort);
    },
    [Symbol.dispose]() {
      context.close();
      port1.close();
    },
  };
}

Deno.test("an abort that was meant for the task before is not heard", async () => {
  using t = open(2);
  t.abort(1);
  await once(t.aborts, "message");
  assert.equal(t.context.signal.aborted, false);
  t.abort(1);
  assert.equal(t.context.signal.aborted, false);
  t.abort(2);
  assert.equal(t.context.signal.reason.message, "of 2");
});

Deno.test("one progress report in a quarter of a second crosses from a thread, the latest last", async () => {
  using t = open(1);
  const begin = performance.now();
  for (let i = 1; i <= 10_000; i++) t.context.progress(i);
  const most = 1 + (performance.now() - begin) / 250;
  assert(t.said.length <= most, `${t.said.length} of 10,000`);
  assert.deepEqual(t.said[0], { type: "progress", json: "1" });
  while (t.said.length < 2) await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(t.said.at(-1), { type: "progress", json: "10000" });
});

Deno.test("a context says nothing when its task has ended", () => {
  const { context, said } = open(1);
  context.progress(1);
  context.progress(2);
  context.close();
  context.progress(3);
  context.log.info("still here");
  assert.equal(said.length, 1);
});
