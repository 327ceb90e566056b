/**
 * Tables of docs/scaling.md that are counted or simulated, not timed: no rounds, and no second version to compare with.
 *
 * @module
 */
import type { TableMaker } from "./table.ts";

/** The tables by name. */
export const TABLES: Readonly<Record<string, () => Promise<TableMaker>>> = {
  cost: async () => (await import("./cost.ts")).cost,
  scaling: async () => (await import("./scaling.ts")).scaling,
};
