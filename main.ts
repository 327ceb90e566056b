/**
 * The program: hands the command line, the environment and the demonstration tasks to `program/`, and registers its
 * clock. No other module imports it.
 *
 * ```text
 * main.ts [start]                          HTTP app and workers
 * main.ts worker [--channels celery=16]    workers only
 * main.ts doctor [--repair] [--json]       examines what is stored
 * main.ts backup <file>                    copies the database into a new file, while others work with it
 * main.ts restore <file> [--force]         restores such a file into the database
 * ```
 *
 * @module
 */
import { registerCrons } from "./cron.ts";
import { createProgram, demonstration, report } from "./program/mod.ts";

const program = createProgram({ args: Deno.args, env: Deno.env.toObject(), tasks: demonstration });
// Deno Deploy takes note of a cron only while the first module is evaluated.
registerCrons((seconds) => program.tick(seconds), report);
await program.run();
