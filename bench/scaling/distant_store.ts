/**
 * A store some way off, by a clock that somebody moves.
 *
 * @module
 */
import { type Clock, sleep, type Store } from "../../queue/mod.ts";
import type { Doorbell } from "../inside.ts";
import type { Dice } from "../../tests/support/dice.ts";

/** By how much each way differs from the mean, as a part of it: no two processes stay in step. */
const JITTER = 0.1;

/**
 * The store, with every answer so many milliseconds after its question: half of them before it is carried out.
 *
 * @param dice decides how much each way differs; without them none does
 */
export function distantStore(store: Store, clock: Clock, milliseconds: number, dice?: Dice): Store {
  const chance = () => dice ? dice.next() : 0.5;
  const travel = () => sleep(clock, milliseconds / 2 * (1 - JITTER + 2 * JITTER * chance()));
  async function ask<T>(question: () => Promise<T>): Promise<T> {
    await travel();
    const answer = await question();
    await travel();
    return answer;
  }
  return {
    ...store,
    doorbell: store.doorbell && distantDoorbell(store.doorbell, travel),
    getMany: (keys) => ask(() => store.getMany(keys)),
    list: (range, options) => ask(() => store.list(range, options)),
    commit: (checks, mutations) => ask(() => store.commit(checks, mutations)),
  };
}

/** A ring while another one of the channel is on its way is that one, a hint likewise. */
function distantDoorbell(doorbell: Doorbell, travel: () => Promise<void>): Doorbell {
  const once = (carry: (channel: string) => void) => {
    const onTheWay = new Set<string>();
    return async (channel: string) => {
      if (onTheWay.has(channel)) return;
      onTheWay.add(channel);
      await travel();
      onTheWay.delete(channel);
      carry(channel);
    };
  };
  return {
    ring: once((channel) => doorbell.ring(channel)),
    listen: (channels, heard) => doorbell.listen(channels, once(heard)),
  };
}
