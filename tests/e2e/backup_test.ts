/** Backup of a database that real processes work with at full rate, restored elsewhere. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { decode } from "../../queue/rows/codec.ts";
import { keysOf } from "../../queue/rows/keys.ts";
import { KvServer, kvServerTest } from "../support/kv_server.ts";
import { Child } from "./child.ts";
import { judge } from "./conservation.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SUBMISSION = { submit: Array.from({ length: 20 }, (_, n) => ({ name: "count", args: [n % 5] })) };

/** Runs `deno task <task> <args>`. */
async function run(task: string, args: string[], env: Record<string, string>): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", task, ...args],
    cwd: ROOT,
    env: { API_TOKEN: "", HOST: "", NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder().decode(success ? stdout : stderr);
  assert(success, text);
  return text;
}

/** What a process has said so far of its tasks. */
function told(child: Child): { accepted: string[]; ended: string[] } {
  return {
    accepted: child.said.flatMap(({ ids }) => (ids ?? []) as string[]),
    ended: child.said.flatMap(({ finished }) => finished ? [String(finished)] : []),
  };
}

/** Lets a process work as fast as it can while something is done, and then kills it. */
async function whileItWorks<T>(path: string, what: (child: Child) => Promise<T>): Promise<T> {
  await using child = new Child("engine_child.ts", [path]);
  for (let ahead = 0; ahead < 8; ahead++) await child.tell(SUBMISSION);
  let open = true;
  const fed = feed();
  await child.until((lines) => lines.length > 150);
  try {
    return await what(child);
  } finally {
    open = false;
    await fed;
  }

  /** As many tasks come as end, so that no backlog is left to work off. */
  async function feed(): Promise<void> {
    let ended = 0;
    for (let seen = 0; open;) {
      for (const end = child.lines.length; seen < end; seen++) {
        if (!child.lines[seen]!.startsWith('{"finished"')) continue;
        if (++ended % SUBMISSION.submit.length === 0) await child.tell(SUBMISSION);
      }
      await child.until((lines) => lines.length > seen);
    }
  }
}

/**
 * Has a new process end what a restored database holds, and holds it against what was told before the backup.
 *
 * @param torn what may not agree: what handlers store is read after the tasks from a server, where nothing stands still
 */
async function assertAllEnds(path: string, before: ReturnType<typeof told>, torn?: RegExp): Promise<void> {
  assert(before.ended.length > 20, `Only ${before.ended.length} tasks had ended before`);
  const store = await openStore(path);
  const records = before.ended.map((id) => keysOf("sluice").task(id));
  for (const entry of await store.getMany(records)) {
    assert.equal(
      decode<{ state: string }>(entry!.value).state,
      "SUCCESS",
      "it had ended before the backup began",
    );
  }
  store.close();
  await using child = new Child("engine_child.ts", [path]);
  await child.tell({ drain: true });
  await child.until((lines) => lines.includes('{"drained":true}'));
  assert((await child.ended()).success);
  const restarted = new Set(child.said.map(({ started }) => started));
  assert.deepEqual(before.ended.filter((id) => restarted.has(id)), []);
  const after = await openStore(path);
  const { broken, accepted } = await judge(after, new Set(before.accepted));
  after.close();
  assert.deepEqual(broken.filter((message) => !torn?.test(message)), []);
  assert(accepted >= before.accepted.length);
}

Deno.test("a backup of a file at work holds ended tasks as they were, and every other task ends once after the restore", async () => {
  using files = folder();
  const [path, saved, restored] = ["a", "saved", "b"].map((name) => `${files.path}/${name}.kv`) as [
    string,
    string,
    string,
  ];
  const before = await whileItWorks(path, async (child) => {
    const before = told(child);
    assert.match(await run("backup", [saved], { KV_PATH: path }), /^Copied .* MB\n$/);
    const after = told(child);
    assert(after.ended.length > before.ended.length, "it worked on meanwhile");
    return before;
  });
  assert.match(await run("restore", [saved], { KV_PATH: restored }), /^Restored .*: \d+ rows\n$/);
  await assertAllEnds(restored, before);
});

kvServerTest(
  "backups of a KV server at work, of its file and over the network, are restored elsewhere",
  async () => {
    using files = folder();
    const [copied, asked, restored] = ["copied", "asked", "b"].map((name) => `${files.path}/${name}.kv`) as [
      string,
      string,
      string,
    ];
    let before: ReturnType<typeof told>;
    {
      await using server = await KvServer.start();
      before = await whileItWorks(server.url, async (child) => {
        const before = told(child);
        await Promise.all([
          run("backup", [copied], { KV_PATH: `${server.folder}/server.sqlite3` }),
          run("backup", [asked], server.env),
        ]);
        return before;
      });
    }
    await run("restore", [copied], { KV_PATH: restored });
    await assertAllEnds(restored, before);
    await using server = await KvServer.start();
    await run("restore", [asked], server.env);
    await assertAllEnds(server.url, before, /^Task .* was settled 2 times$/);
  },
);
