import assert from "node:assert/strict";
import { dirname } from "node:path";
import { loadModel } from "../../../tasks/spam/model.ts";
import { table } from "../../../tasks/spam/report.ts";
import { folder } from "../../queue/store/folder.ts";

const ROOT = dirname(dirname(dirname(import.meta.dirname!)));
const CORPUS = `${ROOT}/tasks/spam/corpus.csv`;

/** Runs the command as `deno task train` does, in this folder. */
async function train(cwd: string, ...args: string[]) {
  const config = ["--config", `${ROOT}/deno.json`, "-P=train"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...config, `${ROOT}/tasks/spam/train.ts`, ...args],
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** What is printed beside the times, which differ from run to run. */
function report(stdout: string): string {
  return /\n\n {14}precision[^]*?\nweighted avg.*\n/.exec(stdout)![0];
}

Deno.test("train prints the report, saves the model, and --test says the same without training", async () => {
  using place = folder();
  Deno.copyFileSync(CORPUS, `${place.path}/my.csv`);
  const trained = await train(place.path, "my.csv");
  assert.deepEqual([trained.code, trained.stderr], [0, ""], trained.stderr);
  assert.match(
    trained.stdout,
    /^Corpus my\.csv: 243 messages, 170 for training, 73 held out \(stratified, seed 42\)\n/,
  );
  assert.match(trained.stdout, /\nA prediction takes \d+\.\d{3} ms \(mean; the slowest \d+\.\d{3} ms\)\n/);
  assert.match(
    trained.stdout,
    /\nSaved (data\/spam-model\.json): \d+ words and pairs\nSPAM_MODEL=\1 has the server use it\n$/,
  );
  const bytes = Deno.readTextFileSync(`${place.path}/data/spam-model.json`);
  assert.equal(
    bytes,
    Deno.readTextFileSync(`${ROOT}/tasks/spam/model.json`),
    "the shipped model is out of date",
  );
  assert.equal(
    report(trained.stdout),
    `\n\n${table(loadModel(`${place.path}/data/spam-model.json`).metrics)}\n`,
  );

  const tested = await train(place.path, "--test", "my.csv");
  assert.deepEqual([tested.code, tested.stderr], [0, ""]);
  assert.equal(report(tested.stdout), report(trained.stdout));
  assert(!tested.stdout.includes("Saved"));
  assert.equal(Deno.readTextFileSync(`${place.path}/data/spam-model.json`), bytes);
});

Deno.test("--test without a corpus and a model takes those that ship", async () => {
  using place = folder();
  const { code, stdout } = await train(place.path, "--test");
  assert.equal(code, 0);
  assert.equal(report(stdout), `\n\n${table(loadModel(`${ROOT}/tasks/spam/model.json`).metrics)}\n`);
});

Deno.test("train takes --model for the model's file, and the corpus that ships; --splits shows how much is luck", async () => {
  using place = folder();
  const { code, stdout } = await train(place.path, "--model", "m.json", "--splits", "2");
  assert.equal(code, 0);
  assert(stdout.startsWith(`Corpus ${CORPUS}: 243 messages`));
  const range = String.raw`\d\.\d{4} \(\d\.\d{4} to \d\.\d{4}\)`;
  assert.match(
    stdout,
    new RegExp(
      `Seeds 1 to 2, mean and range: accuracy ${range}, spam recall ${range}, spam precision ${range}\n`,
    ),
  );
});

Deno.test("messages in both parts are counted, and the model is measured without them too", async () => {
  using place = folder();
  const lines = ["ham,see you at lunch", "ham,lunch was good", "spam,free cash now", "spam,claim free cash"];
  Deno.writeTextFileSync(
    `${place.path}/twice.csv`,
    `Category,Message\n${`${lines.join("\n")}\n`.repeat(10)}`,
  );
  const { stdout } = await train(place.path, "twice.csv", "--model", "m.json");
  assert.match(
    stdout,
    /\n12 of the held-out messages are in the training part too, word for word\. Without them: accuracy 0\.0000, /,
  );
});

Deno.test("train --help says how it is called, and trains nothing", async () => {
  using place = folder();
  const { code, stdout, stderr } = await train(place.path, "--help");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^Usage: deno task train \[corpus\.csv\]/);
});

Deno.test("train refuses input that it cannot use, names it, and writes nothing", async () => {
  using place = folder();
  const write = (name: string, content: string | Uint8Array<ArrayBuffer>) =>
    Deno.writeFileSync(
      `${place.path}/${name}`,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  write("columns.csv", "v1,v2\nham,hi\n");
  write("one.csv", `Category,Message\n${"ham,hi\n".repeat(9)}`);
  write("empty.csv", "");
  write("latin1.csv", Uint8Array.from([0x43, 0xe9, 0x0a]));
  write("broken.json", "{}");
  const cases: readonly [args: string[], message: string | RegExp][] = [
    [["none.csv"], "none.csv does not exist"],
    [["."], /^\. .*directory/],
    [["columns.csv"], "columns.csv has no column Category: its heading is v1, v2"],
    [["one.csv"], "one.csv has 0 messages that are spam: at least 4 of each label are needed"],
    [["empty.csv"], "empty.csv is empty: a heading with Category and Message is expected"],
    [["latin1.csv"], "latin1.csv is not UTF-8"],
    [["a.csv", "b.csv"], "One corpus is expected: got 'b.csv' too"],
    [["--splits", "x"], "--splits must be an integer from 0 to 999: got 'x'"],
    [["--seed", "1"], /^Unknown option '--seed'/],
    [
      ["--test", "--model", "no.json"],
      "Spam model no.json does not exist. Make one with 'deno task train': see docs/spam.md",
    ],
    [["--test", "--model", "broken.json"], /^Spam model broken\.json is damaged at \/version /],
    [["--model", "empty.csv/model.json"], /empty\.csv/],
  ];
  const runs = await Promise.all(cases.map(([args]) => train(place.path, "--model", "m.json", ...args)));
  for (const [index, { code, stderr }] of runs.entries()) {
    const [args, message] = cases[index]!;
    assert.equal(code, 1, args.join(" "));
    const [, said = ""] = /^train: (.*)\n$/.exec(stderr) ?? assert.fail(`${args.join(" ")}: ${stderr}`);
    if (typeof message === "string") assert.equal(said, message);
    else assert.match(said, message);
  }
  const left = [...Deno.readDirSync(place.path)].map(({ name }) => name).sort();
  assert.deepEqual(left, ["broken.json", "columns.csv", "empty.csv", "latin1.csv", "one.csv"]);
});

Deno.test("--test refuses a corpus that the model was not trained with", async () => {
  using place = folder();
  Deno.writeTextFileSync(`${place.path}/other.csv`, `${Deno.readTextFileSync(CORPUS)}ham,one more\n`);
  const { code, stderr } = await train(
    place.path,
    "--test",
    "other.csv",
    "--model",
    `${ROOT}/tasks/spam/model.json`,
  );
  assert.equal(code, 1);
  assert.match(
    stderr,
    /^train: other\.csv is not what .*\/tasks\/spam\/model\.json was trained with, so nothing /,
  );
});
