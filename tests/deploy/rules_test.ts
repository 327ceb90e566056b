/**
 * The simulated platform keeps its own rules: what runs here is no Sluice, but a program that does as little as the rule
 * needs.
 */
import assert from "node:assert/strict";
import { memoryStore, sleep } from "../../queue/mod.ts";
import { FakeClock, START } from "../../queue/testing/fake_clock.ts";
import { Dice } from "../support/dice.ts";
import type { Accidents } from "./connection.ts";
import { Platform } from "./platform.ts";
import type { Machine, Program } from "./program.ts";
import { FAIR, type Rules } from "./rules.ts";

/** A platform on which nothing happens by chance, and the instances that were started on it. */
function open(program: (machine: Machine) => Partial<Program>, rules: Partial<Rules> = {}) {
  const clock = new FakeClock();
  const machines: Machine[] = [];
  const accidents: Accidents = { failed: 0, repeated: 0, lost: 0, stray: 0 };
  const platform = new Platform({
    clock,
    database: memoryStore({ limits: { checks: 10 }, doorbell: true }),
    rules: { ...FAIR, cron: false, cronLate: 0, coldStart: 0, clockError: 0, ...rules },
    accidents,
    deployment: (machine) => {
      machines.push(machine);
      return Promise.resolve({
        fetch: () => Promise.resolve(Response.json({})),
        cron: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        ...program(machine),
      });
    },
    machine: { definitions: [], schedules: [], onEvent: () => {} },
  }, new Dice(1));
  const fetch = () => platform.fetch(new Request("http://sluice/"));
  /** What the first instance was given. */
  const start = async () => {
    void fetch();
    await clock.advance(0);
    return machines[0]!;
  };
  return { clock, platform, machines, accidents, fetch, start };
}

/** A request that is answered after so many seconds of the instance's time. */
const slow = (seconds: number) => ({ clock }: Machine) => ({
  fetch: async () => {
    await sleep(clock, seconds * 1000);
    return Response.json({});
  },
});

Deno.test("an instance without an open request is stopped after 5 s: its timers do not keep it", async () => {
  let ticks = 0;
  const t = open(({ clock }) => {
    const tick = () => void clock.after(1000, () => (ticks++, tick()));
    tick();
    return {};
  });
  void t.fetch();
  await t.clock.advance(4900);
  await t.fetch();
  await t.clock.advance(4900);
  assert.deepEqual([t.platform.lives.started, t.platform.lives.stopped], [1, 0]);
  await t.clock.advance(60_000);
  assert.deepEqual([t.platform.lives.started, t.platform.lives.stopped], [1, 1]);
  assert.equal(ticks, 9);
});

Deno.test("an open request keeps its instance", async () => {
  const t = open(slow(60));
  const answer = t.fetch();
  await t.clock.advance(60_000);
  assert.equal((await answer).status, 200);
  assert.equal(t.platform.lives.stopped, 0);
});

Deno.test("SIGKILL comes 5 s after SIGINT: nothing runs after it, and what is under way to the database lands", async () => {
  let ran = false;
  const t = open(({ clock, store }) => ({
    stop: async () => {
      await sleep(clock, 4900);
      void store.commit([], [{ type: "set", key: ["late"], value: 1 }]).then(() => ran = true);
      await sleep(clock, 10_000);
      ran = true;
    },
  }), { latency: 1000 });
  void t.fetch();
  await t.clock.advance(5000 + 5000);
  assert.equal(t.platform.lives.killed, 1);
  assert.deepEqual(await t.platform.world.database.getMany([["late"]]), [null]);
  await t.clock.advance(60_000);
  assert.equal((await t.platform.world.database.getMany([["late"]]))[0]!.value, 1);
  assert.equal(ran, false);
});

Deno.test("evictions and crashes happen under traffic too, and cut off the requests that are open", async () => {
  for (const [rule, end] of [["eviction", "killed"], ["crash", "crashed"]] as const) {
    const t = open((machine) => ({ ...slow(3600)(machine), stop: () => new Promise(() => {}) }), {
      [rule]: 60_000,
    });
    const cut = assert.rejects(t.fetch(), { message: "The connection was closed" });
    await t.clock.advance(3_000_000);
    await cut;
    assert.equal(t.platform.lives[end], 1);
  }
});

Deno.test("the cron runs at each full minute, starts an instance if none lives, and is never repeated", async () => {
  const runs: number[] = [];
  const t = open(({ clock }) => ({
    cron: () => {
      runs.push(clock.now() - START);
      return Promise.resolve();
    },
  }), { cron: true });
  await t.clock.advance(150_000);
  assert.deepEqual(runs, [60_000, 120_000]);
  assert.deepEqual([t.platform.lives.started, t.platform.lives.stopped], [2, 2]);
});

Deno.test("a cron run that is due while the former runs is left out", async () => {
  const t = open(({ clock }) => ({ cron: () => sleep(clock, 70_000) }), { cron: true });
  await t.clock.advance(60_000 * 5);
  assert.deepEqual([t.platform.lives.crons, t.platform.lives.overlapping], [3, 2]);
  assert.equal(t.machines.length, 3);
});

Deno.test("parallel requests start instances of their own, up to the most", async () => {
  const t = open(slow(1), { crowd: 2, instances: 3 });
  const answers = Array.from({ length: 9 }, t.fetch);
  await t.clock.advance(1000);
  await Promise.all(answers);
  assert.equal(t.machines.length, 3);
  assert.equal(new Set(t.machines.map(({ store }) => store)).size, 3);
});

Deno.test("each instance has clocks of its own", async () => {
  const t = open(slow(1), { crowd: 1, clockError: 60_000 });
  const answers = Array.from({ length: 4 }, t.fetch);
  await t.clock.advance(1000);
  await Promise.all(answers);
  assert.equal(new Set(t.machines.map(({ clock }) => clock.now())).size, 4);
  assert.equal(new Set(t.machines.map(({ clock }) => clock.monotonic())).size, 1);
});

Deno.test("the database takes ten checks, and messages only where the rule is off", async () => {
  for (const queues of [false, true]) {
    const t = open(() => ({}), { queues });
    const { store } = await t.start();
    assert.equal(store.doorbell !== null, queues);
    assert.equal(store.limits.checks, 10);
    const checks = Array.from({ length: 11 }, (_, n) => ({ key: ["k", n], versionstamp: null }));
    const refused = assert.rejects(store.commit(checks, []), /at most 10/);
    await t.clock.advance(100);
    await refused;
  }
});

Deno.test("a request takes 100 ms, and the way there differs: later ones overtake", async () => {
  const t = open(() => ({}));
  const { store } = await t.start();
  const commits = Array.from(
    { length: 20 },
    (_, n) => store.commit([], [{ type: "set", key: [n], value: n }]),
  );
  let answered = false;
  const all = Promise.all(commits).finally(() => answered = true);
  await t.clock.advance(99);
  assert.equal(answered, false);
  await t.clock.advance(1);
  const versionstamps = await all;
  assert.notDeepEqual(versionstamps, versionstamps.toSorted());
});

Deno.test("commits are refused, repeated, lost and go astray, as the rules say", async () => {
  const write = { type: "set", key: ["k"], value: 1 } as const;
  const commit = async (accident: keyof Accidents, wait: number) => {
    // All of them would fail for ever.
    const t = open(() => ({}), { [accident]: accident === "failed" ? 0.9 : 1, idle: Infinity });
    const { store } = await t.start();
    let answer: string | null | undefined;
    void store.commit([{ key: ["k"], versionstamp: null }], [write]).then((told) => answer = told);
    await t.clock.advance(100);
    const before = answer;
    await t.clock.advance(wait);
    const [stored] = await t.platform.world.database.getMany([["k"]]);
    return { before, answer, stored: stored?.versionstamp, count: t.accidents[accident] };
  };

  const failed = await commit("failed", 60_000);
  assert(failed.count > 0 && failed.stored !== undefined && failed.answer === failed.stored);
  const repeated = await commit("repeated", 350);
  assert.deepEqual([repeated.before, repeated.answer, repeated.count], [undefined, null, 1]);
  const lost = await commit("lost", 60_000);
  assert(lost.stored !== undefined && lost.answer === undefined);
  assert.equal((await commit("stray", 10_000)).stored, undefined);
  const stray = await commit("stray", 30_000);
  assert(stray.stored !== undefined && stray.answer === stray.stored);
});
