/**
 * The command line: `start`, `worker`, `doctor`, `backup`, `restore`.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** How a command is called, what it does, what its options do, and whether a file must be named. */
interface CommandForm {
  readonly usage: string;
  readonly about: string;
  readonly options: Readonly<Record<string, string>>;
  readonly takesFile: boolean;
}

const CHANNELS =
  "which channels to execute, with their slots: celery=16,default=4; instead of the setting CHANNELS";

/** The commands, and what may follow each. */
const COMMANDS = {
  start: {
    usage: "deno task start [--channels <list>]",
    about: "Serves HTTP and executes tasks, until a signal.",
    options: { channels: CHANNELS },
    takesFile: false,
  },
  worker: {
    usage: "deno task worker [--channels <list>]",
    about: "Executes tasks without serving HTTP, until a signal.",
    options: { channels: CHANNELS },
    takesFile: false,
  },
  doctor: {
    usage: "deno task doctor [--repair] [--json]",
    about:
      "Examines what is stored: exit code 0 when all is well, 1 when something is broken, 2 when it cannot tell.",
    options: { repair: "mend what is broken", json: "print the findings as JSON" },
    takesFile: false,
  },
  backup: {
    usage: "deno task backup <file>",
    about: "Copies the database of KV_PATH into a new file, while others work with it.",
    options: {},
    takesFile: true,
  },
  restore: {
    usage: "deno task restore <file> [--force]",
    about: "Puts the rows of a backup into the database of KV_PATH.",
    options: { force: "replace what the database holds" },
    takesFile: true,
  },
} satisfies Record<string, CommandForm>;

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
 * @param settings names of settings, which a person may take for options
 * @throws {UsageError} naming what is not understood
 */
export function readCommand(args: readonly string[], settings: readonly string[]): Command {
  const { positionals: [name = "start", ...words], tokens, values } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: { channels: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  const { usage, options, takesFile } = isCommand(name) ? COMMANDS[name] : ANY_COMMAND;
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    if (token.name !== "help" && !Object.hasOwn(options, token.name)) {
      throw new UsageError(`There is no option '${token.rawName}'${instead(token.name, settings)}`, usage);
    }
    if ((token.name === "channels") !== Boolean(token.value)) {
      throw new UsageError(
        `Option '${token.rawName}' ${token.value ? "takes no value" : "needs a value"}`,
        usage,
      );
    }
  }
  // An option comes before the command: in "--port 9" the fault is not the word 9.
  if (!isCommand(name)) throw new UsageError(`There is no command '${name}'`, usage);
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

/** The text that `--help` prints about a command. */
export function helpOf(name: CommandName): string {
  const { usage, about, options }: CommandForm = COMMANDS[name];
  const meanings = Object.entries(options).map(([option, meaning]) => `  --${option.padEnd(8)}  ${meaning}`);
  return [
    `Usage: ${usage}`,
    "",
    about,
    ...meanings.length > 0 ? ["", ...meanings] : [],
    "",
    "Settings, such as PORT and KV_PATH, come from the environment and from .env: .env.example lists them all.",
  ].join("\n");
}

/** The form that a command line without a known command is checked against. */
const ANY_COMMAND: CommandForm = {
  usage: Object.values(COMMANDS).map(({ usage }) => usage).join(", "),
  about: "",
  options: Object.assign({}, ...Object.values(COMMANDS).map(({ options }) => options)),
  takesFile: false,
};

/** Names the setting that a wrong option was taken for. */
function instead(option: string, settings: readonly string[]): string {
  const setting = option.replaceAll("-", "_").toUpperCase();
  return settings.includes(setting) ? `: set ${setting} in the environment or in .env` : "";
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}
