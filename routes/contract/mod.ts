/**
 * The wire: what requests and answers look like, as zod schemas, a file for each resource. They validate requests, make
 * the OpenAPI document, and the client shares them; so this folder imports zod and nothing else.
 * Names are snake_case, times RFC 3339 in UTC with milliseconds, durations seconds.
 *
 * @module
 */
export * from "./api_keys.ts";
export * from "./audit.ts";
export * from "./channels.ts";
export * from "./inspect.ts";
export * from "./problem.ts";
export * from "./schedules.ts";
export * from "./tasks.ts";
export * from "./workflows.ts";
