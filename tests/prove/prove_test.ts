/** A short proof holds, and one over a store that forgets does not: then the exit code is 1. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";
import { prove } from "./prove.ts";

const MAIN = new URL("main.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

Deno.test("a short proof holds, and says what was tried and how often", async () => {
  const lines: string[] = [];
  const tell = (line: string) => lines.push(line);
  const held = await prove({ seed: 7, seconds: 2, kvServer: null, sabotage: false, tell });
  const said = lines.join("\n").replaceAll(/\n +/g, " ");
  assert(held, said);
  assert.match(said, /^Sluice: proof, seed 7 /);
  assert.match(
    said,
    /\d+ runs, \d+ kills, [^]*accepted \d+, ended \d+, settled twice 0, stuck 0, broken laws 0/,
  );
  assert.match(said, /not tried, as no KV server is given/);
  assert.match(
    said,
    /\nEverything held\.\n\d+ tasks were accepted, \d+ ended, 0 were settled\s+twice, 0 are stuck/,
  );
  const [, accepted, ended] = /\n(\d+) tasks were accepted, (\d+) ended/.exec(said)!;
  assert(Number(accepted) > 0);
  assert.equal(accepted, ended);
});

Deno.test("a proof over a store that forgets commits fails: exit code 1, and a report that says what was lost", async () => {
  using files = folder();
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--config", CONFIG, MAIN, "--seconds", "2", "--seed", "7", "--sabotage"],
    cwd: files.path,
    env: { KV_PATH: "" },
    stdout: "null",
  }).output();
  const report = Deno.readTextFileSync(`${files.path}/prove-report.md`);
  assert.equal(code, 1, report);
  assert.match(report, /BROKEN: Task [0-9a-f-]{36} /);
  assert.match(report, /\d+ promises were broken\./);
});
