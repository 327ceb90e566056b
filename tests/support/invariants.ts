/**
 * The laws of the stored data, for tests: `queue/doctor/` is their one implementation.
 *
 * @module
 */
import { examine } from "../../queue/doctor/examine.ts";
import type { AnyTaskDefinition } from "../../queue/mod.ts";
import type { Store } from "../../queue/store/port.ts";

/** One sentence for each broken law; empty when all is well. */
export async function brokenLaws(
  store: Store,
  namespace = "sluice",
  definitions: readonly AnyTaskDefinition[] = [],
): Promise<string[]> {
  return await Array.fromAsync(examine(store, { namespace, definitions }), ({ message }) => message);
}
