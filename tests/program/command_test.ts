/** The answers of the program's commands to a command line, as a person at a terminal sees them. */
import assert from "node:assert/strict";
import { folder } from "../queue/store/folder.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

function run(path: string, task: string, ...args: string[]) {
  return runWith({ KV_PATH: path }, task, ...args);
}

async function runWith(env: Record<string, string>, task: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", task, ...args],
    cwd: ROOT,
    env: { PORT: "0", API_TOKEN: "", HOST: "", NO_COLOR: "1", ...env },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

Deno.test("every command of the program tells how it is called", async () => {
  using files = folder();
  for (
    const task of [
      "start",
      "worker",
      "dev",
      "doctor",
      "backup",
      "restore",
      "prove",
      "bench",
      "inspect",
      "exercise",
      "train",
    ]
  ) {
    const { code, out, err } = await run(`${files.path}/none.kv`, task, "--help");
    assert.equal(code, 0, err);
    assert.match(out + err, new RegExp(`^Usage: deno task ${task} ?`));
    const [usage, ...rest] = (out + err).split("\n");
    for (const [option] of usage!.matchAll(/--\w[\w-]*/g)) {
      assert.match(
        rest.join("\n"),
        new RegExp(`^  ${option} .*\\w{3}`, "m"),
        `${task} says nothing of ${option}`,
      );
    }
  }
  assert.deepEqual([...Deno.readDirSync(files.path)], []);
});

Deno.test("a command line that is not understood is answered by one line that names the fault and the right form", async () => {
  using files = folder();
  const none = `${files.path}/none.kv`;
  const cases: [string[], number, RegExp][] = [
    [["start", "strat"], 1, /^Sluice: There is no command 'strat'\. Usage: deno task start /],
    [
      ["start", "--port", "9"],
      1,
      /^Sluice: There is no option '--port': set PORT in the environment or in \.env\. Usage/,
    ],
    [["start", "--kv-path=x"], 1, /^Sluice: There is no option '--kv-path': set KV_PATH in/],
    [["start", "--colour", "red"], 1, /^Sluice: There is no option '--colour'\. Usage/],
    [["start", "--force"], 1, /^Sluice: There is no option '--force'\. Usage: deno task start /],
    [["worker", "celery=16"], 1, /^Sluice: 'celery=16' is one word too many\. Usage: deno task worker /],
    [["worker", "--channels"], 1, /^Sluice: Option '--channels' needs a value\. Usage/],
    [["worker", "--channels", "celery"], 1, /CHANNELS must be 'none', or a list .*: got 'celery'/],
    [["doctor", "--fix"], 2, /^Sluice: There is no option '--fix'\. Usage: deno task doctor \[--repair\]/],
    [["doctor", "--json=yes"], 2, /^Sluice: Option '--json' takes no value\. Usage/],
    [["doctor"], 2, /^Sluice: There is no database file '.*none\.kv'\. Usage/],
    [["backup"], 1, /^Sluice: A file must be named\. Usage: deno task backup <file>/],
    [["backup", "a", "b"], 1, /^Sluice: 'b' is one word too many\. Usage/],
    [
      ["restore", `${none}/x`],
      1,
      /^Sluice: There is no database file '.*'\. Usage: deno task restore <file>/,
    ],
    [["prove", "--foo"], 2, /^prove: Unknown option '--foo'/],
    [["prove", "--kv-server", "localhost:4512"], 2, /^prove: --kv-server must be an address/],
    [["prove", "--seed", "x"], 2, /^prove: --seed must be an integer\nUsage/],
    [
      ["prove", "--kv-server", "http://127.0.0.1:1"],
      2,
      /^prove: KV server 'http:\/\/127\.0\.0\.1:1' cannot be used: /,
    ],
    [["bench", "fast", "--foo"], 2, /^bench: there is no scenario 'fast', no option '--foo'\nUsage/],
    [["bench", "--compare", "no-such-ref"], 2, /^bench: cannot compare with 'no-such-ref': /],
    [["bench", "--compare="], 2, /^Usage: deno task bench/],
  ];
  for (const [[task, ...args], code, message] of cases) {
    const ended = await run(none, task!, ...args);
    assert.deepEqual([ended.code, ended.out], [code, ""], `${task} ${args.join(" ")}: ${ended.err}`);
    assert.match(ended.err, message);
    assert.doesNotMatch(ended.err, / at .*\.ts:\d/);
  }
  assert.deepEqual([...Deno.readDirSync(files.path)], []);
});

Deno.test("a variable that looks like the slip of a setting is named with the setting, and refuses nothing", async () => {
  using files = folder();
  const none = `${files.path}/none.kv`;
  const { code, err } = await runWith({ KV_PATH: none, CHANELS: "celery=1" }, "doctor");
  assert.equal(code, 2);
  assert.match(
    err,
    /^Sluice: There is no setting 'CHANELS': did you mean CHANNELS\?\nSluice: There is no database/,
  );
});
