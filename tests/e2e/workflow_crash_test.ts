/** Workflows in real processes over a real file, killed with SIGKILL. */
import assert from "node:assert/strict";
import { openStore } from "../../queue/mod.ts";
import { folder } from "../queue/store/folder.ts";
import { Dice } from "../support/dice.ts";
import { brokenLaws } from "../support/invariants.ts";
import { countRows, rowsOf } from "../support/rows.ts";
import { Child } from "./child.ts";
import { settlements } from "./settled.ts";

const KILLS = Number(Deno.env.get("SLUICE_KILLS") ?? 4);

Deno.test("workflows through random kills: none is lost, bodies start once, halves of submissions are deleted", async () => {
  using files = folder();
  const path = `${files.path}/a.kv`;
  const random = new Dice(20260105).next;
  const acknowledged = new Set<string>();
  const task = () => ({
    name: random() < 0.2 ? "flaky" : "count",
    args: [Math.floor(random() * 5)],
    immutable: true,
  });
  const members = (n: number) => Array.from({ length: n }, task);
  // The last of them takes more than one commit.
  const chord = () => ({ chord: { header: members(10), body: { name: "gather", args: [] } } });
  const nodes = [
    chord,
    () => ({ chain: [task(), chord(), task()] }),
    () => ({ group: members(400) }),
  ];
  const submission = () => ({ workflow: nodes[Math.floor(random() * nodes.length)]!() });

  for (let kill = 0; kill < KILLS; kill++) {
    await using child = new Child("engine_child.ts", [path]);
    await child.until((lines) => lines.length > 0);
    for (let ahead = 0; ahead < 6; ahead++) await child.tell(submission());
    const life = 100 + Math.floor(random() * 800);
    await child.until((lines) => lines.length > life);
    await child.kill();
    for (const { workflow } of child.said) if (workflow) acknowledged.add(String(workflow));
  }
  await using last = new Child("engine_child.ts", [path]);
  await last.tell({ drain: true });
  await last.until((lines) => lines.includes('{"drained":true}'));
  assert.equal((await last.ended()).success, true);

  const store = await openStore(path);
  assert.deepEqual(await brokenLaws(store), []);
  const tasks = new Map((await rowsOf(store, "task")).map(({ key, value }) => [String(key[2]), value]));
  const settled = await settlements(store, "sluice");
  for (const [id, { name, state, error }] of tasks) {
    // What three kills met failed its chord; all else has succeeded.
    const lost = state !== "SUCCESS" && /WorkerLostError/.test(`${error.type} ${error.message}`);
    assert(lost || state === "SUCCESS", `Task ${id} of '${name}' is ${state}`);
    assert.equal(settled.get(id) ?? 0, state === "SUCCESS" ? 1 : 0, `Task ${id} of '${name}' is ${state}`);
  }
  const workflows = new Set((await rowsOf(store, "workflow")).map(({ key }) => String(key[2])));
  for (const id of acknowledged) assert(workflows.has(id), `Workflow ${id} was acknowledged and is gone`);
  for (const { workflow } of tasks.values()) {
    assert(workflows.has(workflow.root), "A half of a workflow is left");
  }
  const { waiting, open, cascade, run, ready } = await countRows(store);
  assert.deepEqual({ waiting, open, cascade, run, ready }, {
    waiting: undefined,
    open: undefined,
    cascade: undefined,
    run: undefined,
    ready: undefined,
  });
  assert(acknowledged.size > 0);
  store.close();
});
