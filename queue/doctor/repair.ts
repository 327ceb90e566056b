/**
 * Repairs what the doctor finds. Each repair is one commit that checks the rows of its finding and changes at least one
 * of them. So a repair does nothing when one of these rows has changed meanwhile, or when it is sent twice.
 *
 * @module
 */
import { systemClock } from "../ground/clock.ts";
import { idSource } from "../ground/ids.ts";
import { audit, type Audited } from "../rows/audit.ts";
import { keysOf } from "../rows/keys.ts";
import type { Store } from "../store/port.ts";
import { examine, type ExamineOptions } from "./examine.ts";
import type { Finding } from "./law.ts";

/** Rounds of repairs: one can uncover the next, as when a pointer was moved whose task is then to be released. */
const ROUNDS = 5;

/**
 * Repairs a store, at rest or at work, in rounds, until one finds nothing to repair.
 *
 * @param repaired called with each finding that was repaired
 * @returns the findings that are left
 * @throws what `examine` throws, and when the outcome of a commit is unknown: repair again
 */
export async function repair(
  store: Store,
  options: ExamineOptions,
  repaired: (finding: Finding) => void,
): Promise<Finding[]> {
  const { namespace = "sluice", clock = systemClock } = options;
  const doctor: Audited = {
    keys: keysOf(namespace),
    clock,
    nextId: idSource(clock),
    actor: { kind: "command", name: "doctor" },
  };
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
      // A repair that does not land met a change: the next round examines the rows as they are then.
      const deed = audit(doctor, { action: "store.repair", target: finding.message });
      if (await store.commit(checks, [...mutations, deed]) !== null) repaired(finding);
      again = true;
    }
    if (!again) return left;
  }
}
