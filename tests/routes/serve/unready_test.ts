/** The app of a program that somebody has to set up first. */
import assert from "node:assert/strict";
import { createUnreadyApp } from "../../../routes/mod.ts";
import { problem } from "../../support/open_app.ts";

Deno.test("every route but the health checks says what has to be done", async () => {
  const app = createUnreadyApp(["Do this.", "Do that."]);
  for (const path of ["/", "/v1/tasks", "/docs", "/internal/tick", "/nope"]) {
    for (const method of ["GET", "POST", "DELETE"]) {
      const response = await app.request(path, { method });
      assert.equal(response.headers.get("retry-after"), "60");
      const { detail, problems } = await problem(response, 503, "not-set-up");
      assert.deepEqual([detail, problems], ["Do this. Do that.", ["Do this.", "Do that."]]);
    }
  }
  assert.equal((await app.request("/health/live")).status, 200);
  for (const path of ["/health", "/health/ready"]) {
    const { detail, problems } = await problem(await app.request(path), 503, "not-ready");
    assert.deepEqual([detail, problems], ["Do this. Do that.", ["Do this.", "Do that."]]);
  }
});
