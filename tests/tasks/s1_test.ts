import assert from "node:assert/strict";
import { InvalidTaskError } from "../../queue/mod.ts";
import { openDemo } from "../support/open_demo.ts";

const CASES: [name: string, args: unknown[], seconds: number, result: unknown, logged: string[]][] = [
  ["echo", ["hi"], 1, "echo() - message[hi]", []],
  ["log", ["hi"], 1, "log() - message[hi]", ["hi"]],
  ["wait", [60], 60, "wait() - Done, secs[60.0]s", [
    "wait() - Start, secs[60.0]s",
    "wait() - Done, secs[60.0]s",
  ]],
  ["wait", [0.5], 0.5, "wait() - Done, secs[0.5]s", [
    "wait() - Start, secs[0.5]s",
    "wait() - Done, secs[0.5]s",
  ]],
  ["add", [4, 5], 10, 9, []],
  ["mul", [15, 7], 10, 105, []],
  ["progress", [3], 3, "progress() - Done, secs[3]s", []],
];

for (const [name, args, seconds, result, logged] of CASES) {
  Deno.test(`${name}(${args}) takes ${seconds} s on channel celery and gives ${result}`, async () => {
    await using t = await openDemo();
    const { id, channel } = await t.submit(name, ...args);
    assert.equal(channel, "celery");
    await t.clock.advance(seconds * 1000 - 1);
    assert.equal((await t.get(id)).doneAt, null);
    await t.clock.advance(1);
    assert.equal((await t.get(id)).result, result);
    assert.deepEqual(t.lines(), logged);
  });
}

Deno.test("wait's messages tell the seconds that were asked for, whatever the time scale", async () => {
  await using t = await openDemo({ timeScale: 0.1 });
  const { id } = await t.submit("wait", 60);
  await t.clock.advance(6000);
  assert.equal((await t.get(id)).result, "wait() - Done, secs[60.0]s");
});

Deno.test("progress reports current and total each second", async () => {
  await using t = await openDemo();
  const { id } = await t.submit("progress", 3);
  assert.equal((await t.get(id)).state, "STARTED");
  for (const current of [1, 2]) {
    await t.clock.advance(1000);
    const { state, progress } = await t.get(id);
    assert.deepEqual([state, progress], ["PROGRESS", { current, total: 3 }]);
  }
});

Deno.test("count_words and merge_counts map and reduce texts", async () => {
  await using t = await openDemo();
  const texts = ["The cat saw the dog.", "A dog; a CAT! L'été"];
  const counts = await Promise.all(
    texts.map(async (text) => (await t.ended(await t.submit("count_words", text))).result),
  );
  assert.deepEqual(counts[0], { the: 2, cat: 1, saw: 1, dog: 1 });
  const merged = await t.ended(await t.submit("merge_counts", counts));
  assert.deepEqual(merged.result, { the: 2, cat: 2, saw: 1, dog: 2, a: 2, l: 1, "été": 1 });
  assert.deepEqual((await t.ended(await t.submit("merge_counts", []))).result, {});
});

Deno.test("arguments of other types are refused", async () => {
  await using t = await openDemo();
  const wrong = [
    ["echo", 1],
    ["log"],
    ["wait", -1],
    ["wait", "60"],
    ["add", 1],
    ["mul", 1, "2"],
    ["progress", 1.5],
    ["count_words", null],
    ["merge_counts", [{ a: "1" }]],
  ];
  for (const [name, ...args] of wrong) {
    await assert.rejects(t.submit(String(name), ...args), InvalidTaskError, JSON.stringify([name, ...args]));
  }
});
