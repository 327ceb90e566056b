/**
 * The figures of `deno task bench:peers`, by numbers that were made up.
 *
 * @module
 */
import assert from "node:assert/strict";
import { order } from "../bench/peers/order.ts";
import { plot, Scale } from "../bench/peers/plot.ts";
import { withSection } from "../bench/peers/report.ts";
import { meritOf, Results, shown, times } from "../bench/peers/results.ts";
import { shortTable, wholeTable } from "../bench/peers/table.ts";

const ours = { name: "Sluice", storage: "file" };
const theirs = { name: "Other", storage: "Redis" };

function measured(): Results {
  const results = new Results([ours, theirs]);
  [[10_000, 1_000], [30_000, 10_000], [20_000, 500]].forEach(([mine, others], round) => {
    results.add(round, ours, { "done tasks/s": mine!, "p99 ms": 2, "done: tasks": 5 });
    results.add(round, theirs, { "done tasks/s": others!, "p99 ms": 8 + round, "done: tasks": 5 });
  });
  return results;
}

Deno.test("every other round asks in reverse order", () => {
  assert.deepEqual([0, 1, 2].map((round) => order(["a", "b", "c"], round).join("")), ["abc", "cba", "abc"]);
});

Deno.test("the lead over a peer is the median of the ratios within a round", () => {
  const results = measured();
  // The rounds' ratios are 10, 3 and 40; that of the medians would be 20.
  assert.equal(results.ahead("done tasks/s", theirs), 10);
  assert.equal(results.ahead("p99 ms", theirs), 4.5);
  assert.equal(results.ahead("done tasks/s", ours), null);
  assert.equal(results.ahead("done: tasks", theirs), null);
});

Deno.test("a round in which one of the two was not measured has no ratio", () => {
  const results = new Results([ours, theirs]);
  results.add(0, ours, { "start s": 1 });
  results.add(1, ours, { "start s": 2 });
  results.add(1, theirs, { "start s": 6 });
  results.add(2, theirs, { "start s": 6 });
  assert.equal(results.ahead("start s", theirs), 3);
  assert.deepEqual(results.summary("start s", theirs), { median: 6, least: 6, most: 6 });
  assert.equal(results.summary("start s", { name: "Nobody", storage: "" }), null);
});

Deno.test("rates are better when they are more, times and memory when they are less", () => {
  assert.equal(meritOf("drain of 10,000: tasks/s"), "more");
  for (
    const figure of ["idle: pickup p99 ms", "memory, idle: PSS MB", "HTTP: processor s per 10,000 tasks"]
  ) {
    assert.equal(meritOf(figure), "less");
  }
  for (const figure of ["in bulk: tasks", "HTTP, 1 connection: requests", "half load: tasks/s beside"]) {
    assert.equal(meritOf(figure), null);
  }
});

Deno.test("the table has a median, a range and a ratio in a cell, and nothing where nothing was measured", () => {
  const table = wholeTable(measured()).split("\n");
  assert.match(table[0]!, /^\| +\| +Sluice; file \| +Other; Redis \|$/);
  assert.match(table[2]!, /\| 20,000 \(10,000 to 30,000\) \| 1,000 \(500 to 10,000\), \*\*10x\*\* \|$/);
  assert.match(table[3]!, /\| +2 \| +9 \(8 to 10\), \*\*4\.5x\*\* \|$/);
  assert.match(table[4]!, /\| +5 \| +5 \|$/);
  assert.equal(new Set(table.map(({ length }) => length)).size, 1);

  const short = shortTable(measured(), [ours, theirs], { speed: "done tasks/s", nothing: "unknown" }).split(
    "\n",
  );
  assert.match(short[2]!, /^\| speed +\| +20,000 \| 1,000, \*\*10x\*\* \|$/);
  assert.match(short[3]!, /^\| nothing \| +\| +\|$/);
});

Deno.test("numbers have the digits that say something", () => {
  assert.deepEqual([1234.5, 12.34, 0.1234, 3].map(shown), ["1,235", "12.3", "0.12", "3"]);
  assert.deepEqual([1234.5, 12.34, 1.26].map(times), ["1,235x", "12x", "1.3x"]);
});

Deno.test("a logarithmic scale has room for every value, and a bar for the least", () => {
  const scale = new Scale([700, 11_000]);
  assert.deepEqual(scale.marks, [100, 1_000, 10_000, 100_000]);
  assert.equal(scale.part(100), 0);
  assert.equal(scale.part(100_000), 1);
  assert(Math.abs(scale.part(1_000) - 1 / 3) < 1e-9);
  assert(new Scale([100, 400]).part(100) > 0);
  assert(new Scale([10]).part(10) > 0);
});

Deno.test("the plot has a bar as long as its value says, and a panel only for what was measured", () => {
  const svg = plot(measured(), { Speed: "done tasks/s", Nothing: "unknown" }, "a & b");
  const widths = [...svg.matchAll(/<rect x="\d+" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width)
  );
  // 20,000 and 1,000 on a scale from 100 to 100,000.
  assert.equal(widths.length, 2);
  assert(Math.abs(widths[0]! / widths[1]! - Math.log10(200) / Math.log10(10)) < 0.01);
  assert.match(svg, />20,000</);
  assert.match(svg, /a &amp; b/);
  assert.doesNotMatch(svg, /Nothing/);
});

Deno.test("a section is put before the one that follows, and replaced when it is there", () => {
  const text = "# A\n\nB\n\n## More\n\nC\n";
  const once = withSection(text, "## New", "first", "## More");
  assert.equal(once, "# A\n\nB\n\n## New\n\nfirst\n\n## More\n\nC\n");
  assert.equal(withSection(once, "## New", "second", "## More"), once.replace("first", "second"));
  assert.throws(() => withSection("# A\n", "## New", "first", "## More"), /There is no '## More'/);
});
