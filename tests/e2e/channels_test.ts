/** The program's log about channels at its start. */
import assert from "node:assert/strict";
import { Child } from "./child.ts";

Deno.test("the log names the channels that a worker does not execute, and a channel that no task belongs to", async () => {
  const env = { KV_PATH: ":memory:", LOG_FORMAT: "json", API_TOKEN: "" };
  await using child = new Child("../../main.ts", ["worker", "--channels", "celery=2,celry=2"], env);
  await child.until((lines) => lines.some((line) => line.includes('"message":"registered"')));
  const told = (message: string) => child.said.filter((line) => line.message === message);
  assert.deepEqual(told("no task of this program belongs to the channel").map(({ channel }) => channel), [
    "celry",
  ]);
  const [line, ...more] = told("this process does not execute all channels");
  const others = String(line!.others).split(", ");
  assert(others.includes("high_priority") && !others.includes("celery"), `${others}`);
  assert.deepEqual(more, []);
});
