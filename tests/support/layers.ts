/**
 * The order of the rooms: `architecture_test.ts` holds the imports to it, `guarantees_test.ts` the documentation.
 *
 * @module
 */

/** Files by what their paths begin with, lowest first: a file imports what is below it, and its own folder. */
export const LAYERS: readonly (readonly (readonly string[])[])[] = [
  [
    ["queue/ground/"],
    ["queue/store/"],
    ["queue/rows/"],
    ["queue/commit/", "queue/task/"],
    ["queue/engine.ts", "queue/threads/"],
    ["queue/request/", "queue/limits/", "queue/membership/", "queue/wake/"],
    ["queue/workflow/", "queue/schedules/"],
    ["queue/run/", "queue/operate/", "queue/doctor/"],
    ["queue/claim/", "queue/care/", "queue/backup/"],
    ["queue/inspect/"],
    ["queue/api.ts"],
    ["queue/assemble.ts"],
    ["queue/lifecycle.ts"],
    ["queue/queue.ts"],
    ["queue/mod.ts"],
    ["queue/testing/"],
  ],
  [
    ["routes/env.ts", "routes/contract/"],
    ["routes/http/"],
    ["routes/v1/", "routes/sources/", "routes/serve/"],
    ["routes/mod.ts"],
  ],
];
