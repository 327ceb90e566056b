/**
 * The settings: name, meaning, default and form of each in one place, read from a plain record of texts.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { nearest } from "../../queue/mod.ts";

/** One setting. The default is a text, as it would stand in the environment; `null`: none. */
interface Setting<Value> {
  readonly meaning: string;
  readonly default: string | null;
  /** The default on Deno Deploy, when it is another there. */
  readonly onDeploy?: string | undefined;
  /** The values that are allowed, for the error message. */
  readonly must: string;
  readonly form: z.ZodType<Value, string>;
}

function setting<Value>(
  meaning: string,
  standard: string | null,
  must: string,
  form: z.ZodType<Value, string>,
  onDeploy?: string,
): Setting<Value> {
  return { meaning, default: standard, onDeploy, must, form };
}

/** A channel, which is also a path's segment, and its slots. */
const CHANNEL = /^(?!\.{1,2}=)([\w.-]{1,100})=(\d{1,4})$/;

const text = z.string();

function number(least: number, most: number) {
  return z.string().regex(/^\d+(\.\d+)?$/).transform(Number).pipe(z.number().min(least).max(most));
}

/** One of several words, each with its value. */
function words<const Word extends string, Value>(values: Readonly<Record<Word, Value>>) {
  return z.string().refine((word) => Object.hasOwn(values, word)).transform((word) => values[word as Word]);
}

/** A word that stands for itself. */
function word<const Word extends string>(...allowed: Word[]) {
  return z.string().refine((given) => allowed.includes(given as Word)).transform((given) => given as Word);
}

const channels = z.string().transform((list, context) => {
  const slots: Record<string, number> = {};
  if (list === "none") return slots;
  for (const item of list.split(",")) {
    const [, name, count] = CHANNEL.exec(item.trim()) ?? [];
    if (name === undefined || Number(count) < 1 || Object.hasOwn(slots, name)) context.addIssue("");
    else slots[name] = Number(count);
  }
  return slots;
});

const threads = z.string().transform((given, context) => {
  if (given === "auto") return "auto" as const;
  if (/^\d{1,3}$/.test(given)) return Number(given);
  context.addIssue("");
  return z.NEVER;
});

/** A list of texts of one form, separated by commas. */
const list = (form: RegExp) =>
  text.transform((given) => given.split(",")).pipe(z.array(z.string().regex(form)));

/** Every setting, in the order of `.env.example`. */
export const SETTINGS = {
  HOST: setting(
    "Address to listen on.",
    "127.0.0.1",
    "a host name or address",
    text.regex(/^[^\s/]+$/),
    "0.0.0.0",
  ),
  PORT: setting(
    "Port to listen on; 0 takes a free one.",
    "8000",
    "an integer from 0 to 65535",
    number(0, 65535).pipe(z.int()),
  ),
  NAMESPACE: setting(
    "First part of every key, so that several Sluices can share a database.",
    "sluice",
    "1 to 100 letters, digits, '_', '.' or '-'",
    text.regex(/^[\w.-]{1,100}$/),
  ),
  KV_PATH: setting(
    "Where tasks are kept: a file, ':memory:', or a KV server, whose token is DENO_KV_ACCESS_TOKEN.",
    "./data/sluice.kv",
    "a path, ':memory:', or an address that begins with http:// or https://",
    text.refine((path) => /^https?:\/\//.test(path) ? URL.canParse(path) : !/^\w{2,}:\/\//.test(path)),
  ),
  CHANNELS: setting(
    "Channels that this process executes, and how many tasks of each at once; 'none' serves HTTP only.",
    "celery=16,high_priority=4,default=4,low_priority=4,scheduled=4,ml_service=1,email_service=1,test-queue=1",
    "'none', or a list like celery=16,high_priority=4 with 1 to 9999 slots each",
    channels,
  ),
  POOL: setting(
    "Whether as many tasks run at once as the channels have slots, or one in the whole process, for debugging.",
    "slots",
    "slots or solo",
    word("slots", "solo"),
  ),
  THREADS: setting(
    "Threads at most for tasks that compute; 'auto' is one per core, 0 runs them on the event loop.",
    "auto",
    "'auto' or an integer from 0 to 999",
    threads,
    "1",
  ),
  RESULT_TTL: setting(
    "Seconds that an ended task is kept.",
    "86400",
    "seconds from 1 to 315360000",
    number(1, 315360000),
  ),
  IDEMPOTENCY_TTL: setting(
    "Seconds that an Idempotency-Key is kept.",
    "3600",
    "seconds from 1 to 315360000",
    number(1, 315360000),
  ),
  SHUTDOWN_GRACE: setting(
    "Seconds that running tasks are given to end when the process stops.",
    "30",
    "seconds from 0 to 86400",
    number(0, 86400),
    "3.5",
  ),
  WORKER_LOST_AFTER: setting(
    "Seconds without a heartbeat after which a worker's tasks are given to others.",
    "15",
    "seconds from 5 to 86400",
    number(5, 86400),
  ),
  DEMO_TIME_SCALE: setting(
    "Factor on the demonstration tasks' durations; 0 does not wait at all.",
    "1",
    "a number from 0 to 1000",
    number(0, 1000),
  ),
  SPAM_MODEL: setting(
    "Model file of ml.detect_spam, made by 'deno task train'; without it the one that ships is used.",
    null,
    "a path that ends in .json",
    text.regex(/\.json$/),
  ),
  API_TOKEN: setting(
    "Bearer token of an admin. With it every route but /health* and /docs asks for a token: this one, or an API key's.",
    null,
    "16 to 500 visible ASCII characters",
    text.regex(/^[\x21-\x7e]{16,500}$/),
  ),
  TICK_TOKEN: setting(
    "Bearer token of POST /internal/tick, for a clock from outside; without it there is no such route.",
    null,
    "16 to 500 visible ASCII characters",
    text.regex(/^[\x21-\x7e]{16,500}$/),
  ),
  ALLOW_ANONYMOUS: setting(
    "Serve everybody who can reach it although no API_TOKEN is set.",
    "false",
    "true or false",
    words({ true: true, false: false }),
  ),
  ALLOWED_HOSTS: setting(
    "Names by which the server is called while no API_TOKEN is set, beside its addresses and localhost.",
    null,
    "a list of host names without ports, like sluice,sluice.example",
    list(/^[\w.-]{1,253}$/),
  ),
  CORS_ORIGINS: setting(
    "Origins whose pages may call /v1 with a bearer token; needs API_TOKEN.",
    null,
    "a list of origins like https://shop.example,http://localhost:5173",
    list(/^https?:\/\/[\w.-]+(:\d{1,5})?$/),
  ),
  DEMO: setting(
    "The demonstration routes and tasks.",
    "on",
    "on or off",
    words({ on: true, off: false }),
  ),
  SMTP_HOST: setting("Mail server of email.send.", null, "a host name or address", text.regex(/^[^\s/:]+$/)),
  SMTP_PORT: setting(
    "Port of the mail server: mostly 587 with starttls, 465 with tls.",
    "587",
    "an integer from 1 to 65535",
    number(1, 65535).pipe(z.int()),
  ),
  SMTP_SECURITY: setting(
    "How the connection is encrypted: tls from the first byte, starttls or not at all (none).",
    "starttls",
    "tls, starttls or none",
    word("tls", "starttls", "none"),
  ),
  SMTP_USER: setting("User at the mail server.", null, "a text of up to 500 characters", text.max(500)),
  SMTP_PASSWORD: setting("The user's password.", null, "a text of up to 500 characters", text.max(500)),
  SMTP_FROM: setting(
    "Sender of the messages.",
    null,
    "an address like app@example.org, or like Shop <app@example.org>",
    text.regex(/^(?:[^\s<>@]+@[^\s<>@]+|[^\p{Cc}<>@,;:"]{1,100} <[^\s<>@]+@[^\s<>@]+>)$/u),
  ),
  SMTP_TIMEOUT: setting(
    "Seconds until a mail server that does not answer is given up.",
    "10",
    "seconds from 1 to 60",
    number(1, 60),
  ),
  SMTP_CA_FILE: setting(
    "File of certificates (PEM) to trust at the mail server, instead of the usual ones.",
    null,
    "a path",
    text,
  ),
  LOG_LEVEL: setting(
    "Least level that is logged.",
    "info",
    "debug, info, warn or error",
    word("debug", "info", "warn", "error"),
  ),
  LOG_FORMAT: setting(
    "How log lines look; auto is text on a terminal and json elsewhere.",
    "auto",
    "json, text or auto",
    word("json", "text", "auto"),
  ),
} as const;

type Name = keyof typeof SETTINGS;

/** The settings with their values. */
export type Settings = {
  readonly [N in Name]: (typeof SETTINGS)[N] extends Setting<infer Value>
    ? (typeof SETTINGS)[N]["default"] extends null ? Value | null : Value
    : never;
};

/** The environment has settings that are not valid; the message lists every fault. */
export class SettingsError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`Settings are not valid:\n${faults.map((fault) => `  ${fault}`).join("\n")}`);
    this.name = "SettingsError";
  }
}

/** Settings whose values no message repeats. */
const SECRET: ReadonlySet<string> = new Set<Name>(["API_TOKEN", "TICK_TOKEN", "SMTP_PASSWORD"]);

/**
 * Reads the settings. An empty text counts as not set. Where `DENO_DEPLOY` is set, some have other defaults, and a program
 * that everybody can reach is not refused here: see {@link isOpenToAll}.
 *
 * @param env for example `Deno.env.toObject()`
 * @throws {SettingsError} listing every fault
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { parseSettings } from "@sluice/sluice/app";
 *
 * const settings = parseSettings({ PORT: "9000", CHANNELS: "celery=2" });
 * assert(settings.PORT === 9000 && settings.CHANNELS.celery === 2);
 * ```
 */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  const onDeploy = isOnDeploy(env);
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const given = env[name] || onDeploy && setting.onDeploy || setting.default;
    if (given === null) {
      values[name] = null;
      continue;
    }
    const parsed = setting.form.safeParse(given);
    if (parsed.success) values[name] = parsed.data;
    else faults.push(`${name} must be ${setting.must}: got ${SECRET.has(name) ? "another" : `'${given}'`}`);
  }
  const host = env.HOST || SETTINGS.HOST.default!;
  if (!onDeploy && !env.API_TOKEN && env.ALLOW_ANONYMOUS !== "true" && !isLoopback(host)) {
    faults.push(
      `HOST must be a loopback address unless API_TOKEN is set or ALLOW_ANONYMOUS=true: got '${host}'`,
    );
  }
  if (env.CORS_ORIGINS && !env.API_TOKEN) faults.push("CORS_ORIGINS must come with API_TOKEN");
  if (faults.length > 0) throw new SettingsError(faults);
  return values as Settings;
}

/**
 * Names of the environment that look like a slip of a setting that is not set, as sentences. They are no reason to refuse
 * the environment, because other programs' variables may look so.
 */
export function likelySlips(env: Readonly<Record<string, string | undefined>>): string[] {
  const unset = Object.keys(SETTINGS).filter((name) => !env[name]);
  return Object.keys(env).flatMap((name) => {
    if (name.length < SHORTEST_SLIP || Object.hasOwn(SETTINGS, name)) return [];
    const near = nearest(name, unset);
    return near === null ? [] : [`There is no setting '${name}': did you mean ${near}?`];
  });
}

/** Characters of the shortest name that is taken for a slip: shorter names are near to each other by chance. */
const SHORTEST_SLIP = 6;

/** Whether the program runs on Deno Deploy. */
export function isOnDeploy(env: Readonly<Record<string, string | undefined>>): boolean {
  return env.DENO_DEPLOY !== undefined;
}

/** Whether everybody could use the program, and no setting allows that: on Deno Deploy it must not serve then. */
export function isOpenToAll({ API_TOKEN, ALLOW_ANONYMOUS }: Settings): boolean {
  return API_TOKEN === null && !ALLOW_ANONYMOUS;
}

/** Whether a host is a loopback address, or a name of one. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** The text of `.env.example`: every setting with its meaning, what it must be and its default. */
export function envExample(): string {
  const entries = Object.entries<Setting<unknown>>(SETTINGS).map((
    [name, { meaning, must, default: value, onDeploy }],
  ) => {
    const there = onDeploy === undefined ? "" : `# Default on Deno Deploy: ${onDeploy}.\n`;
    return `# ${meaning}\n# Must be ${must}.\n${there}${
      value === null ? `# ${name}=` : `${name}=${value}`
    }\n`;
  });
  return `# Sluice's settings with their defaults; copy this file to .env.\n\n${entries.join("\n")}`;
}
