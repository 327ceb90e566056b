/** The engine's loops have in common how they begin and end, and how long they pause between rounds. */
import assert from "node:assert/strict";
import { POLL } from "../../../queue/ground/bell.ts";
import { Loop, type Pauses } from "../../../queue/ground/loop.ts";
import { FakeClock } from "../../../queue/testing/fake_clock.ts";

/** Tells when each round began, and why; the first rounds find something, as many as `more`. */
class Rounds extends Loop {
  readonly told: [at: number, why: "rang" | "paused"][] = [];
  readonly #begunAt: number;
  more = 0;
  resets = 0;
  /** What a round waits for. */
  gate: Promise<void> | null = null;

  constructor(override readonly clock: FakeClock, pauses?: Pauses) {
    super(clock, pauses);
    this.#begunAt = clock.now();
  }

  protected override reset(): void {
    this.resets++;
  }

  protected async round(rang: boolean): Promise<boolean> {
    this.told.push([this.clock.now() - this.#begunAt, rang ? "rang" : "paused"]);
    await this.gate;
    return this.more-- > 0;
  }

  get times(): number[] {
    return this.told.map(([at]) => at);
  }

  /** The next thing is due after so many milliseconds. */
  set dueIn(milliseconds: number) {
    this.nextDue = this.clock.now() + milliseconds;
  }

  set due(time: number) {
    this.nextDue = time;
  }

  ring(): void {
    this.bell.ring();
  }
}

/** Whether a promise has resolved, once that has sunk in. */
function isOver(promise: Promise<void>): { yes: boolean } {
  const over = { yes: false };
  promise.then(() => over.yes = true);
  return over;
}

Deno.test("a loop may be stopped before it has begun, and begins afterwards", async () => {
  const loop = new Rounds(new FakeClock());
  await loop.stop();
  assert.deepEqual(loop.told, []);
  loop.start();
  await loop.clock.settle();
  assert(loop.told.length > 0);
  await loop.stop();
  assert.equal(loop.clock.pending, 0);
});

Deno.test("a loop may be stopped twice, and started twice", async () => {
  const loop = new Rounds(new FakeClock());
  loop.start();
  loop.start();
  await loop.clock.settle();
  assert.deepEqual(loop.told, [[0, "rang"]]);
  assert.equal(loop.resets, 1);
  await Promise.all([loop.stop(), loop.stop()]);
  await loop.stop();
  await loop.clock.advance(60_000);
  assert.deepEqual(loop.told, [[0, "rang"]]);
  assert.equal(loop.clock.pending, 0);
});

Deno.test("a stop waits for the round that goes on, and no further one begins", async () => {
  const loop = new Rounds(new FakeClock());
  const { promise, resolve } = Promise.withResolvers<void>();
  loop.gate = promise;
  loop.more = 1;
  loop.start();
  const [first, second] = [isOver(loop.stop()), isOver(loop.stop())];
  await loop.clock.advance(60_000);
  assert.deepEqual([first.yes, second.yes], [false, false]);
  resolve();
  await loop.clock.settle();
  assert.deepEqual([first.yes, second.yes], [true, true]);
  assert.deepEqual(loop.times, [0]);
  assert.equal(loop.clock.pending, 0);
});

Deno.test("a loop that begins anew forgets and goes on from the shortest pause", async () => {
  const loop = new Rounds(new FakeClock());
  loop.start();
  await loop.clock.advance(1000);
  await loop.stop();
  loop.told.length = 0;
  loop.start();
  await loop.clock.advance(POLL.first);
  assert.equal(loop.resets, 2);
  // The ring of the stop ended the wait, so the second round begins after a whole pause.
  assert.deepEqual(loop.times, [1000, 1000 + POLL.first]);
  await loop.stop();
});

Deno.test("pauses double while nothing is found, up to the longest", async () => {
  const loop = new Rounds(new FakeClock(), { idle: { first: 10, last: 40 } });
  loop.start();
  await loop.clock.advance(150);
  assert.deepEqual(loop.times, [0, 10, 30, 70, 110, 150]);
  assert.deepEqual(loop.told.map(([, why]) => why), ["rang", ...Array(5).fill("paused")]);
  await loop.stop();
});

Deno.test("a ring ends a pause, and the next one is the shortest again", async () => {
  const loop = new Rounds(new FakeClock(), { idle: { first: 10, last: 40 } });
  loop.start();
  await loop.clock.advance(75);
  loop.ring();
  await loop.clock.advance(10);
  assert.deepEqual(loop.told.slice(-2), [[75, "rang"], [85, "paused"]]);
  await loop.stop();
});

Deno.test("a round follows at once, or after its own pause, while something is found", async () => {
  const atOnce = new Rounds(new FakeClock(), { idle: { first: 10, last: 40 } });
  const paused = new Rounds(new FakeClock(), { busy: 3, idle: { first: 10, last: 40 } });
  for (const [loop, times] of [[atOnce, [0, 0, 0, 10, 30]], [paused, [0, 3, 6, 16, 36]]] as const) {
    loop.more = 2;
    loop.start();
    await loop.clock.advance(40);
    assert.deepEqual(loop.times, times);
    await loop.stop();
  }
});

Deno.test("a pause is over when something is due, and at the earliest after a millisecond", async () => {
  const loop = new Rounds(new FakeClock());
  loop.dueIn = 7;
  loop.start();
  await loop.clock.advance(6);
  assert.deepEqual(loop.times, [0]);
  await loop.clock.advance(1);
  assert.deepEqual(loop.times, [0, 7]);
  await loop.clock.advance(1);
  assert.deepEqual(loop.times, [0, 7, 8]);
  await loop.stop();
});

Deno.test("work that is due sooner than was known begins a round, work that is due later does not", async () => {
  const loop = new Rounds(new FakeClock());
  loop.dueIn = 1000;
  loop.start();
  await loop.clock.advance(10);
  loop.dueAt(loop.clock.now() + 2000);
  await loop.clock.settle();
  assert.deepEqual(loop.times, [0]);
  loop.dueAt(loop.clock.now() + 20);
  await loop.clock.settle();
  assert.deepEqual(loop.told, [[0, "rang"], [10, "rang"]]);
  await loop.stop();
});

Deno.test("nextAt is what is due next, and 0 during a round and when that is not known", async () => {
  const loop = new Rounds(new FakeClock());
  assert.equal(loop.nextAt, 0);
  const { promise, resolve } = Promise.withResolvers<void>();
  loop.gate = promise;
  loop.start();
  await loop.clock.settle();
  assert.equal(loop.nextAt, 0);
  resolve();
  await loop.clock.settle();
  assert.equal(loop.nextAt, Infinity);
  loop.dueIn = 500;
  assert.equal(loop.nextAt, loop.clock.now() + 500);
  loop.due = 0;
  assert.equal(loop.nextAt, 0);
  await loop.clock.advance(POLL.first);
  assert.equal(loop.times.length, 2);
  await loop.stop();
  assert.equal(loop.nextAt, 0);
});
