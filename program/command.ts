/**
 * The command line: `start`, `worker`, `doctor`, `backup`, `restore`.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** The commands, and what may follow each. */
const COMMANDS = {
  start: { usage: "deno task start [--channels <list>]", options: ["channels"], takesFile: false },
  worker: { usage: "deno task worker [--channels <list>]", options: ["channels"], takesFile: false },
  doctor: { usage: "deno task doctor [--repair] [--json]", options: ["repair", "json"], takesFile: false },
  backup: { usage: "deno task backup <file>", options: [], takesFile: true },
  restore: { usage: "deno task restore <file> [--force]", options: ["force"], takesFile: true },
} satisfies Record<string, { usage: string; options: string[]; takesFile: boolean }>;

type CommandName = keyof typeof COMMANDS;

/** A command line that was understood. */
export interface Command {
  readonly name: CommandName;
  /** How the command is called. */
  readonly usage: string;
  /** Whether only the usage was asked for. */
  readonly help: boolean;
  /** The file of `backup` and `restore`. */
  readonly file: string;
  /** Replaces the setting CHANNELS. */
  readonly channels: string | undefined;
  readonly repair: boolean;
  readonly json: boolean;
  readonly force: boolean;
}

/** A command line that is not understood. */
export class UsageError extends Error {
  constructor(message: string, usage: string) {
    super(`${message}. Usage: ${usage}`);
    this.name = "UsageError";
  }
}

/**
 * Reads a command line.
 *
 * @param args `Deno.args`; without any it is `start`
 * @throws {UsageError} naming what is not understood
 */
export function readCommand(args: readonly string[]): Command {
  const { positionals: [name = "start", ...words], tokens, values } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { channels: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (!isCommand(name)) {
    throw new UsageError(
      `There is no command '${name}'`,
      Object.values(COMMANDS).map((c) => c.usage).join(", "),
    );
  }
  const { usage, options, takesFile } = COMMANDS[name];
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    if (![...options, "help"].includes(token.name)) {
      throw new UsageError(`There is no option '${token.rawName}'`, usage);
    }
    if ((token.name === "channels") !== Boolean(token.value)) {
      throw new UsageError(
        `Option '${token.rawName}' ${token.value ? "takes no value" : "needs a value"}`,
        usage,
      );
    }
  }
  const help = values.help === true;
  if (takesFile && words.length === 0 && !help) throw new UsageError("A file must be named", usage);
  if (words.length > (takesFile ? 1 : 0)) {
    throw new UsageError(`'${words.at(-1)}' is one word too many`, usage);
  }
  return {
    name,
    usage,
    help,
    file: words[0] ?? "",
    channels: values.channels as string | undefined,
    repair: values.repair === true,
    json: values.json === true,
    force: values.force === true,
  };
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
