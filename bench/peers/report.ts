/**
 * Keeps a run: the whole of it as a file with its plot, and what the README quotes of it.
 *
 * @module
 */
import { join, relative } from "node:path";
import { ROOT } from "../workplace.ts";
import type { Peer } from "./peer.ts";
import { plot } from "./plot.ts";
import type { Results } from "./results.ts";
import type { Scenario } from "./scenarios.ts";
import { rawRounds, shortTable, wholeTable } from "./table.ts";

const SINGLE = "one by one, 64 at once: done tasks/s";
const OVER_HTTP = "HTTP, 64 connections: all done tasks/s";
const PROCESSOR = "HTTP, 64 connections: processor s per 10,000 tasks";

/** What the plot shows, by title. */
const PLOTTED = {
  "End to end, in process, 64 submits at once: tasks/s": SINGLE,
  "Over HTTP, 64 connections, until all is done: tasks/s": OVER_HTTP,
  "Submit to handler start, idle, p50: ms": "idle: pickup p50 ms",
  "Submit to handler start, idle, p99: ms": "idle: pickup p99 ms",
  "Memory of all processes under HTTP load: MB": "memory, 64 connections: MB",
  "Processor time per 10,000 tasks over HTTP: s": PROCESSOR,
};

/** What the README's table shows. */
const QUOTED = {
  "tasks/s end to end, in process, 64 submits at once": SINGLE,
  "tasks/s over HTTP, 64 connections, until all is done": OVER_HTTP,
  "p99 of those requests, ms": "HTTP, 64 connections: p99 ms",
  "tasks/s, a backlog of 10,000 worked off": "drain of 10,000: tasks/s",
  "submit to start of the handler, idle, p50, ms": "idle: pickup p50 ms",
  "processor seconds per 10,000 tasks over HTTP": PROCESSOR,
  "memory of all processes under that load, MB": "memory, 64 connections: MB",
  "start to first result, s": "start to first result s",
};
const HEADING = "## Faster than what it replaces";
/** The section that follows. */
const NEXT = "## More";

/** A finished run. */
interface Run {
  readonly results: Results;
  readonly peers: readonly Peer[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  readonly date: string;
  readonly machine: readonly string[];
  readonly versions: readonly string[];
  readonly failures: readonly string[];
  readonly minutes: number;
}

/** Writes a run and its plot into a folder. @returns the paths */
export async function keep(run: Run, folder: string): Promise<string[]> {
  Deno.mkdirSync(folder, { recursive: true });
  const [text, picture] = ["md", "svg"].map((kind) => join(folder, `${run.date}.${kind}`)) as [
    string,
    string,
  ];
  Deno.writeTextFileSync(picture, drawing(run));
  Deno.writeTextFileSync(text, whole(run));
  await formatted(text, picture);
  return [text, picture];
}

/** Has the README quote the run that was kept. */
export async function quote(run: Run, [text, picture]: readonly string[]): Promise<void> {
  const path = join(ROOT, "README.md");
  const readme = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, withSection(readme, HEADING, section(run, text!, picture!), NEXT));
  await formatted(path);
}

/** A text with a section of it replaced, or put before the one that follows. */
export function withSection(text: string, heading: string, body: string, next: string): string {
  const lines = text.split("\n");
  const following = lines.indexOf(next);
  if (following < 0) throw new Error(`There is no '${next}'`);
  const begin = lines.indexOf(heading);
  if (begin > following) throw new Error(`'${next}' does not follow '${heading}'`);
  const before = lines.slice(0, begin < 0 ? following : begin);
  return [...before, heading, "", body, "", ...lines.slice(following)].join("\n");
}

function section({ results, peers, rounds, date }: Run, text: string, picture: string): string {
  const durable = peers.filter(({ storage }) => /durable|always/.test(storage));
  const [result, image] = [text, picture].map((path) => relative(ROOT, path));
  return `The same work (add two integers) by the same load on one machine of ${navigator.hardwareConcurrency} cores; medians of ${rounds} rounds, and in bold how many times better Sluice is. Every system has a task on the disk before it accepts it.

![Bars: Sluice beside BullMQ, Celery and bunqueue](${image})

${shortTable(results, durable, QUOTED)}

Slots: ${slotsOf(durable)}. All figures with their ranges, the same with Redis in memory, and how it was
measured: [${date}](${result}). \`deno task bench:peers\` does it again ([what it needs](bench/README.md)).`;
}

function whole(run: Run): string {
  const { results, peers, scenarios, rounds, date, machine, versions, failures, minutes } = run;
  const methods = scenarios.map(({ name, method }) => `- **${name}**: ${method}`);
  return `# Sluice beside Celery, BullMQ and bunqueue, ${date}

\`deno task bench:peers\`: ${rounds} rounds, each system in processes of its own for each measurement, every other round
in reverse order, ${minutes.toFixed(0)} minutes. The tasks add two integers.

\`\`\`text
${[...machine, ...versions].join("\n")}
\`\`\`

![Bars: medians of a few figures](${date}.svg)

## Medians, ranges, ratios

A cell is the median (least to most), and in bold how many times better Sluice is: the median of the ratios within a
round. A cell without a range is one round; an empty one was not measured: 100,000 tasks alone would take
that system minutes.

${wholeTable(results)}

## Durability and slots

${peers.map(({ name, storage, slots }) => `- ${name}; ${storage}: ${slots}`).join("\n")}

"AOF always" is \`appendonly yes, appendfsync always\`: as with Sluice and with bunqueue's durable jobs, a task is on
the disk when it is accepted. Redis in memory and bunqueue's buffer can lose what they have accepted. Sluice's server
writes a line for each submit, start and end of a task to its log; the others log warnings only.

## How it is measured

${methods.join("\n")}

Each measurement begins in an empty folder with a new database or Redis; before it, as many tasks as a third of a second
has warm it up. Results stay for a day in every system. No figure stands for work that was not done: the results
are counted where the system stores them, and another number than that of the tasks is a failure.
${failures.length > 0 ? `\nFailures of this run:\n\n${failures.map((text) => `- ${text}`).join("\n")}\n` : ""}
## Every round

\`\`\`text
${rawRounds(results)}
\`\`\`
`;
}

function drawing({ results, date, rounds }: Run): string {
  const note = `Sluice: Deno KV file, durable. ${rounds} round${rounds > 1 ? "s" : ""}, ${date}`;
  return plot(results, PLOTTED, note);
}

function slotsOf(peers: readonly Peer[]): string {
  return peers.map(({ name, slots }) => `${name} ${slots}`).join(", ");
}

async function formatted(...paths: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("deno", {
    args: ["fmt", "-q", "--permit-no-files", ...paths],
    cwd: ROOT,
  })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
