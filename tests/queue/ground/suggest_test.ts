import assert from "node:assert/strict";
import { nearest } from "../../../queue/ground/suggest.ts";

Deno.test("the nearest known word is suggested if it may be meant", () => {
  const known = ["app.tasks.add", "app.tasks.mul", "echo", "log"];
  const cases: Record<string, string | null> = {
    "app.tasks.ad": "app.tasks.add",
    "app.task.mul": "app.tasks.mul",
    "APP.TASKS.MUL": "app.tasks.mul",
    "ehco": "echo",
    "lgo": "log",
    "send_email": null,
    "": null,
    "x": null,
  };
  for (const [wrong, expected] of Object.entries(cases)) {
    assert.deepEqual([wrong, nearest(wrong, known)], [wrong, expected]);
  }
  assert.equal(nearest("anything", []), null);
});
