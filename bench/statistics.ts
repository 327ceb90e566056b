/**
 * Statistics of a row of measured numbers.
 *
 * @module
 */

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The smallest value that `share` of all values do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("Cannot take a percentile of no values");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!;
}

/** Latencies in milliseconds as figures. */
export function latencies(name: string, values: readonly number[]): Record<string, number> {
  return {
    [`${name} p50 ms`]: percentile(values, 0.5),
    [`${name} p99 ms`]: percentile(values, 0.99),
    [`${name} max ms`]: percentile(values, 1),
  };
}

/**
 * Two of the values between which the median lies of all values that could have been measured: with a chance of 95 % or
 * more from six values on, whatever their distribution (a sign test turned round). Of few values the smallest and the
 * largest; the more there are, the more of the outer ones are left out.
 */
export function spread(values: readonly number[]): readonly [from: number, to: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // The chance that at most `left` of the values lie on one side of the median.
  let left = 0;
  let exactly = 0.5 ** count;
  let atMost = exactly;
  for (;;) {
    exactly *= (count - left) / (left + 1);
    atMost += exactly;
    if (2 * atMost > 0.05) return [sorted[left]!, sorted[count - 1 - left]!];
    left++;
  }
}
