import assert from "node:assert/strict";
import { systemClock } from "../../../queue/mod.ts";
import { parseCorpus, split } from "../../../tasks/spam/corpus.ts";
import { loadModel, predict, saveModel, serialize } from "../../../tasks/spam/model.ts";
import { spamTasks } from "../../../tasks/spam/mod.ts";
import { Child } from "../../e2e/child.ts";
import { folder } from "../../queue/store/folder.ts";
import { type Body, openApp, places, problem } from "../../support/open_app.ts";

const FOLDER = new URL("../../../tasks/spam", import.meta.url).pathname;
const SHIPPED = loadModel(`${FOLDER}/model.json`);

/** The app with the task alone, run by real threads. */
function openDetector(spamModel: string | null = null) {
  return openApp({ clock: systemClock, definitions: spamTasks({ spamModel }), channels: { ml_service: 1 } });
}

type Detector = Awaited<ReturnType<typeof openDetector>>;

async function detect(t: Detector, message: string, more: Record<string, unknown> = {}): Promise<Body> {
  const body = { name: "ml.detect_spam", args: [message], ...more };
  const response = await t.post("/v1/tasks", body, { prefer: "wait=10" });
  assert.equal(response.status, 200);
  return await response.json();
}

Deno.test("ml.detect_spam answers Prefer: wait=10 directly, with what the model says", async () => {
  await using t = await openDetector();
  const spam = await detect(t, "You have WON a free prize! Call now to claim £1000 cash");
  assert.deepEqual([spam.state, spam.channel, spam.result.label], ["SUCCESS", "ml_service", "spam"]);
  assert(spam.result.spam_probability > 0.9 && spam.result.spam_probability <= 1);
  const ham = await detect(t, "Running late, see you at the station :)");
  assert.equal(ham.result.label, "ham");
  assert(ham.result.spam_probability >= 0 && ham.result.spam_probability < 0.5);
  assert.deepEqual(
    ham.args,
    ["Running late, see you at the station :)"],
    "nothing joins the stored arguments",
  );

  const { heldOut } = split(parseCorpus(Deno.readTextFileSync(`${FOLDER}/corpus.csv`)), 42);
  for (const { message } of heldOut.filter((_, index) => index % 10 === 0)) {
    assert.deepEqual((await detect(t, message)).result, predict(SHIPPED, message));
  }
  assert.deepEqual((await detect(t, "")).result, predict(SHIPPED, ""));
});

Deno.test("ml.detect_spam takes one text", async () => {
  await using t = await openDetector();
  for (
    const [args, place] of [[[5], "body /args/0"], [[], "body /args"], [["a", "b"], "body /args"]] as const
  ) {
    const response = await t.post("/v1/tasks", { name: "ml.detect_spam", args });
    assert.deepEqual(places(await problem(response, 422, "invalid-task")), [place], JSON.stringify(args));
  }
});

Deno.test("ml.detect_spam takes the model that the setting names, and reads it once a thread", async () => {
  using place = folder();
  const path = `${place.path}/model.json`;
  saveModel(path, { ...SHIPPED, bias: 0, weights: new Map([["lunch", 5]]) });
  await using t = await openDetector(path);
  const first = await detect(t, "Lunch?");
  assert.equal(first.result.label, "spam");
  Deno.removeSync(path);
  assert.deepEqual((await detect(t, "Lunch?")).result, first.result);
});

Deno.test("a missing or broken model is the task's failure, not retried, until there is one", async () => {
  using place = folder();
  const path = `${place.path}/model.json`;
  await using t = await openDetector(path);
  const cases = [[null, "does not exist"], ["{", "is not JSON"], ['{"version":9}', "has version 9"]] as const;
  for (const [content, reason] of cases) {
    if (content !== null) Deno.writeTextFileSync(path, content);
    const { state, retries, error } = await detect(t, "hello", { max_retries: 3 });
    assert.deepEqual([state, retries, error.type], ["FAILURE", 0, "SpamModelError"]);
    assert(error.message.startsWith(`Spam model ${path} ${reason}`), error.message);
    assert(error.message.endsWith("Make one with 'deno task train': see docs/spam.md"));
  }
  saveModel(path, SHIPPED);
  assert.equal((await detect(t, "hello")).state, "SUCCESS");
});

Deno.test("the model is read off the event loop", async () => {
  using place = folder();
  const pipe = `${place.path}/model.json`;
  assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  await using t = await openDetector(pipe);
  const pending = detect(t, "hello");
  await t.events.next("started");
  // Whoever reads a pipe is held until something is written into it.
  assert.equal((await t.get("/health/live")).status, 200);
  Deno.writeTextFileSync(pipe, serialize(SHIPPED));
  assert.deepEqual((await pending).result, predict(SHIPPED, "hello"));
});

Deno.test("the program finds the model that ships from any folder, and takes SPAM_MODEL", async () => {
  using place = folder();
  const ask = async (more: Record<string, string>) => {
    const env = { PORT: "0", KV_PATH: ":memory:", CHANNELS: "ml_service=1", API_TOKEN: "", ...more };
    await using child = new Child("../../main.ts", [], env, place.path);
    const base = await child.listening();
    const response = await fetch(`${base}/v1/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json", prefer: "wait=10" },
      body: JSON.stringify({ name: "ml.detect_spam", args: ["hello"] }),
    });
    return await response.json();
  };
  assert.deepEqual((await ask({ SPAM_MODEL: "" })).result, predict(SHIPPED, "hello"));
  const { error } = await ask({ SPAM_MODEL: "none.json" });
  assert.equal(
    error.message,
    "Spam model none.json does not exist. Make one with 'deno task train': see docs/spam.md",
  );
});
