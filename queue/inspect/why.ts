/**
 * Explains why a task is parked, and why nothing of a channel is claimed: limits, an unknown name, a pause, a purge.
 *
 * @module
 */
import type { Reading } from "../task/read.ts";
import type { Base } from "../engine.ts";
import type { Limits } from "../limits/limits.ts";
import { type Reason, span } from "./reasons.ts";
import type { ChannelRow, RateRow, SlotsRow, TaskRecord } from "../rows/record.ts";
import { decodeEntry } from "../rows/codec.ts";
import { scopeOf, whatBlocks } from "../rows/keys.ts";
import type { Entry } from "../store/port.ts";
import { channelRateName, nameRateName } from "../limits/admission.ts";
import { limitOf, standsOf } from "../task/concurrency.ts";
import { parseRate, passableAt, type Rate } from "../ground/rate.ts";

/** Most holders of a concurrency key that are named. */
const HOLDERS = 5;

/** Why a task is parked. */
export async function whyParked(
  engine: Base & { readonly limits: Limits },
  { name, channel }: TaskRecord,
  { key }: Entry,
): Promise<Reason[]> {
  const { store, keys, definitions, limits } = engine;
  const by = whatBlocks(scopeOf(key));
  if (by.kind === "name") {
    const message =
      `It waits for a process that knows the task name '${name}' and executes channel '${channel}'`;
    return [{ code: "unknown-name", message }];
  }
  if (by.kind === "rate") {
    return [
      await whyLimited(engine, `task '${by.name}'`, limits.rateOf(by.name) ?? null, nameRateName(by.name)),
    ];
  }
  const [row] = await store.getMany([keys.slots(by.name)]);
  const { running } = await standsOf(engine, decodeEntry<SlotsRow>(row)?.tasks ?? []);
  const definition = definitions.get(name);
  const most = definition ? `, of which at most ${limitOf(definition)} run at a time` : "";
  const holders = running.slice(0, HOLDERS).map(([id]) => id).join(", ");
  const held = running.length === 0 ? "is about to be free" : `is taken by ${running.length}: ${holders}`;
  return [{
    code: "concurrency-key",
    message: `It waits for the concurrency key '${by.name}'${most}; it ${held}`,
  }];
}

/** The reason for a wait on a rate limit, and when the limit lets the next task run. */
async function whyLimited(
  { store, keys, clock }: Reading,
  whose: string,
  rate: Rate | null,
  row: string,
): Promise<Reason> {
  const code = "rate-limited";
  if (!rate) return { code, message: `It waits for the rate limit of ${whose}` };
  const [entry] = await store.getMany([keys.rate(row)]);
  const wait = passableAt(rate, decodeEntry<RateRow>(entry), clock.now()) - clock.now();
  return {
    code,
    message: `The rate limit of ${whose}, ${rate.text}, lets the next one run in ${span(wait)}`,
  };
}

/** Why nothing of a channel is claimed now. */
export async function whyHeldBack(engine: Reading, channel: string): Promise<Reason[]> {
  const { store, keys } = engine;
  const reasons: Reason[] = [];
  const [set] = await store.getMany([keys.channel(channel)]);
  const { paused, purging, rateLimit, burst } = decodeEntry<ChannelRow>(set) ?? {};
  if (purging !== undefined) {
    reasons.push({ code: "paused", message: `Channel '${channel}' is being purged` });
  } else if (paused) reasons.push({ code: "paused", message: `Channel '${channel}' is paused` });
  const rate = parseRate(rateLimit, burst);
  if (rate) reasons.push(await whyLimited(engine, `channel '${channel}'`, rate, channelRateName(channel)));
  return reasons;
}
