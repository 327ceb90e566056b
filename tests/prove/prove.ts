/**
 * The proof: tries one thing after the other, and tells of each what was tried, how often, and what held.
 *
 * @module
 */
import { type Attempt, attempts, type Counts, type Outcome, type ProofPlan } from "./attempts.ts";

/** Broken promises that are told of one attempt. */
const TOLD = 10;

/** Columns of a line. */
const WIDTH = 100;

/** Tries everything. @returns whether everything held */
export async function prove(plan: ProofPlan): Promise<boolean> {
  const tell = (text: string) => wrapped(text).forEach(plan.tell);
  const begun = performance.now();
  const machine = `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores, ${today()}`;
  tell(`Sluice: proof, seed ${plan.seed} (${machine})`);
  if (plan.sabotage) {
    tell("Sabotage: the store forgets one commit in 5 of real processes. This proof must fail.");
  }
  const outcomes: Outcome[] = [];
  for (const attempt of attempts(plan)) {
    const outcome = await attemptOne(attempt, tell);
    if (outcome) outcomes.push(outcome);
  }
  const sum = (count: keyof Counts) => outcomes.reduce((all, outcome) => all + outcome[count], 0);
  const broken = outcomes.flatMap((outcome) => outcome.broken).length;
  tell("");
  tell(broken === 0 ? "Everything held." : `${broken} promises were broken.`);
  tell(
    `${sum("accepted")} tasks were accepted, ${sum("ended")} ended, ${
      sum("settledTwice")
    } were settled twice, ` +
      `${sum("stuck")} are stuck. ${secondsSince(begun)} s.`,
  );
  return broken === 0;
}

async function attemptOne(
  { title, method, run, needs }: Attempt,
  tell: (text: string) => void,
): Promise<Outcome | null> {
  tell("");
  tell(`${title}: ${method}.`);
  if (!run) {
    tell(`    ${needs}`);
    return null;
  }
  const begun = performance.now();
  const outcome = await run().catch(failed);
  const { tried, accepted, ended, settledTwice, stuck, broken, again } = outcome;
  tell(`    ${tried}`);
  tell(
    `    accepted ${accepted}, ended ${ended}, settled twice ${settledTwice}, stuck ${stuck}, broken laws ${broken.length}`,
  );
  for (const sentence of broken.slice(0, TOLD)) tell(`    BROKEN: ${sentence}`);
  if (broken.length > TOLD) tell(`    … and ${broken.length - TOLD} more`);
  tell(`    ${broken.length === 0 ? "held" : "did not hold"}, ${secondsSince(begun)} s; again:`);
  tell(`    ${again}`);
  return outcome;
}

/** A text in lines that keep its indentation. */
function wrapped(text: string): string[] {
  const indent = /^ */.exec(text)![0];
  const lines = [indent];
  for (const word of text.trim().split(" ")) {
    const line = lines.at(-1)!;
    if (line === indent) lines[lines.length - 1] += word;
    else if (line.length + 1 + word.length <= WIDTH) lines[lines.length - 1] += ` ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}

/** An attempt that could not be made proves nothing. */
function failed(error: unknown): Outcome {
  const broken = [`It could not be tried: ${error}`];
  return {
    tried: "nothing",
    accepted: 0,
    ended: 0,
    settledTwice: 0,
    stuck: 0,
    broken,
    again: "the same command",
  };
}

function secondsSince(begun: number): number {
  return Math.round((performance.now() - begun) / 1000);
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
