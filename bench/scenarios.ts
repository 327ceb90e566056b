/**
 * The scenarios by name. Each is loaded when it is measured, so that an older version of the engine, which cannot load
 * them all, can be measured by those that it can.
 *
 * @module
 */
import type { ScenarioMaker } from "./scenario.ts";

/** Loads a scenario. */
export const SCENARIOS: Readonly<Record<string, () => Promise<ScenarioMaker>>> = {
  store: async () => (await import("./store.ts")).store,
  e2e: async () => (await import("./e2e.ts")).e2e,
  drain: async () => (await import("./drain.ts")).drain,
  parked: async () => (await import("./parked.ts")).parked,
  pickup: async () => (await import("./pickup.ts")).pickup,
  http: async () => (await import("./http.ts")).http,
  important: async () => (await import("./important.ts")).important,
  cpu: async () => (await import("./cpu.ts")).cpu,
  start: async () => (await import("./start.ts")).start,
  schedules: async () => (await import("./schedules.ts")).schedules,
  crash: async () => (await import("./crash.ts")).crash,
  workflows: async () => (await import("./workflows.ts")).workflows,
  kvserver: async () => (await import("./kvserver.ts")).kvserver,
  waiting: async () => (await import("./waiting.ts")).waiting,
  retention: async () => (await import("./retention.ts")).retention,
  cluster: async () => (await import("./cluster.ts")).cluster,
  memory: async () => (await import("./memory.ts")).memory,
  size: async () => (await import("./size.ts")).size,
};
