/**
 * Breaks a store in every way, on whatever adapter.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "../../../queue/mod.ts";
import type { Finding } from "../../../queue/doctor/law.ts";
import { type Expected, placeBreaks, recordBreaks, scheduleBreaks, workflowBreaks } from "./breaks.ts";
import { healthy, Patient } from "./patient.ts";

const breaks = Object.entries({ ...placeBreaks, ...recordBreaks, ...workflowBreaks, ...scheduleBreaks });

/** What a finding tells, without how it is repaired. */
function told({ law, message, keys, repair }: Finding): Expected {
  return { law, says: message, keys, does: repair?.does ?? null };
}

function sorted(expected: readonly Expected[]): Expected[] {
  return expected.toSorted((a, b) => a.says < b.says ? -1 : 1);
}

/** Each broken law is found with its keys, and repaired where it can be, and nothing else is touched. */
export async function examineBroken(store: Store): Promise<void> {
  const { rows, ids } = await healthy();
  await Promise.all(breaks.map(async ([name, by], n) => {
    const p = new Patient(store, `case${n}`);
    await p.fill(rows);
    const asFilled = await p.entries();
    assert.deepEqual(await p.findings(), [], `${name}: before`);
    assert.deepEqual(await p.repaired(), [], `${name}: before`);
    assert.deepEqual(await p.entries(), asFilled, `${name}: repair touches what is well`);

    const found = [await by(p, ids)].flat();
    assert.deepEqual(sorted((await p.findings()).map(told)), sorted(found), name);

    const repaired = (await p.repaired()).map(told);
    for (const { says } of repaired) assert(found.some((each) => each.says === says), `${name}: ${says}`);
    const left = found.filter(({ does }) => does === null);
    assert.deepEqual(sorted((await p.findings()).map(told)), sorted(left), `${name}: after`);
    const asRepaired = await p.entries();
    assert.deepEqual(await p.repaired(), [], `${name}: repaired twice`);
    assert.deepEqual(await p.entries(), asRepaired, `${name}: repaired twice`);
  }));
}
