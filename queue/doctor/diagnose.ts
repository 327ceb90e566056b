/**
 * The doctor as a program: examines a store, repairs it when asked, and says what it found, to a person or to a program.
 *
 * @module
 */
import { type Clock, systemClock } from "../ground/clock.ts";
import type { AnyTaskDefinition } from "../task/define.ts";
import { assertCurrent } from "../membership/upgrades.ts";
import { keysOf } from "../rows/keys.ts";
import { jsonText } from "../ground/well_formed.ts";
import type { Key, Store } from "../store/port.ts";
import { examine } from "./examine.ts";
import type { Finding } from "./law.ts";
import { repair } from "./repair.ts";

/** The options of {@link diagnose}. */
export interface DiagnoseOptions {
  readonly namespace: string;
  readonly definitions: readonly AnyTaskDefinition[];
  /** Whether to repair what can be repaired. @default {false} */
  readonly repair?: boolean;
  /** Whether each line is a JSON value: `{"finding": …}`, and at the end `{"summary": …}`. @default {false} */
  readonly json?: boolean;
  /** Takes one line of the report. */
  readonly tell: (line: string) => void;
  readonly clock?: Clock;
}

/** The result of {@link diagnose}. */
export interface Diagnosis {
  /** Rows that the last examination has read. */
  readonly rows: number;
  /** Tasks among them. */
  readonly tasks: number;
  /** Findings that were repaired. */
  readonly repaired: number;
  /** Findings that are left. */
  readonly broken: number;
  readonly seconds: number;
}

/**
 * Examines a store and tells each finding as it is found.
 *
 * @throws {StoreBrokenError} when the store cannot be read, or its data are of another version
 */
export async function diagnose(store: Store, options: DiagnoseOptions): Promise<Diagnosis> {
  const { namespace, tell, json = false, clock = systemClock } = options;
  const begun = clock.monotonic();
  await assertCurrent(store, keysOf(namespace));
  let [repaired, broken] = [0, 0];
  const say = (finding: Finding, isRepaired: boolean) => {
    if (isRepaired) repaired++;
    else broken++;
    tell(json ? line(finding, isRepaired) : text(finding, isRepaired));
  };
  const counts = new Map<string, number>();
  const left = options.repair
    ? await repair(store, { ...options, counts }, (finding) => say(finding, true))
    : examine(store, { ...options, counts });
  for await (const finding of left) say(finding, false);
  const diagnosis: Diagnosis = {
    rows: counts.values().reduce((sum, count) => sum + count, 0),
    tasks: counts.get("task") ?? 0,
    repaired,
    broken,
    seconds: Math.round(clock.monotonic() - begun) / 1000,
  };
  tell(json ? jsonText({ summary: diagnosis }) : summary(diagnosis));
  return diagnosis;
}

function line({ law, message, keys, repair }: Finding, repaired: boolean): string {
  return jsonText({ finding: { law, message, keys, repair: repair?.does ?? null, repaired } });
}

function text({ law, message, keys, repair }: Finding, repaired: boolean): string {
  const what = repaired ? `repaired: ${repair!.does}` : repair ? "can be repaired" : "cannot be repaired";
  const broken = law === null ? message : `${message} (invariant ${law})`;
  return [`${broken}: ${what}`, ...keys.map((key) => `    ${shown(key)}`)].join("\n");
}

function shown(key: Key): string {
  return key.join(" ");
}

function summary({ rows, tasks, repaired, broken, seconds }: Diagnosis): string {
  const read = `${rows} rows, ${tasks} of them tasks, were read in ${seconds} s`;
  const was = repaired > 0 ? `${repaired} repaired, ` : "";
  return `${read}: ${was}${broken === 0 ? "all is well" : `${broken} broken`}`;
}
