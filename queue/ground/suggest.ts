/**
 * Suggestions for mistyped names: "Did you mean …?"
 *
 * @module
 */

/** Characters of the longest word that is compared: the time grows with the product of the two lengths. */
const LONGEST = 200;

/**
 * The known word nearest to a wrong one by edit distance, if it is near enough to be a slip.
 *
 * @returns `null` when nothing is near
 */
export function nearest(wrong: string, known: Iterable<string>): string | null {
  if (wrong.length > LONGEST) return null;
  let best: string | null = null;
  let least = Math.max(2, Math.floor(wrong.length / 3)) + 1;
  for (const word of known) {
    if (Math.abs(word.length - wrong.length) >= least) continue;
    const distance = editDistance(wrong.toLowerCase(), word.toLowerCase());
    if (distance < least) [best, least] = [word, distance];
  }
  return best;
}

/** Levenshtein distance, one row at a time (Wagner and Fischer, 1974). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change));
    }
    row = next;
  }
  return row[b.length]!;
}
