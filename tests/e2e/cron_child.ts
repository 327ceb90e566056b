/**
 * Deno.cron alone: says `tick` whenever the clock of `cron.ts` does, and `failed` for what a tick throws.
 *
 * @module
 */
import { registerCrons } from "../../cron.ts";

const say = (word: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${word}\n`));
let ticks = 0;
registerCrons(() => {
  say("tick");
  return ++ticks % 2 === 0 ? Promise.reject(new Error("once in a while")) : Promise.resolve();
}, () => say("failed"));
