/**
 * The import rules and layout of docs/architecture.md, held by the machine.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { functionsOf } from "./support/functions.ts";
import { LAYERS } from "./support/layers.ts";

const ROOT = join(import.meta.dirname!, "..");

interface Source {
  readonly path: string;
  /** With its comments. */
  readonly text: string;
  /** Without block comments. */
  readonly code: string;
  /** Files of the project by path, packages by specifier; those of types only and those loaded later as well. */
  readonly imports: readonly string[];
}

function* walk(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(ROOT, folder))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* walk(path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

function sourceOf(path: string): Source {
  const text = Deno.readTextFileSync(join(ROOT, path));
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const imports = [...code.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)"|\bimport\("([^"]+)"\)/gm)].map((
    [, once, later],
  ) => once ?? later).map((specifier) =>
    specifier!.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), specifier!)) : specifier!
  );
  return { path, text, code, imports };
}

/** What ships. */
const sources = [
  "main.ts",
  "dev.ts",
  "cron.ts",
  ...["queue", "routes", "tasks", "program", "client"].flatMap((folder) => [...walk(folder)]),
].map(sourceOf);

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
  {
    of: /^main\.ts$/,
    may: /^(program\/mod\.ts|cron\.ts)$/,
    because: "it only starts the program",
  },
  { of: /^dev\.ts$/, may: /^$/, because: "it starts main.ts as a process, and restarts it after a change" },
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

Deno.test("benchmarks import what the engine and the app export, and the engine's inside through bench/inside.ts", () => {
  for (const { path, imports } of [...walk("bench")].map(sourceOf)) {
    const inside = imports.filter((each) =>
      /^(queue|routes|tasks|program)\//.test(each) && !each.endsWith("/mod.ts")
    );
    if (path !== "bench/inside.ts") assert.deepEqual(inside, [], path);
  }
});

for (const layers of LAYERS) {
  const top = layers[0]![0]!.split("/")[0];
  Deno.test(`each folder of ${top}/ imports what is below it and itself`, () => {
    /** The number of a file's layer, and what its path begins with. */
    const placeOf = (path: string) => {
      const layer = layers.findIndex((starts) => starts.some((start) => path.startsWith(start)));
      return { layer, start: layers[layer]?.find((start) => path.startsWith(start)) };
    };
    for (const { path, imports } of sources.filter((source) => source.path.startsWith(`${top}/`))) {
      const here = placeOf(path);
      assert(here.start !== undefined, `${path} is in no layer`);
      for (const each of imports.filter((specifier) => specifier.startsWith(`${top}/`))) {
        const there = placeOf(each);
        assert(there.start === here.start || there.layer < here.layer, `${path} imports ${each}`);
      }
    }
  });
}

Deno.test("each room's README names the rooms that it may import, and files that are there", () => {
  for (const layers of LAYERS) {
    const below: string[] = [];
    for (const starts of layers) {
      for (const room of starts.filter((start) => /^\w+\/\w+\/$/.test(start) && start !== "queue/testing/")) {
        const text = Deno.readTextFileSync(join(ROOT, room, "README.md")).replaceAll(/\s+/g, " ");
        const [, first, may] = text.match(/Start with (.+?)\. May import: (.+?)\.(?: |$)/)!;
        for (const [, file] of first!.matchAll(/`([\w/]+\.ts)`/g)) Deno.statSync(join(ROOT, room, file!));
        const named = [...may!.matchAll(/`(\w+(?:\/|\.ts))`/g)].map(([, name]) => name!);
        assert.deepEqual(named.toSorted(), below.toSorted(), room);
      }
      below.push(
        ...starts.filter((start) => !start.endsWith("env.ts")).map((start) =>
          start.split("/").slice(1).join("/")
        ),
      );
    }
  }
});

Deno.test("engine.ts names nothing of the rooms above commit/ and task/", () => {
  const { imports } = sources.find(({ path }) => path === "queue/engine.ts")!;
  for (const each of imports) assert(/^queue\/(ground|store|rows|commit|task)\//.test(each), each);
});

Deno.test("no files import each other in a circle, be it for types only", () => {
  const all = [...sources, ...["bench", "tests"].flatMap((folder) => [...walk(folder)]).map(sourceOf)];
  const importsOf = new Map(all.map(({ path, imports }) => [path, imports]));
  const seen = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    const from = way.indexOf(path);
    if (from >= 0) return void circles.push([...way.slice(from), path].join(" → "));
    if (seen.has(path)) return;
    seen.add(path);
    for (const next of importsOf.get(path) ?? []) visit(next, [...way, path]);
  };
  for (const path of [...importsOf.keys()].toSorted()) visit(path, []);
  assert.deepEqual(circles, []);
});

/** Lines of a file and of a function: what is longer is two things. */
const MOST = { file: 400, function: 60 } as const;

/** Files, and functions as `path name`, that may be longer, and why. None is in the path of a task. */
const LONG: Readonly<Record<string, string>> = {
  "queue/rows/keys.ts keysOf": "a table: a line for each key",
  "tasks/s1.ts s1Tasks": "a list of definitions, each with its handler",
};

Deno.test("files have at most 400 lines and functions 60", () => {
  const long = sources.flatMap(({ path, text }) => [
    ...(text.split("\n").length - 1 > MOST.file ? [path] : []),
    ...functionsOf(text).filter(({ lines }) => lines > MOST.function).map(({ name }) => `${path} ${name}`),
  ]);
  assert.deepEqual(long.toSorted(), Object.keys(LONG).toSorted());
});

Deno.test("functions are found, whatever stands in them", () => {
  const sample = `
    /** { */
    export async function one<T extends { a: 1 }>(a: { b: () => void }, b = "{"): Promise<{ x: string } | null> {
      const brace = /[/{]"/.test(\`{ \${[1].map((n) => { return \`\${n}{\`; })} {\`);
      if (brace) { return null; }
      return { x: '{' };
    }
    interface None { method(): void; other: (a: string) => { b: 1 } }
    class Two { get #three(): number { return 4 / 2 / 1; }
      *four() {
        yield 1;
      }
    }`;
  const found = functionsOf(sample).map(({ name, line, lines }) => `${name} ${line} ${lines}`);
  assert.deepEqual(found, ["one 3 5", "=> 4 1", "=> 8 1", "#three 9 1", "four 10 3"]);
  const long = `function five() {\n${"  work();\n".repeat(100)}}`;
  assert.deepEqual(functionsOf(long), [{ name: "five", line: 1, lines: 102 }]);
});

Deno.test("no file imports main.ts", () => {
  for (const { path, imports } of sources) assert(!imports.includes("main.ts"), path);
});

Deno.test("only queue/store names Deno.Kv", () => {
  for (const { path, code } of sources) {
    if (!path.startsWith("queue/store/")) assert(!/Deno\.(Kv\b|openKv)/.test(code), path);
  }
});

Deno.test("only main.ts and the client's commands read the environment", () => {
  for (const { path, code } of sources) {
    if (path !== "main.ts" && path !== "client/server.ts") {
      assert(!/Deno\.env|process\.env/.test(code), path);
    }
  }
});

Deno.test("the engine takes time and chance from outside", () => {
  for (const { path, code } of sources) {
    if (!path.startsWith("queue/") || path === "queue/ground/clock.ts" || path.startsWith("queue/store/")) {
      continue;
    }
    assert(!/Date\.now\(|performance\.now\(|Math\.random\(|setTimeout\(|setInterval\(/.test(code), path);
  }
});

Deno.test("only queue/rows/keys.ts makes or parses keys", () => {
  const makes = /\[\s*(ns|namespace),|\["sluice"|\.\.\.\w+\.prefix\b/;
  const parses = /\bkey(\.at\(|\.slice\(|\[)|\] = (\w+\.)*key\b/;
  for (const { path, code } of sources) {
    if (!path.startsWith("queue/") || path === "queue/rows/keys.ts") continue;
    // The doorbell's own: the store knows nothing of the rows.
    if (path !== "queue/store/watched_doorbell.ts") assert(!makes.test(code), path);
    // To the store a key is a list of parts.
    if (!path.startsWith("queue/store/")) assert(!parses.test(code), path);
  }
});
