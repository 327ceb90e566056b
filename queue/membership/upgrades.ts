/**
 * Upgrades: the version of the stored data, and the steps that bring an older store to it. They are taken before a
 * process registers, and any number of processes may start at the same time.
 *
 * The state of an upgrade is kept in the `meta` row alone. Every commit of an upgrade checks the row and rewrites it,
 * as a lane is checked and rewritten (invariants 3 and 10). So each batch lands once, whichever process sends it, and
 * the row tells how far a process came that died. A process whose commit did not land waits a moment and reads the row
 * again. So racing processes wait for the one that gets ahead, and continue its work if it stops.
 *
 * A step begins with a commit that writes the new version: from then on no older program registers. Then the lanes of
 * all registered workers are deleted, so that they can commit nothing more. Only then is the layout changed.
 *
 * @module
 */
import { type Clock, sleep } from "../ground/clock.ts";
import { COMMIT_DEADLINE, patient, readUntilAnswered, withDeadline } from "../commit/lane.ts";
import { RefusedCommitError, StoreBrokenError } from "../ground/errors.ts";
import type { MetaRow } from "../rows/record.ts";
import { decode } from "../rows/codec.ts";
import type { Keys } from "../rows/keys.ts";
import type { Entry, Mutation, Store } from "../store/port.ts";
import { put } from "../rows/unit.ts";
import type { Json } from "../ground/task.ts";
import { fence } from "./fence.ts";

/** One batch of a step. */
interface UpgradeBatch {
  /** At most as many as one commit may hold, less one for the `meta` row. */
  readonly mutations: readonly Mutation[];
  /** Where the next batch begins; `null`: the step is done. */
  readonly cursor: Json;
}

/** One change of the stored layout. */
export interface Upgrade {
  /** The version that the step makes of the one before. */
  readonly to: number;
  /**
   * Makes the batch at a cursor; the first cursor is `null`. Nothing else is written while a step runs. The same batch
   * may be asked for again, and several times at once.
   */
  run(store: Store, keys: Keys, cursor: Json): Promise<UpgradeBatch>;
}

/** All changes of the stored layout since version 1, in order. */
const UPGRADES: readonly Upgrade[] = [];

/** Milliseconds that a process waits after a commit that did not land: another one may be upgrading. */
const ASIDE = 100;

/** The version of the stored data that a program with these steps reads and writes. */
export function dataVersion(upgrades: readonly Upgrade[] = UPGRADES): number {
  return upgrades.at(-1)?.to ?? 1;
}

/**
 * Brings the stored data to this program's version. Resolves when they have it.
 *
 * @returns the `meta` row; `null` when nothing is stored yet
 * @throws {StoreBrokenError} when the data are of a newer version, when a restore was not finished, or when the store
 *   can serve no more
 */
export async function upgrade(
  store: Store,
  keys: Keys,
  clock: Clock,
  upgrades: readonly Upgrade[] = UPGRADES,
): Promise<Entry | null> {
  const known = dataVersion(upgrades);
  for (;;) {
    const [entry] = await readUntilAnswered(store, clock, [keys.meta()]);
    if (!entry) return null;
    const meta = decode<MetaRow>(entry.value);
    assertUsable(meta, known);
    if (meta.version === known && !meta.upgrade) return entry;
    if (!await advance(store, keys, clock, upgrades, entry)) await sleep(clock, ASIDE);
  }
}

/**
 * Refuses stored data of another version than this program's: for work on a store without a registration.
 *
 * @throws {StoreBrokenError} when the data are of another version, or a restore was not finished
 */
export async function assertCurrent(store: Store, keys: Keys): Promise<void> {
  const [entry] = await store.getMany([keys.meta()]);
  if (!entry) return;
  const meta = decode<MetaRow>(entry.value);
  assertUsable(meta, dataVersion());
  if (meta.version === dataVersion() && !meta.upgrade) return;
  throw new StoreBrokenError(
    `The stored data has version ${meta.version}, or is on its way to it; this program works with ${dataVersion()}`,
    "Start Sluice on it: that brings the data to this version",
  );
}

/**
 * Refuses stored data that no upgrade brings to a known version.
 *
 * @throws {StoreBrokenError} when the data are of a newer version, or a restore was not finished
 */
function assertUsable({ version, restoring }: MetaRow, known: number): void {
  if (version > known) {
    throw new StoreBrokenError(
      `The stored data has version ${version}, this program knows ${known}`,
      "Start a newer version of Sluice, or use another KV_PATH",
    );
  }
  if (restoring) {
    throw new StoreBrokenError(
      "The stored data is being restored, or that was not finished",
      "Wait until 'deno task restore' has ended, or run it again with --force",
    );
  }
}

/** Does the next part of the upgrade. @returns whether it landed, as far as the answers tell */
async function advance(
  store: Store,
  keys: Keys,
  clock: Clock,
  upgrades: readonly Upgrade[],
  entry: Entry,
): Promise<boolean> {
  const { version, upgrade } = decode<MetaRow>(entry.value);
  const reads = patient(store, clock);
  if (!upgrade) return await write([], { version: version + 1, upgrade: { fenced: false, cursor: null } });
  if (!upgrade.fenced) {
    return await fence(reads, keys, commit) &&
      await write([], { version, upgrade: { fenced: true, cursor: null } });
  }
  const step = upgrades.find(({ to }) => to === version)!;
  const { mutations, cursor } = await step.run(reads, keys, upgrade.cursor);
  return await write(
    mutations,
    cursor === null ? { version } : { version, upgrade: { fenced: true, cursor } },
  );

  function write(mutations: readonly Mutation[], meta: MetaRow): Promise<boolean> {
    return commit([...mutations, put(keys.meta(), meta)]);
  }

  async function commit(mutations: readonly Mutation[]): Promise<boolean> {
    try {
      const answer = store.commit([entry], mutations);
      return await withDeadline(clock, COMMIT_DEADLINE, answer) !== null;
    } catch (error) {
      if (error instanceof StoreBrokenError || error instanceof RefusedCommitError) throw error;
      return false; // The outcome is open: the row tells at the next read.
    }
  }
}
