/**
 * Sluice as a program: a command line and an environment decide what it does with the tasks that it is given.
 * This folder imports `queue/mod.ts`, `routes/mod.ts` and `tasks/mod.ts`; it registers no cron and reads no environment,
 * which is for the module that a process begins with (`main.ts`).
 *
 * @module
 */
import { StoreUnavailableError } from "../queue/mod.ts";
import { isOnDeploy, likelySlips, parseSettings, SETTINGS, type Settings } from "../routes/mod.ts";
import { helpOf, readCommand } from "./command.ts";
import { backUp, examine, restoreFrom } from "./commands.ts";
import { explain, report, tell } from "./explain.ts";
import { type ProgramTasks, serve, type Serving } from "./serve.ts";

export { demonstration } from "./demonstration.ts";
export type { ProgramTasks };
export { report };

/** Options of {@link createProgram}. */
interface ProgramOptions {
  /** The command line: `Deno.args`. */
  readonly args: readonly string[];
  /** The environment: `Deno.env.toObject()`. */
  readonly env: Readonly<Record<string, string>>;
  /** The tasks, made when the settings are known: {@link demonstration}. */
  readonly tasks: (settings: Settings) => Promise<ProgramTasks>;
}

/** A program that has not begun. */
export interface Program {
  /**
   * Does what the command line says: `start` and `worker` go on until a signal, the other commands end the process. Exit
   * code 1 says that the program could not do it; from `doctor`, 1 says that something stored is broken, and 2 that the
   * database could not be examined.
   */
  run(): Promise<void>;
  /**
   * The minute's tick: submits what schedules owe. Waits until the program serves.
   *
   * @param seconds how long it may work, on Deno Deploy
   */
  tick(seconds: number): Promise<void>;
}

/** Makes a program. */
export function createProgram({ args, env, tasks }: ProgramOptions): Program {
  const onDeploy = isOnDeploy(env);
  /** `null`: this program cannot serve before it is set up. */
  const serving = Promise.withResolvers<Serving | null>();

  async function obey(): Promise<void> {
    const command = readCommand(args, Object.keys(SETTINGS));
    const { name, help, channels } = command;
    if (help) {
      tell(helpOf(name));
      Deno.exit(0);
    }
    for (const slip of likelySlips(env)) report(slip);
    const settings = parseSettings({ ...env, ...(channels && { CHANNELS: channels }) });
    switch (name) {
      case "doctor":
        return Deno.exit(await examine(settings, command, async () => (await tasks(settings)).definitions));
      case "backup":
        return Deno.exit(await backUp(settings, command));
      case "restore":
        return Deno.exit(await restoreFrom(settings, command));
    }
    serving.resolve(
      await serve({
        settings,
        http: name === "start",
        onDeploy,
        timeline: env.DENO_TIMELINE,
        tasks: () => tasks(settings),
      }),
    );
  }

  return {
    async run() {
      try {
        await obey();
      } catch (error) {
        report(error);
        Deno.exit(args[0] === "doctor" ? 2 : 1);
      }
    },
    async tick(seconds) {
      const { queue, log } = await serving.promise ?? {};
      // On Deno Deploy an instance comes and goes with its requests, and the minute's tick is one: it does the work.
      await queue?.tick(onDeploy ? { seconds } : {}).catch((error) => {
        // The log has a line about the outage already.
        if (!(error instanceof StoreUnavailableError)) {
          log?.write("error", "the minute's tick failed", { error: explain(error) });
        }
      });
    },
  };
}
