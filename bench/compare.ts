/**
 * Two versions side by side: a commit (A) and this work tree (B). The machine's speed changes from minute to minute, and
 * one process is not like the next; so a measurement is short and has a process of its own, the two of a round follow
 * each other (A B, in the next round B A), and what counts is the quotient of each such pair.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- it prints what it finds
import { GitTree, stateOf } from "./git_tree.ts";
import { machine } from "./machine.ts";
import { measureIn } from "./measure.ts";
import { type Figures, number } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { onSignal } from "./signals.ts";
import { median, spread } from "./statistics.ts";
import { ROOT, type Workplace } from "./workplace.ts";

/** What is compared when nothing is named: the hot path. */
const USUAL = ["e2e", "drain", "pickup", "http"];

/** The least number of rounds whose spread means something, see {@link spread}. */
const ROUNDS = 6;

/** What to compare. */
interface CompareOptions {
  /** A commit, by any name that git knows. */
  readonly ref: string;
  /** Names of scenarios; none: the usual ones. */
  readonly scenarios: readonly string[];
  /** How many; `null`: as many as mean something. */
  readonly rounds: number | null;
  readonly seed: number;
  /** Told what is being measured. */
  readonly note: (...texts: string[]) => void;
}

/**
 * Measures both versions and prints how they compare.
 *
 * @returns the exit code: 1 when a measurement failed, 2 when there is nothing to compare with
 */
export async function compare(
  workplace: Workplace,
  { ref, scenarios, rounds, seed, note }: CompareOptions,
): Promise<number> {
  let tree: GitTree;
  try {
    tree = GitTree.checkOut(ROOT, ref, workplace.make());
  } catch (error) {
    console.error(`bench: cannot compare with '${ref}': ${(error as Error).message}`);
    return 2;
  }
  using _removed = tree;
  const ended = new AbortController();
  using _ending = onSignal(() => ended.abort());
  tree.useBench();
  const here = stateOf(ROOT);
  console.log([
    ...machine(workplace.folder),
    `seed      ${seed}`,
    `A         ${tree.commit} (${ref}), by the benchmarks of B`,
    `B         this work tree: ${here.commit}${here.changed ? " and changes" : ""}`,
  ].join("\n"));
  const folders = { A: tree.folder, B: ROOT };
  const count = rounds ?? ROUNDS;
  try {
    for (const name of scenarios.length > 0 ? scenarios : USUAL) {
      const scenario = (await SCENARIOS[name]!())(workplace, seed);
      const variants = scenario.variants.filter(({ yardstick }) => !yardstick).map(({ name }) => name);
      console.log(`\n${name}: ${scenario.method}`);
      const found: Round[] = [];
      while (found.length < count) {
        const round: Record<Version, Record<string, number>> = { A: {}, B: {} };
        const order: Version[] = found.length % 2 === 0 ? ["A", "B"] : ["B", "A"];
        for (const [variant, version] of variants.flatMap((name) => order.map((v) => [name, v] as const))) {
          note(`${name}, round ${found.length + 1} of ${count}: ${variant}, ${version}`);
          const figures = await measureIn(folders[version], { scenario: name, variant, seed }, ended.signal);
          for (const figure in figures) round[version][`${variant}: ${figure}`] = figures[figure]!;
        }
        found.push(round);
      }
      note();
      console.log(comparison(found).join("\n"));
    }
    return 0;
  } catch (error) {
    note();
    if (ended.signal.aborted) return 130;
    console.log(`FAILED: ${(error as Error).message}`);
    return 1;
  }
}

type Version = "A" | "B";

/** What a round has found of each version. */
type Round = Readonly<Record<Version, Figures>>;

/** The lines that tell how two versions compare; a figure that is not in every round of both is only named. */
export function comparison(rounds: readonly Round[]): string[] {
  const all = [...new Set(rounds.flatMap(({ A, B }) => [...Object.keys(A), ...Object.keys(B)]))];
  const both = all.filter((name) => rounds.every(({ A, B }) => name in A && name in B));
  const width = Math.max(0, ...both.map((name) => name.length)) + 2;
  const line = (name: string, numbers: readonly string[], verdict: string) =>
    name.padEnd(width) + numbers.map((cell) => cell.padStart(10)).join("") + `   ${verdict}`;
  const rows = both.map((name) => {
    const quotients = rounds.map(({ A, B }) => A[name] === B[name] ? 1 : B[name]! / A[name]!);
    const [from, to] = spread(quotients);
    const medians = (["A", "B"] as const).map((version) =>
      median(rounds.map((round) => round[version][name]!))
    );
    return line(
      name,
      [...medians.map(number), ...[median(quotients), from, to].map((quotient) => quotient.toFixed(3))],
      from > 1 ? "more" : to < 1 ? "less" : "1 is in between",
    );
  });
  const left = all.filter((name) => !both.includes(name));
  return [
    line("", ["A", "B", "B / A", "from", "to"], "B has"),
    ...rows,
    ...left.map((name) => `${name}: left out, not in every round of both`),
  ];
}
