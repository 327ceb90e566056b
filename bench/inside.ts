/**
 * The engine's inside, as far as benchmarks read stored rows or write such rows themselves. `--compare` measures an
 * older version of the engine by these benchmarks, so each part is looked for where this version has it, and then where
 * older ones had it.
 *
 * @module
 */
import type * as Clocks from "../queue/ground/clock.ts";
import type * as Ids from "../queue/ground/ids.ts";
import type * as Codec from "../queue/rows/codec.ts";
import type * as KeyTable from "../queue/rows/keys.ts";
import type * as Limits from "../queue/store/limits.ts";
import type * as Sizes from "../queue/store/size.ts";
import type * as Fakes from "../queue/testing/fake_clock.ts";

export type { TaskRecord } from "../queue/rows/record.ts";
export type { OccurrenceRow } from "../queue/schedules/row.ts";
export type { Doorbell, Entry, Key, Store } from "../queue/store/port.ts";

export const { systemClock } = await part<typeof Clocks>("ground/clock.ts", "clock.ts");
export const { idSource } = await part<typeof Ids>("ground/ids.ts", "ids.ts");
export const { decode, encode } = await part<typeof Codec>("rows/codec.ts", "store/codec.ts");
export const { idOf, keysOf } = await part<typeof KeyTable>("rows/keys.ts", "store/keys.ts");
export const { LOCAL_LIMITS, SERVER_LIMITS } = await part<typeof Limits>("store/limits.ts");
export const { keySize, valueSize } = await part<typeof Sizes>("store/size.ts");
export const { FakeClock } = await part<typeof Fakes>("testing/fake_clock.ts");
export type FakeClock = Fakes.FakeClock;

/** Imports the first of these files of `queue/` that is there. */
async function part<Module>(...paths: readonly string[]): Promise<Module> {
  for (const path of paths) {
    const url = new URL(`../queue/${path}`, import.meta.url);
    try {
      Deno.statSync(url);
    } catch {
      continue;
    }
    return await import(url.href);
  }
  throw new Error(`This version of the engine has none of ${paths.join(", ")}`);
}
