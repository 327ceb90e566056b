/**
 * A row as the engine writes it for a small task, for the scenarios that measure bare commits.
 *
 * @module
 */

/** The row as an object. */
export const row = {
  name: "app.tasks.add",
  state: "PENDING",
  channel: "celery",
  priority: 5,
  retries: 0,
  maxRetries: 3,
  args: [12345, 1],
  createdAt: 1_795_000_000_000,
  runAt: 1_795_000_000_000,
};

/** What is stored of it. */
export const rowBytes = new TextEncoder().encode(JSON.stringify(row));
