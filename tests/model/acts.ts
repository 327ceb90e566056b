/**
 * The act of each step of the model.
 *
 * @module
 */
import type { Model } from "./model.ts";
import type { Step, Trouble } from "./steps.ts";

/** Clients, handlers and people act. What they ask for is answered some time later. */
export async function act(model: Model, step: Exclude<Step, Trouble>): Promise<void> {
  const { world: { ledger }, reference } = model;
  switch (step.do) {
    case "end": {
      const runs = reference.untold(model.runs);
      if (runs.length > 0) reference.tell(runs[step.run % runs.length]!, step.how);
      return;
    }
    case "progress":
      return model.runs[step.run % (model.runs.length || 1)]?.ctx.progress(step.run);
    case "advance":
      return await model.time.advance(step.by);
  }
  const process = model.at(step.at);
  const { queue, machine } = process;
  const ask = (answer: Promise<unknown>) => model.ask(process, answer);
  switch (step.do) {
    case "submit": {
      const { calls } = step;
      const key = { scope: "s", key: `${step.key}`, fingerprint: JSON.stringify(calls) };
      return ask(ledger.submit(queue, calls, step.key === null ? undefined : key));
    }
    case "workflow":
      return ask(ledger.submitWorkflow(queue, step.node));
    case "redrive": {
      const id = [...ledger.acknowledged][step.task];
      return id === undefined ? undefined : ask(queue.redrive(id));
    }
    case "redrive-all":
      return ask(queue.redriveAll());
    case "revoke": {
      const id = [...ledger.acknowledged][step.task];
      if (id === undefined) return;
      reference.revoked.add(id);
      return ask(queue.revoke(id));
    }
    case "revoke-workflow": {
      const id = [...ledger.workflows][step.workflow];
      if (id === undefined) return;
      reference.revoked.add(id);
      return ask(queue.revokeWorkflow(id));
    }
    case "schedule": {
      const { name, interval, catchUp } = step;
      const id = `s${model.schedules++}`;
      const endAt = machine.clock.now() + 40_000;
      const schedule = {
        id,
        task: { name, args: [1] },
        trigger: { interval },
        catchUp,
        misfireGrace: 1,
        endAt,
      };
      return ask(queue.schedules.create(schedule));
    }
    case "run-schedule": {
      const key = step.key ? { scope: "run", key: "k", fingerprint: "f" } : undefined;
      return ask(queue.schedules.run("s0", key));
    }
    case "pause-schedule":
      model.paused.add("s0");
      return ask(step.paused ? queue.schedules.pause("s0") : queue.schedules.resume("s0"));
    case "channel": {
      const { channel, change } = step;
      if (change !== "purge") return ask(queue.changeChannel(channel, change));
      reference.purged.add(channel);
      return ask(queue.purge(channel));
    }
    case "restart":
      if (!machine.isUp) return;
      await model.stop(process);
      model.replace(process);
  }
}

/** Something goes wrong. */
export async function cause(model: Model, step: Trouble): Promise<void> {
  if (step.do === "land") {
    const met = model.traps.filter(({ met }) => met);
    return void await met[step.which % met.length]?.land().catch(() => {});
  }
  const process = model.at(step.at);
  const { machine } = process;
  const way = model.ways.get(process)!;
  switch (step.do) {
    case "kill":
      return machine.appoint({ ...step, act: () => model.kill(process) });
    case "suspend":
      return machine.appoint({ ...step, act: () => machine.suspend() });
    case "resume":
      return machine.resume(step.slept);
    case "jump":
      return machine.jump(step.by);
    case "fault": {
      let { skip } = step;
      return void model.traps.push(way.onCommit(step.fault, () => skip-- === 0));
    }
    case "read-fault": {
      let { skip } = step;
      return void model.traps.push(way.onRead(step.fault, () => skip-- === 0));
    }
  }
}
