/**
 * Sluice, each time without one of the things by which it stands the platform: what the simulator must be able to see.
 *
 * @module
 */
import { sleep, type Store } from "../../queue/mod.ts";
import { COMMIT_DEADLINE } from "../../queue/commit/lane.ts";
import { type Deployment, type Machine, type Program, sluice } from "./program.ts";

/** Over a store that does not check rows of these families. */
function unchecked(...families: string[]): Deployment {
  return over(({ store }) => ({
    ...store,
    commit: (checks, mutations) =>
      store.commit(checks.filter(({ key }) => !families.includes(String(key[1]))), mutations),
  }));
}

function over(alter: (machine: Machine) => Store): Deployment {
  return (machine) => sluice({ ...machine, store: alter(machine) });
}

function changed(alter: (program: Program, machine: Machine) => Partial<Program>): Deployment {
  return async (machine) => {
    const program = await sluice(machine);
    return { ...program, ...alter(program, machine) };
  };
}

/** Two programs in one instance: one for requests, one for the rest. */
async function apart(
  machine: Machine,
  rest: (machine: Machine) => Promise<Program>,
): Promise<{ serving: Program; working: Program; program: Program }> {
  const [serving, working] = await Promise.all([sluice(machine, { channels: {} }), rest(machine)]);
  const stop = async () => void await Promise.all([serving.stop(), working.stop()]);
  return { serving, working, program: { fetch: serving.fetch, cron: working.cron, stop } };
}

/** Commits check no lane: what is repeated, or lands late, is done twice. */
export const lanes = unchecked("lane");

/** Who removes a pointer does not check it: two take one task. */
export const checkedRemoval = unchecked("ready", "delayed", "blocked", "waiting");

/** Who fires a schedule does not check it: two fire one occurrence. */
export const checkedSchedules = unchecked("schedule");

/** Commits hold as many checks as a local file takes. */
export const limits = over(({ store }) => ({ ...store, limits: { ...store.limits, checks: 100 } }));

/** A commit without an answer is sent again, whatever the lane tells of it. */
export const unknownOutcomes = over(({ store, clock }) => ({
  ...store,
  async commit(checks, mutations) {
    const answer = await Promise.race([
      store.commit(checks, mutations),
      sleep(clock, COMMIT_DEADLINE / 2).then(() => "none"),
    ]);
    if (answer !== null && answer !== "none") return answer;
    const lane = checks.find(({ key }) => key[1] === "lane");
    const [row] = lane ? await store.getMany([lane.key]) : [];
    if (!row || row.versionstamp === lane!.versionstamp) return null;
    return await store.commit(checks.map((check) => check === lane ? row : check), mutations);
  },
}));

/** The cron does nothing. */
export const tick = changed(() => ({ cron: () => Promise.resolve() }));

/** The cron does what is due, and does not stay. */
export const staying: Deployment = (machine) => sluice(machine, { tick: 2 });

/** SIGINT is not heard. */
export const givingBack = changed(() => ({ stop: () => new Promise(() => {}) }));

/** Nothing is drained after a submit: tasks wait for the cron. */
export const drain: Deployment = async (machine) => (await apart(machine, sluice)).program;

/** A client that waits is answered by looking why the task does not run, which has nothing run here. */
export const workingWaits = changed(({ fetch }, { clock }) => ({
  async fetch(request) {
    const wait = Number(/wait=(\d+)/.exec(request.headers.get("prefer") ?? "")?.[1] ?? 0);
    request.headers.delete("prefer");
    let response = await fetch(request);
    const location = response.headers.get("location");
    for (let left = wait; left > 0 && location && response.ok; left--) {
      await sleep(clock, 1000);
      const look = await fetch(new Request(new URL(`${location}/explain`, request.url)));
      if (!["SUCCESS", "FAILURE", "REVOKED"].includes((await look.json()).state)) continue;
      response = await fetch(new Request(new URL(location, request.url)));
      break;
    }
    return response;
  },
}));

/** A repeated request is a new one. */
export const replay = changed(({ fetch }) => ({
  fetch(request) {
    request.headers.delete("idempotency-key");
    return fetch(request);
  },
}));

/** After a submit a message of the database's own queue has the task run. */
export const ownWakeUps: Deployment = async (machine) => {
  const { working, program } = await apart(
    machine,
    ({ store, ...rest }) => sluice({ ...rest, store: { ...store, doorbell: null } }, { tick: 3 }),
  );
  machine.store.doorbell?.listen(["default"], () => void working.cron());
  return program;
};
