/**
 * Pieces: the units of a large workflow, joined into as many commits as they need.
 *
 * @module
 */
import { LANE_BYTES } from "../commit/load.ts";
import type { Mutation, StoreLimits } from "../store/port.ts";
import { mutationKeySize, mutationSize } from "../store/size.ts";
import { together, type Unit } from "../rows/unit.ts";

/** The room that is left in a commit, beside its lane's row and one check. */
export class CommitRoom {
  #mutations: number;
  #bytes: number;
  #keyBytes: number;

  constructor({ mutations, bytes, keyBytes }: StoreLimits) {
    this.#mutations = mutations - 1;
    this.#bytes = bytes - 2 * LANE_BYTES;
    this.#keyBytes = keyBytes - LANE_BYTES;
  }

  /** Takes room for mutations. @returns whether there was enough */
  take(mutations: readonly Mutation[]): boolean {
    let [bytes, keyBytes] = [0, 0];
    for (const mutation of mutations) {
      bytes += mutationSize(mutation);
      keyBytes += mutationKeySize(mutation);
    }
    const fits = mutations.length <= this.#mutations && bytes <= this.#bytes && keyBytes <= this.#keyBytes;
    if (!fits) return false;
    this.#mutations -= mutations.length;
    this.#bytes -= bytes;
    this.#keyBytes -= keyBytes;
    return true;
  }
}

/** Joins units in their order into pieces, each as large as a commit takes. */
export function* joined(units: Iterable<Unit>, limits: StoreLimits): Generator<Unit> {
  let piece: Unit[] = [];
  let room = new CommitRoom(limits);
  for (const unit of units) {
    if (!room.take(unit.mutations)) {
      if (piece.length > 0) yield together(...piece);
      piece = [];
      room = new CommitRoom(limits);
      room.take(unit.mutations);
    }
    piece.push(unit);
  }
  if (piece.length > 0) yield together(...piece);
}
