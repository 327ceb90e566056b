/**
 * The end of a model's run: nothing more goes wrong, and every task ends, once. Days later nothing is left.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChannelChange, isFinal } from "../../queue/mod.ts";
import { rowsOf, stored } from "../support/rows.ts";
import type { Model } from "./model.ts";
import { CHANNELS } from "./requests.ts";

/** A channel as it is without a change. */
const UNCHANGED: ChannelChange = {
  paused: null,
  slots: null,
  rateLimit: null,
  burst: null,
  maxDepth: null,
};
/** Families of which nothing is left when every task has ended. */
const PLACES = ["ready", "delayed", "blocked", "waiting", "run", "revoke", "open", "cascade", "later", "due"];
const DAYS = 3 * 86_400_000;

/** Brings everything to its end. */
export async function bringToRest(model: Model): Promise<void> {
  const { world, time } = model;
  world.correctClocks();
  for (let round = 0; round < 500; round++) {
    // What was armed and not met may still happen; what was given up lands now.
    await model.land();
    for (const { machine } of world.processes) machine.resume(false);
    // More than once: what was asked for before may land only now, and who is asked may be killed.
    if (round < 3 || round % 5 === 0) calm(model);
    for (const run of model.reference.untold(model.runs)) model.reference.tell(run, "finish");
    await time.advance(3000);
    const open = [...world.history.records.values()].some(({ state }) => !isFinal(state));
    if (round > 3 && !open && waiting(model).length === 0) break;
  }
  calm(model);
  // Reminders of expiry and rows of revokes go when their time has come, and what was killed is found to be lost.
  await time.advance(25_000);
  assert.equal(waiting(model).length, 0, "A call has had no answer");
  for (const process of [...world.processes]) await model.stop(process);
}

/** Calls whose processes are not dead. */
function waiting({ calls }: Model) {
  return [...calls.values()].filter(({ machine }) => !machine.isDead);
}

/** No schedule fires any more, and no channel keeps anything back. */
function calm(model: Model): void {
  const process = model.places[0]!;
  const { queue } = process;
  for (const channel of Object.keys(CHANNELS)) model.ask(process, queue.changeChannel(channel, UNCHANGED));
  for (let n = 0; n < model.schedules; n++) {
    model.paused.add(`s${n}`);
    model.ask(process, queue.schedules.pause(`s${n}`));
  }
}

/** What must be true at rest. */
export async function judgeAtRest(model: Model): Promise<void> {
  const { world, time } = model;
  const { store, history: { records } } = world;
  for (const [id, { state }] of records) assert(isFinal(state), `Task ${id} is ${state}`);
  for (const { key, value } of await rowsOf(store, "group")) {
    assert.notEqual(value.state, "open", `Group ${key[2]} has not ended`);
  }
  const families = new Set((await rowsOf(store)).map(({ family }) => family));
  assert.deepEqual(PLACES.filter((place) => families.has(place)), [], "Something is left behind");
  // Retention deletes everything.
  const last = world.start(0);
  last.machine.jump(DAYS);
  await time.settle();
  for (const { key } of await rowsOf(store, "schedule")) {
    let deleted = false;
    last.queue.schedules.delete(String(key[2])).then(() => deleted = true);
    for (let n = 0; n < 20 && !deleted; n++) await time.advance(1000);
    assert(deleted, `Schedule ${key[2]} could not be deleted`);
  }
  await time.advance(120_000);
  assert.deepEqual(await stored(store), {});
  await model.stop(last);
}
