/**
 * The version of the stored data, and the steps that bring an older store to it: before a process registers, however
 * many start at the same time.
 *
 * The `meta` row is all there is to it. Every commit of an upgrade checks the row and rewrites it, as a lane is checked
 * and rewritten (invariants 3 and 10): each batch lands once, whoever sends it, and a process that dies leaves in the row
 * how far it came. Who finds its commit refused steps aside for a moment and then reads the row again; so the racing
 * processes wait for the one that gets on, and go on for it when it does not.
 *
 * The first commit of a step writes the new version: from then on no older program registers. Then the lanes of those
 * that are registered are deleted, so that they can commit nothing more. Only then is the layout touched.
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

/** What one batch of a step changes, and where the next one begins; `null`: the step is done. */
interface UpgradeBatch {
  /** At most what one commit may hold, less one. */
  readonly mutations: readonly Mutation[];
  readonly cursor: Json;
}

/** One change of the stored layout. */
export interface Upgrade {
  /** The version that it makes, of the one before. */
  readonly to: number;
  /**
   * The batch at a cursor, at first `null`. While a step runs nobody but it writes; it may be asked for the same batch
   * again, and several times at once.
   */
  run(store: Store, keys: Keys, cursor: Json): Promise<UpgradeBatch>;
}

/** All changes of the stored layout since version 1, in order. */
const UPGRADES: readonly Upgrade[] = [];

/** Milliseconds that a process steps aside when another has upgraded meanwhile. */
const ASIDE = 100;

/** The version of the stored data that a program with these steps reads and writes. */
export function dataVersion(upgrades: readonly Upgrade[] = UPGRADES): number {
  return upgrades.at(-1)?.to ?? 1;
}

/**
 * Brings the stored data to this program's version. Resolves when they are.
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
 * For who works with the stored data without registering.
 *
 * @throws {StoreBrokenError} when they are of another version than this program's
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

/** @throws {StoreBrokenError} when a program that knows this version cannot work with the stored data */
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

/** Does the next thing. @returns whether it landed, as far as the answer tells */
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
      return false; // Nobody knows: the row will tell.
    }
  }
}
