/**
 * A queue behind Hono, for those that run JavaScript outside Deno: submit, look at a result, and what the measurement
 * needs: how many results are stored, and a backlog that nobody works off.
 *
 * @module
 */
import { Hono } from "hono";

/** Tasks of one call in bulk. */
const BATCH = 250;

/** The app; `open` as for `drive`, `find` resolves to a task's result or `undefined`. */
export async function serve(open, slots) {
  const queue = await open({ slots, run: (_name, x, y) => x + y, finished: () => {} });
  const app = new Hono();
  app.get("/add/:x/:y", async (context) => {
    const [x, y] = [context.req.param("x"), context.req.param("y")].map(Number);
    if (!Number.isInteger(x) || !Number.isInteger(y)) return context.json({ error: "integers only" }, 422);
    const { id } = await queue.submit("add", x, y);
    return context.json({ task_id: id, status: "Task submitted" });
  });
  app.get("/result/:id", async (context) => {
    const id = context.req.param("id");
    const result = await queue.find(id);
    if (result === undefined) return context.json({ task_id: id, status: "Task is still processing" });
    return context.json({ task_id: id, result });
  });
  app.get("/stored", async (context) => context.json({ stored: await queue.stored() }));
  app.post("/backlog/:count", async (context) => {
    const count = Number(context.req.param("count"));
    await queue.pause();
    for (let first = 0; first < count; first += BATCH) {
      await queue.submitAll(first, Math.min(BATCH, count - first));
    }
    return context.json({ submitted: count });
  });
  return app;
}
