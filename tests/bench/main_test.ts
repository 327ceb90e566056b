import assert from "node:assert/strict";
import { ROOT } from "../../bench/workplace.ts";

Deno.test("deno task bench refuses a number that is none, or is missing", async () => {
  // With a commit that there is not, so that in no case anything is measured.
  const wrong = [["--rounds"], ["--rounds="], ["--rounds", "many"], ["--rounds", "0"], ["--seed"], [
    "--seed=",
  ]];
  for (const options of wrong) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", "-P=bench", "bench/main.ts", "--compare", "nothing", ...options],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    assert.equal(code, 2);
    assert.match(new TextDecoder().decode(stderr), /^Usage: deno task bench /, options.join(" "));
  }
});
