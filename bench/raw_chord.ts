/**
 * The ceiling of a chord: its rows, written by bare `Deno.Kv` commits, as few as can hold them, with nothing around them.
 *
 * @module
 */
import { encode, LOCAL_LIMITS } from "./inside.ts";
import { CHANNEL, ended, idAt, keys, landed, PRIORITY, rows, waiting } from "./ceiling.ts";

const { mutations: MOST, checks: MOST_CHECKS } = LOCAL_LIMITS;

const none = encode({});
const open = encode({ root: waiting.id, size: 1000, last: waiting.id, state: "open", followed: true });

/**
 * Takes one chord all the way: of its members as many begin at once as there are slots, the others are claimed as those
 * end; then its body.
 *
 * @param n of the chords in this database, from 0
 */
export async function rawChord(kv: Deno.Kv, n: number, members: number, slots: number): Promise<void> {
  const [group, body, ...ids] = Array.from(
    { length: members + 2 },
    (_, i) => idAt(n * (members + 2) + i),
  ) as [
    string,
    string,
    ...string[],
  ];
  const workflow = { root: ids[0]!, group };
  const record = encode({ ...waiting, workflow });
  const final = encode({ ...ended, workflow });

  const head = kv.atomic().set(keys.task(body), record).set(keys.waiting(group, body), rows.pointer);
  head.set(keys.group(group), open).set(keys.cascade("join", group), none).set(
    keys.workflow(workflow.root),
    open,
  );
  await Promise.all([
    landed(head),
    ...parts(ids, MOST / 2).map((part) => {
      const op = kv.atomic();
      for (const id of part) op.set(keys.task(id), record).set(keys.open(group, id), none);
      return landed(op);
    }),
  ]);

  const first = ids.slice(0, slots);
  const later = ids.slice(slots);
  const start = kv.atomic();
  for (const id of first) start.set(keys.run(id), rows.run);
  for (const id of later) start.set(keys.ready(CHANNEL, PRIORITY, id), rows.pointer);
  const versionstamp = await landed(start);

  // Who ends makes room for the next: one commit for both.
  const rounds = [first, ...parts(later, MOST_CHECKS)];
  await Promise.all(rounds.map((ending, i) => {
    const op = kv.atomic();
    for (const id of ending) op.set(keys.task(id), final).delete(keys.run(id)).delete(keys.open(group, id));
    for (const id of rounds[i + 1] ?? []) {
      const key = keys.ready(CHANNEL, PRIORITY, id);
      op.check({ key, versionstamp }).delete(key).set(keys.run(id), rows.run);
    }
    return landed(op);
  }));

  const fire = kv.atomic().set(keys.group(group), open).delete(keys.cascade("join", group));
  await landed(fire.delete(keys.waiting(group, body)).set(keys.run(body), rows.run));
  await landed(kv.atomic().set(keys.task(body), final).delete(keys.run(body)));
}

/** Neighbours together, at most so many. */
function parts(ids: readonly string[], most: number): string[][] {
  return Array.from(
    { length: Math.ceil(ids.length / most) },
    (_, i) => ids.slice(i * most, (i + 1) * most),
  );
}
