/**
 * `deno task dev`: runs the program in a process of its own and restarts it when a source file changes. Deno's own
 * `--watch` ends a module half a second after Ctrl-C without letting it give its runs back.
 *
 * @module
 */
const SOURCES = ["main.ts", "cron.ts", "program", "queue", "routes", "tasks", "deno.json"];
/** Milliseconds without a further change after which a burst of changes is over. */
const QUIET = 150;

const USAGE = `Usage: deno task dev [start|worker] [--channels <list>]

Starts Sluice, and starts it anew when a source file changes.

  --channels  which channels to execute, with their slots: celery=16,default=4; instead of the setting CHANNELS`;

if (Deno.args.includes("--help") || Deno.args.includes("-h")) {
  // deno-lint-ignore no-console -- the answer to --help
  console.log(USAGE);
  Deno.exit(0);
}

const watcher = Deno.watchFs(SOURCES.map((path) => `${import.meta.dirname}/${path}`));
let ending = false;
let restarting = false;
let timer: ReturnType<typeof setTimeout> | undefined;
let child = start();

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    ending = true;
    // A terminal's Ctrl-C has reached the program already; it takes two signals at once for one.
    stop();
  });
}

for await (const { kind } of watcher) {
  if (kind === "access" || ending) continue;
  clearTimeout(timer);
  timer = setTimeout(restart, QUIET);
}

function start(): Deno.ChildProcess {
  const args = ["run", "-q", "--env-file", "-P=server", `${import.meta.dirname}/main.ts`, ...Deno.args];
  const started = new Deno.Command(Deno.execPath(), { args }).spawn();
  started.status.then(({ code }) => {
    // The program could not start, or was told to end. After a change that breaks it, the next change is waited for.
    if (ending || !restarting && started === child) Deno.exit(code);
  });
  return started;
}

function stop(): void {
  try {
    child.kill("SIGTERM");
  } catch {
    if (ending) Deno.exit(0); // The program has ended after a broken change.
  }
}

async function restart(): Promise<void> {
  if (ending) return;
  restarting = true;
  stop();
  await child.status;
  if (!ending) child = start();
}
