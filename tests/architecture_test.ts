/**
 * The import rules and layout of docs/architecture.md, held by the machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname!, "..");

interface Source {
  readonly path: string;
  readonly text: string;
  /** Files of the project by path, packages by specifier. */
  readonly imports: readonly string[];
}

function* walk(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

const sources: Source[] = [
  "main.ts",
  "cron.ts",
  ...["queue", "routes", "tasks", "program", "client"].flatMap((f) => [...walk(f)]),
]
  .map(
    (path) => {
      const text = Deno.readTextFileSync(join(ROOT, path));
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
      const imports = [...code.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"/gm)].map(([, specifier]) =>
        specifier!.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), specifier!)) : specifier!
      );
      return { path, text: code, imports };
    },
  );

const rules: readonly { of: RegExp; may: RegExp; because: string }[] = [
  {
    of: /^queue\//,
    may: /^(queue\/|zod$|croner$|node:)/,
    because: "the engine knows nothing of HTTP, tasks or the environment",
  },
  {
    of: /^queue\/store\//,
    may: /^(queue\/store\/|queue\/ground\/|node:)/,
    because: "the store is the lowest layer",
  },
  {
    of: /^tasks\//,
    may: /^(tasks\/|queue\/mod\.ts$|[^.]*$|npm:)/,
    because: "the engine's inside can change",
  },
  {
    of: /^routes\//,
    may: /^(routes\/|queue\/mod\.ts$|deno\.json$|@?[a-z-]+(\/[a-z-]+)*$|node:)/,
    because: "the engine's inside can change",
  },
  {
    of: /^client\//,
    may: /^(client\/|routes\/contract\/|@hono\/zod-openapi$|node:)/,
    because: "a client knows the wire and nothing else",
  },
  {
    of: /^program\//,
    may: /^(program\/|(queue|routes|tasks)\/mod\.ts$|node:)/,
    because: "a program is made of what its parts export",
  },
  { of: /^program\/command\.ts$/, may: /^node:/, because: "it knows words and nothing of what they do" },
  { of: /^cron\.ts$/, may: /^queue\/mod\.ts$/, because: "the engine's inside can change" },
];

for (const { of, may, because } of rules) {
  Deno.test(`files matching ${of} import only ${may}, because ${because}`, () => {
    const files = sources.filter((source) => of.test(source.path));
    assert(files.length > 0);
    for (const { path, imports } of files) {
      for (const specifier of imports) assert(may.test(specifier), `${path} imports ${specifier}`);
    }
  });
}

Deno.test("no file imports main.ts", () => {
  for (const { path, imports } of sources) assert(!imports.includes("main.ts"), path);
});

Deno.test("only queue/store names Deno.Kv", () => {
  for (const { path, text } of sources) {
    if (!path.startsWith("queue/store/")) assert(!/Deno\.(Kv\b|openKv)/.test(text), path);
  }
});

Deno.test("only main.ts and the client's commands read the environment", () => {
  for (const { path, text } of sources) {
    if (path !== "main.ts" && path !== "client/server.ts") {
      assert(!/Deno\.env|process\.env/.test(text), path);
    }
  }
});

Deno.test("the engine takes time and chance from outside", () => {
  for (const { path, text } of sources) {
    if (!path.startsWith("queue/") || path === "queue/ground/clock.ts" || path.startsWith("queue/store/")) {
      continue;
    }
    assert(!/Date\.now\(|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(/.test(text), path);
  }
});

Deno.test("keys are made in queue/rows/keys.ts only", () => {
  for (const { path, text } of sources) {
    if (!path.startsWith("queue/") || path === "queue/rows/keys.ts") continue;
    // The doorbell's own: the store knows nothing of the rows.
    if (path === "queue/store/watched_doorbell.ts") continue;
    assert(!/\[\s*(ns|namespace),|\["sluice"/.test(text), path);
  }
});
