/**
 * Putting right what the doctor finds. Every repair is one commit under check of the rows that the finding speaks of,
 * and changes one of them: on what has changed meanwhile, and sent twice, it does nothing.
 *
 * @module
 */
import type { Store } from "../store/port.ts";
import { examine, type ExamineOptions } from "./examine.ts";
import type { Finding } from "./law.ts";

/** A repair can bring to light what is to be put right next: a pointer moved, a task that is to be released then. */
const ROUNDS = 5;

/**
 * Repairs a store, at rest or at work, in rounds, until one finds nothing to repair.
 *
 * @param repaired is told each finding that was put right
 * @returns the findings that are left
 * @throws what `examine` throws, and a commit whose outcome is unknown: repair again
 */
export async function repair(
  store: Store,
  options: ExamineOptions,
  repaired: (finding: Finding) => void,
): Promise<Finding[]> {
  for (let round = 1;; round++) {
    options.counts?.clear();
    const left: Finding[] = [];
    let again = false;
    for await (const finding of examine(store, options)) {
      if (!finding.repair || round > ROUNDS) {
        left.push(finding);
        continue;
      }
      const { checks, mutations } = finding.repair.unit;
      // Not landed: it is not so any more, or the next round finds it as it is now.
      if (await store.commit(checks, mutations) !== null) repaired(finding);
      again = true;
    }
    if (!again) return left;
  }
}
