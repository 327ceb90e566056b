/**
 * Progress of a run: at most four writes a second, one on its way at a time; the latest report wins.
 *
 * @module
 */
import { decode } from "../rows/codec.ts";
import { PROGRESS_INTERVAL, toReport } from "../rows/payload.ts";
import type { RunRow } from "../rows/record.ts";
import { put } from "../rows/unit.ts";
import type { Json } from "../ground/task.ts";
import type { ThisRun } from "./this_run.ts";

/** The progress reports of one run. */
export class Reports {
  #latest: Json = null;
  /** Whether the latest report is still to be stored. */
  #isNews = false;
  #isOnItsWay = false;
  /** Monotonic time of the last write. */
  #storedAt = -Infinity;
  /** Calls the next write off, when it waits for its time. */
  #cancel: (() => void) | null = null;
  #closed = false;

  constructor(readonly run: ThisRun) {}

  /** Stores a report now or soon. @throws when it is no JSON, or too large */
  add(report: Json): void {
    const bytes = toReport(report);
    // A copy, because the handler may change its object.
    this.#latest = decode<Json>(bytes);
    this.#isNews = true;
    this.#storeSoon();
  }

  /** Stores no more reports, because the run has ended. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  /** One report at a time is on its way, so that a store which does not answer collects none. */
  #storeSoon(): void {
    if (!this.#isNews || this.#isOnItsWay || this.#cancel || this.#closed) return;
    const { clock } = this.run.engine;
    const wait = this.#storedAt + PROGRESS_INTERVAL - clock.monotonic();
    if (wait <= 0) this.#store();
    else this.#cancel = clock.after(wait, () => this.#store());
  }

  #store(): void {
    const { engine, record, row: claimed } = this.run;
    this.#cancel = null;
    this.#isNews = false;
    this.#isOnItsWay = true;
    this.#storedAt = engine.clock.monotonic();
    const row: RunRow = { ...claimed, progress: this.#latest };
    this.run.commit({ checks: [], mutations: [put(engine.keys.run(record.id), row)] })
      .then(() => engine.emit({ type: "progress", task: record }), () => {})
      .finally(() => {
        this.#isOnItsWay = false;
        this.#storeSoon();
      });
  }
}
