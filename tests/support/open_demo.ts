/**
 * The demonstration tasks in a queue whose clock the test moves.
 *
 * @module
 */
import { type DemoOptions, demoRoutes, demoTasks } from "../../tasks/mod.ts";
import { openQueue } from "./open_queue.ts";

/** Opens it; every channel has slots. */
export async function openDemo({ timeScale = 1, random = () => 0.9 }: Partial<DemoOptions> = {}) {
  const definitions = demoTasks({ timeScale, random });
  const opened = await openQueue({ definitions, taskRoutes: demoRoutes });
  return Object.assign(opened, {
    /** Submits a task by its name; what can happen at once has happened. */
    async submit(name: string, ...args: unknown[]) {
      const { tasks } = await opened.queue.submitAll([{ name, args }]);
      await opened.clock.settle();
      return tasks[0]!;
    },
    /** The task as it is now. */
    get: opened.queue.get.bind(opened.queue),
    /** What was logged so far. */
    lines: () => opened.events.of("log").map(({ message }) => message),
  });
}
