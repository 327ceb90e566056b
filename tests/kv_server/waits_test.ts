/** Waits for what another process ends, by way of a KV server. */
import assert from "node:assert/strict";
import { type Clock, openStore, systemClock } from "../../queue/mod.ts";
import { heldTask } from "../support/held_task.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { openQueue } from "../support/open_queue.ts";

/** The clock of a process that has its rows watched and never looks at them again. */
const impatient: Clock = {
  ...systemClock,
  after: (milliseconds, run) => milliseconds <= 10 ? systemClock.after(milliseconds, run) : () => {},
};

kvServerTest("an end is heard of in another process that never looks", async () => {
  await using server = await KvServer.start();
  const [here, there] = [await openStore(server.url), await openStore(server.url)];
  const held = heldTask("held");
  const runs = await openQueue({ store: there, definitions: [held.definition], clock: systemClock });
  const asks = await openQueue({
    store: here,
    definitions: [held.definition],
    channels: {},
    clock: impatient,
  });
  for (let n = 0; n < 3; n++) {
    const { id } = await asks.queue.submit(held.definition, []);
    await runs.events.next("started");
    const wait = asks.queue.wait(id);
    const told: string[] = [];
    const watch = (async () => {
      for await (const { task } of asks.queue.watch(id)) {
        told.push(task.state);
        if (told.length === 1) held.runs[n]!.finish(n);
      }
    })();
    assert.equal((await wait).result, n);
    await watch;
    assert.deepEqual(told, ["STARTED", "SUCCESS"]);
  }
  await asks.close();
  await runs.close();
  here.close();
  there.close();
});
