/**
 * What is said about a row of measured numbers.
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
