/** Ends, failures, revokes and crashes of a workflow's tasks at one moment: everything follows once. */
import assert from "node:assert/strict";
import { chain, chord, group, type WorkflowNode } from "../../../queue/mod.ts";
import { asks, type CommitCall, type CommitFault, deletes, sets } from "../../support/faulty_store.ts";
import { heldTask, task } from "../../support/held_task.ts";
import { LOST_AFTER, type Process, Processes } from "../../support/processes.ts";
import { rowsOf, stored } from "../../support/rows.ts";

/** Longer than two looks at what others have left. */
const LOOKS = 6000;

const call = (name: string, ...args: unknown[]): WorkflowNode => ({ name, args });
const cascades = (kind: string) => ({ mutations }: CommitCall) =>
  mutations.some(({ type, key }) => type === "set" && key[1] === "cascade" && key[2] === kind);

/** Two processes with a held task and a body; `options` are both's. */
async function two(slots = 10, options: ConstructorParameters<typeof Processes>[0] = {}) {
  const processes = new Processes(options);
  const held = heldTask("held");
  const body = task("body", (_ctx, ...args) => args);
  const start = () =>
    processes.start({
      definitions: [held.definition, body],
      channels: { default: slots },
      workerLostAfter: 15,
    });
  const [one, other] = [await start(), await start()];
  const submitter = await processes.start({ definitions: [held.definition, body], channels: {} });
  return { processes, held, one, other, start, submitter };
}

/** Submits a workflow to one process, which starts what it has slots for; the other takes the rest. */
async function spread(one: Process, other: Process, node: WorkflowNode) {
  const { workflow } = await one.queue.submitWorkflow(node);
  await one.clock.settle();
  await other.clock.advance(2500);
  return workflow;
}

const starts = (processes: readonly Process[], name: string) =>
  processes.flatMap(({ events }) => events.of("started")).filter(({ task }) => task.name === name).length;

for (const members of [2, 7, 20]) {
  Deno.test(`${members} members that end at once in two processes: the body starts once`, async () => {
    const { processes, held, one, other } = await two(Math.ceil(members / 2));
    await using _ = processes;
    const node = chord(Array.from({ length: members }, (_, i) => call("held", i)), call("body"));
    const workflow = await spread(one, other, node);
    assert.equal(held.runs.length, members);
    assert(other.events.of("started").length > 0);
    for (const run of held.runs) run.finish(run.args[0]);
    await one.clock.settle();
    await other.clock.advance(2500);
    await one.clock.advance(2500);
    const { state, result } = await one.queue.workflow(workflow.id);
    assert.equal(state, "SUCCESS");
    assert.deepEqual(result, [Array.from({ length: members }, (_, i) => i)]);
    assert.equal(starts([one, other], "body"), 1);
    assert.deepEqual(await stored(processes.store), { task: members + 1, group: 1, workflow: 1 });
  });
}

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const satisfies CommitFault[]) {
  Deno.test(`the commit that fires a group is ${fault}: the body starts once`, async () => {
    const { processes, held, one, other } = await two();
    await using _ = processes;
    const { workflow } = await one.queue.submitWorkflow(chord([call("held"), call("held")], call("body")));
    await one.clock.settle();
    const trap = one.faulty.onCommit(fault, sets("group"));
    for (const run of held.runs) run.finish();
    await trap.hit;
    await other.clock.advance(LOOKS);
    await one.clock.advance(10_000);
    if (fault === "held") await trap.land();
    await one.clock.advance(LOOKS);
    assert.equal((await other.queue.workflow(workflow.id)).state, "SUCCESS");
    assert.equal(starts([one, other], "body"), 1);
  });
}

Deno.test("a process that dies between the last member's end and the look at its group: another fires it", async () => {
  const { processes, held, one, other } = await two();
  await using _ = processes;
  const { workflow } = await one.queue.submitWorkflow(chord([call("held"), call("held")], call("body")));
  await one.clock.settle();
  const look = one.faulty.onRead("held", asks("open"));
  for (const run of held.runs) run.finish();
  await look.hit;
  assert.deepEqual((await rowsOf(processes.store, "open")).length, 0);
  assert.equal((await other.queue.workflow(workflow.id)).state, "STARTED");
  await other.clock.advance(LOOKS);
  assert.equal((await other.queue.workflow(workflow.id)).state, "SUCCESS");
  // The dead one was only slow: it finds that nothing is left to do.
  await look.land();
  await one.clock.settle();
  assert.equal(starts([one, other], "body"), 1);
});

Deno.test("a member that ends while its group is being looked at is seen by a second look, at once", async () => {
  const { processes, held, one } = await two();
  await using _ = processes;
  const { workflow } = await one.queue.submitWorkflow(chord([call("held"), call("held")], call("body")));
  await one.clock.settle();
  // The store has answered with the second member, and the answer is on its way.
  const look = one.faulty.onRead("late", asks("open"));
  held.runs[0]!.finish();
  await look.hit;
  held.runs[1]!.finish();
  await one.clock.settle();
  await look.land();
  await one.clock.settle();
  assert.equal((await one.queue.workflow(workflow.id)).state, "SUCCESS");
});

Deno.test("a task's end lets the next of a chain go on in the same commit, where both are known", async () => {
  const { processes, held, one } = await two();
  await using _ = processes;
  const { workflow } = await one.queue.submitWorkflow(chain(call("held"), call("body")));
  await one.clock.settle();
  held.runs[0]!.finish(1);
  await one.clock.settle();
  assert.deepEqual((await one.queue.workflow(workflow.id)).result, [1]);
  const [end] = one.faulty.commits.filter(deletes("run"));
  assert(deletes("waiting")(end!) && sets("ready")(end!));
  assert.equal(one.faulty.commits.filter(sets("cascade")).length, 0);
});

Deno.test("a follower that is revoked just before its chain's commit: the task before it has succeeded", async () => {
  const { processes, held, one, other } = await two();
  await using _ = processes;
  const { workflow } = await one.queue.submitWorkflow(chain(call("held"), call("body"), call("body")));
  await one.clock.settle();
  const [first, second] = (await rowsOf(processes.store, "task")).map(({ key }) => String(key[2]));
  one.faulty.beforeCommit(deletes("run"), () => other.queue.revoke(second!));
  held.runs[0]!.finish(1);
  await one.clock.advance(LOOKS);
  assert.equal((await one.queue.get(first!)).state, "SUCCESS");
  assert.equal((await one.queue.workflow(workflow.id)).state, "REVOKED");
  assert.equal(starts([one, other], "body"), 0);
});

for (const fault of ["lost", "failed", "nothing", "repeated", "held"] as const satisfies CommitFault[]) {
  Deno.test(`the commit of an end and of what goes on with it is ${fault}: the next runs once`, async () => {
    const { processes, held, one, other } = await two();
    await using _ = processes;
    const { workflow } = await one.queue.submitWorkflow(chain(call("held"), call("body")));
    await one.clock.settle();
    const trap = one.faulty.onCommit(fault, deletes("waiting"));
    held.runs[0]!.finish();
    await trap.hit;
    await other.clock.advance(LOOKS);
    await one.clock.advance(10_000);
    if (fault === "held") await trap.land();
    await one.clock.advance(LOOKS);
    await other.clock.advance(LOOKS);
    assert.equal((await other.queue.workflow(workflow.id)).state, "SUCCESS");
    assert.equal(starts([one, other], "body"), 1);
    assert.deepEqual(await stored(processes.store), { task: 2, workflow: 1 });
  });
}

Deno.test("a handler's own writes land with its end, and the next of its chain goes on", async () => {
  // The checks of both do not fit into one commit.
  await using processes = new Processes({ limits: { checks: 10 } });
  const writes = task("writes", (ctx) => {
    ctx.commit.set(["user", "a"], 1);
    for (let n = 0; n < 8; n++) ctx.commit.check(["user", "b", n], null);
    return "written";
  });
  const last = task("last", (_ctx, before) => before);
  const q = await processes.start({ definitions: [writes, last] });
  const { workflow: { id } } = await q.queue.submitWorkflow(
    chain(call("writes"), group([call("last"), call("last")])),
  );
  await q.clock.advance(5000);
  assert.deepEqual((await q.queue.workflow(id)).result, ["written", "written"]);
  const [entry] = await processes.store.getMany([["user", "a"]]);
  assert.equal(entry?.value, 1);
});

Deno.test("a process that dies between a task's end and the release of the next: another releases it", async () => {
  const { processes, held, one, other, submitter } = await two();
  await using _ = processes;
  // What one has not written itself it has to read.
  const { workflow } = await submitter.queue.submitWorkflow(chain(call("held"), call("body")));
  await one.clock.advance(2500);
  const look = one.faulty.onRead("held", asks("waiting"));
  held.runs[0]!.finish(1);
  await look.hit;
  await other.clock.advance(LOOKS);
  assert.deepEqual((await other.queue.workflow(workflow.id)).result, [1]);
  await look.land();
  await one.clock.settle();
  assert.equal(starts([one, other], "body"), 1);
});

for (const kind of ["fail", "close"] as const) {
  Deno.test(`a process that dies with a '${kind}' owed: another ends the rest`, async () => {
    const { processes, held, one, other } = await two();
    await using _ = processes;
    const node = chord([call("held"), { name: "body", args: [], delay: 60 }, call("held")], call("body"));
    const { workflow } = await one.queue.submitWorkflow(node);
    await one.clock.settle();
    const next = one.faulty.onCommit("held", kind === "fail" ? cascades("close") : sets("ended"));
    if (kind === "close") {
      // The member's own end is let through.
      const closing = one.faulty.onCommit("held", sets("group"));
      next.hit.catch(() => {});
      held.runs[0]!.fail(new Error("boom"));
      await next.hit;
      await next.land();
      await closing.hit;
      const ending = one.faulty.onCommit("held", sets("ended"));
      await closing.land();
      await ending.hit;
      await other.clock.advance(LOOKS);
      assert.equal((await other.queue.workflow(workflow.id)).state, "FAILURE");
      await ending.land();
    } else {
      held.runs[0]!.fail(new Error("boom"));
      await next.hit;
      await other.clock.advance(LOOKS);
      assert.equal((await other.queue.workflow(workflow.id)).state, "FAILURE");
      await next.land();
    }
    await one.clock.settle();
    const states = (await other.queue.list()).tasks.map(({ state }) => state).toReversed();
    assert.deepEqual(states, ["FAILURE", "REVOKED", "STARTED", "FAILURE"]);
    held.runs[1]!.finish();
    await one.clock.settle();
    assert.deepEqual(await stored(processes.store), { task: 4, ended: 3, group: 1, workflow: 1 });
  });
}

Deno.test("a member fails while the last other ends: the body fails, it does not start", async () => {
  const { processes, held, one, other } = await two(1);
  await using _ = processes;
  const workflow = await spread(one, other, chord([call("held"), call("held")], call("body")));
  assert.equal(held.runs.length, 2);
  one.faulty.beforeCommit(deletes("run"), async () => {
    held.runs[1]!.finish();
    await other.clock.settle();
  });
  held.runs[0]!.fail(new Error("boom"));
  await one.clock.settle();
  await one.clock.advance(LOOKS);
  const { state, error } = await one.queue.workflow(workflow.id);
  assert.deepEqual([state, error?.type], ["FAILURE", "ChordError"]);
  assert.equal(starts([one, other], "body"), 0);
});

Deno.test("two members fail at once in two processes: one error, and nothing is left", async () => {
  const { processes, held, one, other } = await two(1);
  await using _ = processes;
  const workflow = await spread(one, other, chord([call("held"), call("held")], call("body")));
  one.faulty.beforeCommit(cascades("close"), async () => {
    held.runs[1]!.fail(new Error("bang"));
    await other.clock.settle();
  });
  held.runs[0]!.fail(new Error("boom"));
  await one.clock.advance(LOOKS);
  const { error, failed } = await one.queue.workflow(workflow.id);
  assert.match(error!.message, /bang/);
  assert.equal(failed, 3);
  assert.deepEqual(await stored(processes.store), { task: 3, ended: 3, group: 1, workflow: 1 });
});

Deno.test("a group that is closed just before it fires stays closed", async () => {
  const { processes, held, one, other } = await two(1);
  await using _ = processes;
  await spread(one, other, group([group([call("held")]), call("held")]));
  one.faulty.beforeCommit(sets("group"), async () => {
    held.runs[1]!.fail(new Error("boom"));
    await other.clock.settle();
  });
  held.runs[0]!.finish();
  await one.clock.advance(LOOKS);
  const states = (await rowsOf(processes.store, "group")).map(({ value }) => value.state);
  assert.deepEqual(states, ["closed", "closed"]);
});

Deno.test("a member whose worker is lost runs again, and the body starts once", async () => {
  const { processes, held, one, other } = await two(1);
  await using _ = processes;
  const workflow = await spread(one, other, chord([call("held"), call("held")], call("body")));
  held.runs[1]!.finish("other");
  await other.clock.settle();
  await other.clock.advance(LOST_AFTER + LOOKS);
  assert.equal(held.runs.length, 3);
  held.runs[2]!.finish("again");
  await other.clock.advance(LOOKS);
  const { result } = await other.queue.workflow(workflow.id);
  assert.deepEqual((result as unknown[][])[0]!.toSorted(), ["again", "other"]);
  held.runs[0]!.finish("too late");
  await one.clock.advance(LOOKS);
  assert.equal(starts([one, other], "body"), 1);
});

Deno.test("a retry of a member is no end: the body waits for it", async () => {
  const processes = new Processes();
  await using _ = processes;
  let tries = 0;
  const flaky = task("flaky", () => {
    if (++tries < 3) throw new Error("not yet");
    return tries;
  }, { maxRetries: 2, retry: { delay: 10, factor: 1 } });
  const body = task("body", (_ctx, ...args) => args);
  const one = await processes.start({ definitions: [flaky, body] });
  const { workflow } = await one.queue.submitWorkflow(chord([call("flaky"), call("body")], call("body")));
  await one.clock.advance(15_000);
  assert.equal((await one.queue.workflow(workflow.id)).finished, 1);
  await one.clock.advance(10_000);
  assert.deepEqual((await one.queue.workflow(workflow.id)).result, [[3, []]]);
});

/** A workflow at each of its stages, and the runs that are open then. */
const STAGES: [name: string, ends: number][] = [["first", 0], ["header", 1], ["half header", 2], ["last", 3]];

for (const [stage, ends] of STAGES) {
  Deno.test(`revoke of a workflow whose ${stage} runs: all ends REVOKED, nothing starts after it`, async () => {
    const { processes, held, one, other } = await two();
    await using _ = processes;
    const header = [call("held"), chain(call("held"), call("body")), group([call("held")])];
    const { workflow: { id } } = await one.queue.submitWorkflow(
      chain(call("held"), chord(header, call("held"))),
    );
    await one.clock.settle();
    for (let n = 0; n < ends; n++) {
      for (const run of held.runs.slice(n === 2 ? 2 : n, n === 0 ? 1 : n === 1 ? 2 : undefined)) run.finish();
      await one.clock.settle();
    }
    const before = starts([one, other], "held") + starts([one, other], "body");
    const revoked = await other.queue.revokeWorkflow(id);
    assert.equal(revoked.finished < revoked.total, true, "runs of the other process are being aborted");
    await one.clock.advance(LOOKS);
    await other.clock.advance(LOOKS);
    const { state, finished, total } = await other.queue.workflow(id);
    assert.deepEqual([state, finished], ["REVOKED", total]);
    assert.equal(starts([one, other], "held") + starts([one, other], "body"), before);
    await assert.rejects(other.queue.revokeWorkflow(id), { code: "workflow-final" });
    const { task: _task, ended: _ended, ...rest } = await stored(processes.store);
    assert.deepEqual(rest, { group: 2, workflow: 1 });
  });
}

Deno.test("a revoke that its process does not live to finish is finished by another", async () => {
  const { processes, one, other } = await two();
  await using _ = processes;
  const late = { name: "held", args: [], delay: 60 } as WorkflowNode;
  const { workflow: { id } } = await one.queue.submitWorkflow(chord([late, late], call("body")));
  const dying = one.faulty.onCommit("held", sets("group"));
  const revoking = one.queue.revokeWorkflow(id);
  revoking.catch(() => {});
  await dying.hit;
  await other.clock.advance(LOOKS);
  assert.equal((await other.queue.workflow(id)).state, "REVOKED");
  await dying.land();
  await one.clock.settle();
  await revoking;
});

Deno.test("a stopping process leaves what it owes to the others", async () => {
  const { processes, held, one, other } = await two();
  await using _ = processes;
  const { workflow } = await one.queue.submitWorkflow(chain(call("held"), call("body")));
  await one.clock.settle();
  one.faulty.beforeCommit(deletes("run"), () => {
    one.queue.stop(10);
    return Promise.resolve();
  });
  held.runs[0]!.finish(1);
  await one.clock.advance(10_000);
  await other.clock.advance(LOOKS);
  assert.deepEqual((await other.queue.workflow(workflow.id)).result, [1]);
});

Deno.test("a task that expires as it is released to a later time ends when it has expired", async () => {
  await using processes = new Processes();
  const held = heldTask("held");
  const q = await processes.start({ definitions: [held.definition] });
  const follower = { name: "held", args: [], delay: 10, expires: 20 };
  const { workflow: { id } } = await q.queue.submitWorkflow(chain({ name: "held", args: [] }, follower));
  await q.clock.advance(19_000);
  const looking = q.faulty.onRead("held", asks("waiting"));
  await q.clock.advance(1000);
  assert(looking.met);
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.equal((await rowsOf(processes.store, "delayed")).length, 1);
  await looking.land();
  await q.clock.advance(5000);
  assert.equal((await q.queue.workflow(id)).state, "REVOKED");
});

Deno.test("work that a crash has left does not wait behind all open groups", async () => {
  await using processes = new Processes({ limits: { listBatch: 20 } });
  const held = heldTask("held");
  const q = await processes.start({ definitions: [held.definition] });
  const submitter = await processes.start({ definitions: [held.definition], channels: {} });
  for (let n = 0; n < 100; n++) {
    await submitter.queue.submitWorkflow(group([{ name: "held", args: [], delay: 86_400 }]));
  }
  await submitter.queue.submitWorkflow(chain(call("held"), call("held")));
  await q.clock.advance(10_000);
  q.faulty.onRead("failed", asks("waiting"));
  held.runs[0]!.finish();
  await q.clock.settle();
  assert.equal(held.runs.length, 1);
  await q.clock.advance(LOOKS);
  assert.equal(held.runs.length, 2);
  held.runs[1]!.finish();
  await q.clock.settle();
});
