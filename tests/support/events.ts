/**
 * Records what a queue tells about itself, so that tests wait for events.
 *
 * @module
 */
import type { QueueEvent } from "../../queue/mod.ts";

/** The events of one type. */
type EventOf<Type extends QueueEvent["type"]> = Extract<QueueEvent, { type: Type }>;

/** Every event of a queue, in order. */
export class Events {
  readonly all: QueueEvent[] = [];
  /** Events that `next` has handed out. */
  #seen = new Set<QueueEvent>();
  #waiting = new Set<() => void>();

  /** @param settle lets happen what needs no time; `null` with a real clock */
  constructor(readonly settle: (() => Promise<void>) | null) {}

  /** Give it to `createQueue` as `onEvent`. */
  readonly record = (event: QueueEvent): void => {
    this.all.push(event);
    for (const look of [...this.#waiting]) look();
  };

  /** The events of one type so far. */
  of<Type extends QueueEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.all.filter((event): event is EventOf<Type> => event.type === type);
  }

  /**
   * The first event of a type that was not handed out before, now or when it comes. With a fake clock it must come
   * without the clock being moved.
   */
  async next<Type extends QueueEvent["type"]>(
    type: Type,
    matches: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    if (this.settle) await this.settle();
    for (;;) {
      const found = this.of(type).find((event) => !this.#seen.has(event) && matches(event));
      if (found) {
        this.#seen.add(found);
        return found;
      }
      if (this.settle) {
        const seen = this.all.map((event) =>
          "task" in event ? `${event.type} ${event.task.name}` : event.type
        );
        throw new Error(`No further '${type}' event without moving the clock; so far: ${seen.join(", ")}`);
      }
      await new Promise<void>((resolve) => {
        const look = () => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }
}
