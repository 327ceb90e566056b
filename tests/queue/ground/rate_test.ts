import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseRate,
  passable,
  passableAt,
  passed,
  type Rate,
  type RateState,
} from "../../../queue/ground/rate.ts";
import { memoryStore, sleep, type Store } from "../../../queue/mod.ts";
import { FakeClock, START } from "../../../queue/testing/fake_clock.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { onBothStores, openQueue } from "../../support/open_queue.ts";
import { Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

const HOUR = 3_600_000;

Deno.test("parseRate() reads a count and a unit, and nothing else", () => {
  for (
    const [text, interval, burst] of [
      ["10/s", 100, 1],
      ["1/s", 1000, 1],
      ["10/m", 6000, 1],
      ["120/m", 500, 1],
      ["7/s", 142.857421875, 1],
      ["19/s", 52.6318359375, 1],
      ["50/s", 20.408203125, 2],
      ["3600/h", 1000, 1],
      ["1/d", 86_400_000, 1],
      ["1000/s", 1.0517578125, 50],
      ["10000/s", 0.10546875, 500],
      ["600000/m", 0.1005859375, 500],
    ] as const
  ) {
    assert.deepEqual(parseRate(text), { text, interval, burst });
  }
  assert.deepEqual(parseRate("10/s", 4), { text: "10/s with a burst of 4", interval: 100, burst: 4 });
  for (const burst of [0, 11, 1.5, -1, NaN, Infinity]) assert.equal(parseRate("10/s", burst), null);
  for (
    const text of [
      ...[
        "",
        "10",
        "/m",
        "10/",
        "0/m",
        "00/m",
        "-1/m",
        "+1/m",
        "1.5/m",
        "1e3/m",
        "10/w",
        "10/min",
        " 10/m",
        "10/m ",
      ],
      ...[
        "10 / m",
        "10/M",
        "ten/m",
        "１/m",
        "10001/s",
        "600001/m",
        "99999999999999/s",
        "10/m\n",
        "10/constructor",
      ],
      ...[10, null, undefined, {}, ["10/m"]],
    ]
  ) assert.equal(parseRate(text), null, String(text));
});

/** Starts of tasks that pass whenever they may, asked after these waits for so many of them. */
function startsAt(rate: Rate, asks: readonly (readonly [wait: number | "next", wanted: number])[]): number[] {
  let now = START;
  let state: RateState | null = null;
  const times: number[] = [];
  for (const [wait, wanted] of asks) {
    now = wait === "next" ? passableAt(rate, state, now) : now + wait;
    const may = passable(rate, state, now);
    if (wait === "next") {
      // At the moment that is told one passes, and none a millisecond before.
      assert(may >= 1);
      if (state && passableAt(rate, state, now - 1) === now) assert.equal(passable(rate, state, now - 1), 0);
    }
    const count = Math.min(wanted, may);
    if (count > 0) state = passed(rate, state, count, now);
    for (let n = 0; n < count; n++) times.push(now);
  }
  return times;
}

/** The most starts that any half-open window of so many milliseconds holds. */
function mostIn(times: readonly number[], window: number): number {
  let [most, from] = [0, 0];
  times.forEach((time, to) => {
    while (times[from]! <= time - window) from++;
    most = Math.max(most, to - from + 1);
  });
  return most;
}

Deno.test("no window of a rate's period, wherever it begins, holds more starts than the rate says, or than its burst adds", () => {
  const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const rates = fc.tuple(
    fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 10_000 })),
    fc.constantFrom(...Object.keys(units) as (keyof typeof units)[]),
    fc.option(fc.nat(), { nil: undefined }),
  );
  const wait = fc.oneof(
    fc.constant("next" as const),
    fc.nat(3),
    fc.nat(1100),
    fc.nat(100_000),
    fc.nat(90_000_000),
  );
  const asks = fc.array(fc.tuple(wait, fc.oneof(fc.constant(1), fc.nat(20_000))), { maxLength: 300 });
  fc.assert(
    fc.property(rates, asks, ([count, unit, any], asks) => {
      const burst = any === undefined ? undefined : 1 + any % count;
      const rate = parseRate(`${count}/${unit}`, burst)!;
      // After a rest as many tasks as may, as soon as they may.
      for (const plan of [asks, [[200_000_000, 1e6], ...Array(300).fill(["next", 1e6])] as typeof asks]) {
        const most = mostIn(startsAt(rate, plan), units[unit]);
        assert(most <= count + (burst ?? 1) - 1, `${most} at ${rate.text}`);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("a rate is reached, but for what its burst of its own takes", () => {
  for (
    const [text, least] of [["10/s", 10], ["19/s", 18.8], ["50/s", 49], ["1000/s", 950], [
      "10000/s",
      9400,
    ]] as const
  ) {
    const rate = parseRate(text)!;
    const times = startsAt(rate, Array(20_000).fill(["next", 1e6]));
    const perSecond = 1000 * (times.length - 1) / (times.at(-1)! - times[0]!);
    assert(perSecond >= least, `${perSecond} at ${text}`);
    assert(mostIn(times, 1000) <= Number.parseInt(text), text);
  }
});

Deno.test("a row that an older program has written is read: what it let pass counts in full", () => {
  const rate = parseRate("10/s")!;
  // That program let ten pass at once, and kept times with any fraction.
  const row = { rate: "10/s", arrival: START + 1000.0123, tasks: [] };
  assert.equal(passable(rate, row, START + 900), 0);
  assert.equal(passableAt(rate, row, START), START + 1001);
  assert.equal(passable(rate, row, START + 1001), 1);
});

Deno.test("a state that lies further ahead than its rate and an odd clock explain counts for nothing", () => {
  const rate = parseRate("10/m")!;
  const state = passed(rate, null, 1, START);
  assert.equal(passable(rate, state, START), 0);
  assert.equal(passable(rate, state, START - 30_000), 0);
  assert.equal(passable(rate, state, START - HOUR), 1);
});

/** Starts of a task that is submitted faster than its rate allows. */
async function startsOf(
  store: Store | "shared" | "own",
  rateLimit: string,
  count: number,
  milliseconds: number,
  burst?: number,
) {
  const starts: number[] = [];
  const limited = task("limited", () => void starts.push(q.clock.now() - START), {
    rateLimit,
    ...burst !== undefined && { burst },
  });
  await using q = await openQueue({ store, definitions: [limited], channels: { default: 50 } });
  for (let n = 0; n < count; n += 200) {
    await q.queue.submitAll(Array(Math.min(200, count - n)).fill({ name: "limited", args: [] }));
  }
  await q.clock.advance(milliseconds);
  return { starts, left: await stored(q.store) };
}

for (const store of ["shared", "own"] as const) {
  Deno.test(`"10/m" starts one task every 6 s for an hour, to the millisecond (${store} store)`, async () => {
    const { starts, left } = await startsOf(store, "10/m", 700, HOUR);
    assert.equal(starts.length, 601);
    const first = starts[0]!;
    assert.deepEqual(starts, Array.from({ length: 601 }, (_, n) => first + 6000 * n));
    assert.deepEqual(left, { task: 700, blocked: 99, rate: 1 });
  });
}

Deno.test(`after a rest "10/s" starts ten tasks in the first second, and no second holds eleven`, async () => {
  const { starts } = await startsOf("shared", "10/s", 40, 5000);
  assert.deepEqual(starts, Array.from({ length: 40 }, (_, n) => starts[0]! + 100 * n));
  assert.equal(mostIn(starts, 1000), 10);
});

Deno.test(`"10/s" with a burst of 10 starts ten at once and then one every 100 ms`, async () => {
  const { starts } = await startsOf("shared", "10/s", 40, 5000, 10);
  assert.deepEqual(starts, Array.from({ length: 40 }, (_, n) => Math.max(0, 100 * (n - 9)) + starts[0]!));
  assert.equal(mostIn(starts, 1000), 19);
});

Deno.test(`"1000/s" starts at least 900 and at most 1000 tasks in every second`, async () => {
  const { starts } = await startsOf("own", "1000/s", 3000, 4000);
  assert.equal(starts.length, 3000);
  assert(mostIn(starts, 1000) <= 1000);
  for (let second = 0; second < 3; second++) {
    const [from, to] = [1000 * second, 1000 * (second + 1)].map((at) => at + starts[0]!);
    const count = starts.filter((at) => at >= from! && at < to!).length;
    assert(count >= 900, `${count} in second ${second}`);
  }
});

Deno.test("a store that takes its time slows no rate down", async () => {
  const clock = new FakeClock();
  const inner = memoryStore();
  const store: Store = {
    ...inner,
    async commit(checks, mutations) {
      const answer = await inner.commit(checks, mutations);
      await sleep(clock, 2);
      return answer;
    },
  };
  const starts: number[] = [];
  const limited = task("limited", () => void starts.push(clock.now()), { rateLimit: "50/s" });
  const opening = openQueue({
    store,
    clock,
    definitions: [limited],
    channels: { default: 50 },
    start: false,
  });
  await clock.advance(10);
  await using q = await opening;
  const submitted = q.queue.submitAll(Array(200).fill({ name: "limited", args: [] }));
  await clock.advance(50);
  await submitted;
  const started = q.queue.start();
  await clock.advance(10_000);
  await started;
  assert.equal(starts.length, 200);
  const seconds = (starts.at(-1)! - starts[0]!) / 1000;
  assert(seconds > 4 && seconds < 4.1, `${seconds} s`);
  const closing = q.close();
  await clock.advance(1000);
  await closing;
});

onBothStores("a task parked for a rate can be revoked, and expires", async (open) => {
  const limited = task("limited", () => 1, { rateLimit: "1/h" });
  await using q = await open({ definitions: [limited], channels: { default: 5 } });
  await q.queue.submit(limited, []);
  const revoked = await q.queue.submit(limited, []);
  const expiring = await q.queue.submit(limited, [], { expires: 10 });
  await q.clock.settle();
  assert.equal((await rowsOf(q.store, "blocked")).length, 2);
  assert.equal((await q.queue.revoke(revoked.id)).state, "REVOKED");
  await q.clock.advance(15_000);
  assert.equal((await q.queue.get(expiring.id)).error?.type, "Expired");
  assert.deepEqual(await rowsOf(q.store, "blocked"), []);
});

Deno.test("the state of a rate is deleted when it is at rest", async () => {
  const { left } = await startsOf("shared", "50/s", 100, 30_000);
  assert.deepEqual(left, { task: 100 });
});

onBothStores(
  "tasks over their rate are parked, keep their order, and keep nobody else waiting",
  async (open) => {
    const order: unknown[] = [];
    const limited = task("limited", (_ctx, n) => void order.push(n), { rateLimit: "1/s" });
    const plain = task("plain", (_ctx, n) => void order.push(n));
    await using q = await open({ definitions: [limited, plain], channels: { default: 2 } });
    for (const [n, priority] of [[0, 5], [1, 5], [2, 5], [3, 9]] as const) {
      await q.queue.submit(limited, [n], { priority });
    }
    const last = await q.queue.submit(plain, ["plain"]);
    await q.clock.settle();
    assert.equal((await q.queue.get(last.id)).state, "SUCCESS");
    assert.deepEqual((await rowsOf(q.store, "ready")).length, 0);
    assert((await rowsOf(q.store, "blocked")).every(({ key }) => key[2] === "rate:default:limited"));
    await q.clock.advance(1500);
    await q.queue.submit(limited, [4]);
    await q.clock.advance(5000);
    assert.deepEqual(
      order.filter((n) => n !== "plain"),
      order.includes(0) && order.indexOf(0) < order.indexOf(3) ? [0, 3, 1, 2, 4] : [3, 0, 1, 2, 4],
    );
  },
);

onBothStores(
  "released tasks that find no slot pass at the rate when slots are free, not all at once",
  async (open) => {
    const starts: number[] = [];
    const limited = task("limited", () => void starts.push(q.clock.monotonic()), { rateLimit: "1/s" });
    const blocker = heldTask("blocker");
    await using q = await open({ definitions: [limited, blocker.definition], channels: { default: 2 } });
    for (let n = 0; n < 10; n++) await q.queue.submit(limited, []);
    await q.queue.submitAll([0, 1].map(() => ({ name: "blocker", args: [], priority: 9 })));
    await q.clock.advance(30_000);
    const before = starts.length;
    assert((await rowsOf(q.store, "ready")).length <= 1);
    for (const { finish } of blocker.runs) finish();
    await q.clock.advance(20_000);
    assert.equal(starts.length, 10);
    for (let n = Math.max(1, before); n < 10; n++) assert(starts[n]! - starts[n - 1]! >= 1000);
  },
);

Deno.test("two processes share a rate, whatever is lost, and whichever of them parked the tasks", async () => {
  await using processes = new Processes();
  const starts: number[] = [];
  let now = 0;
  const limited = task("limited", () => void starts.push(now), { rateLimit: "5/s" });
  const options = { definitions: [limited], channels: { default: 10 } };
  const all = [await processes.start(options), await processes.start(options)];
  for (const { faulty } of all) {
    for (const fault of ["lost", "failed", "nothing", "repeated"] as const) {
      for (let skip = 3; skip < 30; skip += 9) {
        let left = skip;
        faulty.onCommit(fault, () => left-- === 0);
      }
    }
  }
  for (let n = 0; n < 100; n++) await all[n % 2]!.queue.submitAll([{ name: "limited", args: [n] }]);
  for (; now < 30_000; now += 50) for (const { clock } of all) await clock.advance(50);
  assert.equal(starts.length, 100);
  for (let n = 6; n < starts.length; n++) {
    // Two clocks that are moved in turn are up to one step apart.
    assert(starts[n]! - starts[n - 6]! >= 200 - 50, `${starts[n - 6]} to ${starts[n]}`);
  }
  assert(starts.at(-1)! - starts[0]! >= 19_000 - 50);
});

Deno.test("a leap of the wall clock in either direction stops no rate for long, and breaks none", async () => {
  for (const leap of [-HOUR, -30_000, 30_000, HOUR]) {
    const starts: number[] = [];
    const limited = task("limited", () => void starts.push(q.clock.monotonic()), { rateLimit: "1/s" });
    await using q = await openQueue({ definitions: [limited], channels: { default: 5 } });
    for (let n = 0; n < 200; n++) await q.queue.submit(limited, []);
    await q.clock.advance(10_000);
    q.clock.setWall(q.clock.now() + leap);
    await q.clock.advance(100_000);
    assert(starts.length >= (leap === -30_000 ? 80 : 105), `${leap}: ${starts.length}`);
    // What a leap gives is one burst.
    assert(starts.length <= 112, `${leap}: ${starts.length}`);
  }
});

Deno.test("a rate and a concurrency key of one task hold together", async () => {
  let running = 0;
  let most = 0;
  const starts: number[] = [];
  const both = task("both", async (ctx) => {
    starts.push(q.clock.monotonic());
    most = Math.max(most, ++running);
    await ctx.sleep(0.9);
    running--;
  }, { rateLimit: "2/s", concurrencyKey: () => "one", concurrencyLimit: 1 });
  await using q = await openQueue({
    definitions: [both],
    channels: { default: 10 },
    store: memoryStore({ limits: { checks: 10 } }),
  });
  for (let n = 0; n < 20; n++) await q.queue.submit(both, []);
  await q.clock.advance(60_000);
  assert.deepEqual([starts.length, most], [20, 1]);
  assert(starts.at(-1)! - starts[0]! < 20 * 1100, `${starts.at(-1)! - starts[0]!}`);
});
