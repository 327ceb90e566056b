/** Standard output that nobody reads, or that cannot be written: the program works on as if it were read. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { brokenLaws } from "../support/invariants.ts";
import { rowsOf } from "../support/rows.ts";
import { programEnv } from "./child.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const TASKS = 500;
/** Requests whose paths make the log longer than what may wait to be written. */
const LONG_REQUESTS = 800;
const LONG_PATH = `/${"x".repeat(8000)}`;

interface Case {
  /** The redirections of a shell. */
  readonly to: string;
  /** What becomes of the stream after its first line; without a first line, the program's complaint is waited for. */
  readonly then: "closed" | "kept" | "empty";
  readonly complains: boolean;
}

const CASES: Record<string, Case> = {
  "a pipe that was closed after its first line (main.ts | head -1)": {
    to: "",
    then: "closed",
    complains: true,
  },
  "a pipe that nobody reads any more": { to: "", then: "kept", complains: true },
  "a full disk": { to: "> /dev/full", then: "empty", complains: true },
  "a closed pipe that takes standard error too": { to: "2>&1", then: "closed", complains: false },
};

for (const [name, { to, then, complains }] of Object.entries(CASES)) {
  Deno.test(`every task ends, every request is answered and SIGTERM is obeyed, with a log into ${name}`, async () => {
    using files = folder();
    using cleanup = new DisposableStack();
    const path = `${files.path}/a.kv`;
    const port = freePort();
    const child = new Deno.Command("sh", {
      args: ["-c", `exec "$0" run -q --no-check -A "$1" ${to}`, Deno.execPath(), MAIN],
      env: programEnv(path, { PORT: `${port}`, SHUTDOWN_GRACE: "1", DEMO_TIME_SCALE: "0", NO_COLOR: "1" }),
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let ended = false;
    child.status.then(() => ended = true);
    cleanup.defer(() => ended || child.kill("SIGKILL"));
    const complaints = new Lines(child.stderr);
    const output = child.stdout.getReader();
    if (then === "empty") await complaints.first;
    else await output.read();
    if (then === "closed") await output.cancel();

    const base = `http://127.0.0.1:${port}`;
    await work(base);
    const metrics = await (await fetch(`${base}/metrics`)).text();
    assert(Number(/^sluice_log_lines_dropped_total (\d+)$/m.exec(metrics)?.[1]) > 0);
    const health = await fetch(`${base}/health`);
    assert.deepEqual([health.status, (await health.json()).status], [200, "ready"]);

    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await output.cancel();
    const said = await complaints.all;
    assert.equal(said.length, complains ? 1 : 0, said.join("\n"));
    if (complains) {
      assert.match(said[0]!, /^Sluice: The log cannot be written .*sluice_log_lines_dropped_total/);
    }
    const store = await openStore(path);
    assert.deepEqual(await brokenLaws(store), []);
    assert.deepEqual([...await rowsOf(store, "run"), ...await rowsOf(store, "worker")], []);
    store.close();
  });
}

/** Submits tasks and sends requests of long paths, and waits until every task has ended. */
async function work(base: string): Promise<void> {
  const one = { name: "echo", args: ["x"] };
  for (let sent = 0; sent < TASKS; sent += 250) {
    const response = await fetch(`${base}/v1/tasks/batch`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ tasks: Array.from({ length: 250 }, () => one) }),
    });
    await response.body?.cancel();
    assert.equal(response.status, 202);
    for (let i = 0; i < LONG_REQUESTS / (TASKS / 250); i++) {
      const answer = await fetch(base + LONG_PATH);
      await answer.body?.cancel();
      assert.equal(answer.status, 404);
    }
  }
  for (const state of ["PENDING", "STARTED"]) {
    for (;;) {
      const { tasks: [open] } = await (await fetch(`${base}/v1/tasks?state=${state}&limit=1`)).json();
      if (!open) break;
      const ended = await fetch(`${base}/v1/tasks/${open.id}`, { headers: { prefer: "wait=10" } });
      assert.equal((await ended.json()).state, "SUCCESS");
    }
  }
}

/** The lines of a stream. */
class Lines {
  readonly first: Promise<void>;
  readonly all: Promise<string[]>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    this.all = (async () => {
      let text = "";
      for await (const part of stream.pipeThrough(new TextDecoderStream())) {
        text += part;
        resolve();
      }
      resolve();
      return text.split("\n").slice(0, -1);
    })();
  }
}

/** A port that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}
