/**
 * The signposts of the documentation are true: every file, word, test, page, heading and command that a page names is
 * there, and the tables of rooms are those of the code. Words stand in parentheses behind their file:
 * `queue/commit/lane.ts` (`send`, `tried`).
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { LAYERS } from "./support/layers.ts";

const ROOT = join(import.meta.dirname!, "..");
const read = (path: string) => Deno.readTextFileSync(join(ROOT, path));

/** The pages, by path. */
const pages = new Map(
  [
    "README.md",
    "CONTRIBUTING.md",
    "bench/README.md",
    ...["queue", "routes"].flatMap((part) => [
      `${part}/README.md`,
      ...[...Deno.readDirSync(join(ROOT, part))].filter(({ isDirectory }) => isDirectory).map(({ name }) =>
        `${part}/${name}/README.md`
      ),
    ]),
    ...[...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => `docs/${name}`).sort(),
  ].map((path) => [path, read(path)]),
);

const promises = pages.get("docs/guarantees.md")!.split("\n## ")[1]!.split(/\n(?=\d+\. )/).slice(1);

const ROOMS = String.raw`(?:queue|routes|tasks|program|client|tests|bench|docs|deploy|\.ci)\/[\w./-]*`;
const FILE = new RegExp(String.raw`(?<![\w./-])${ROOMS}\.\w+`, "g");
const IN_CODE = new RegExp(`\`(${ROOMS})\``, "g");
const SIGNPOST = /`([\w./-]+\.ts)`(?:(?:\s+\(|,\s+)((?:`(?![^`]+\.ts`)[^`/]+`(?:,\s+)?)+))?/g;

/** The files that a text names, and the words that it says are in them. */
function signposts(text: string): { path: string; words: string[] }[] {
  return [...text.matchAll(SIGNPOST)].map(([, path, list = ""]) => ({
    path: path!,
    words: [...list.matchAll(/`([^`]+)`/g)].map(([, word]) => word!),
  }));
}

/** A file's code without its comments. */
function codeOf(path: string): string {
  return read(path).replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

/** The text of a test, from its name to its end. */
function bodyOf(path: string, name: string): string {
  const source = read(path);
  // A name that ends with what a loop puts in.
  const literal = name.endsWith("…") ? `\`${name.slice(0, -1)}` : `"${name}"`;
  const at = source.indexOf(literal);
  const line = /^( *)\S*\($/m.exec(source.slice(0, at).split("\n").slice(-2).join("\n").trimEnd());
  assert(at > 0 && line, `${path} has no test ${literal}`);
  const end = source.indexOf(`\n${line[1]}}`, at);
  return source.slice(at, end < 0 ? undefined : end);
}

/** The files of the program. */
function* codePaths(folder = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, folder))) {
    const path = join(folder, name);
    if (!isDirectory) { if (name.endsWith(".ts")) yield path; }
    else if (folder !== "" || /^(queue|routes|tasks|client|program)$/.test(name)) yield* codePaths(path);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(join(ROOT, path));
    return true;
  } catch {
    return false;
  }
}

/** The path of a file that a section names: from the root, from its page or the folder around it, or in a folder that the section names. */
function found(name: string, section: string, page: string): string | undefined {
  const named = [...section.matchAll(IN_CODE)].map(([, path]) =>
    path!.endsWith("/") ? path! : dirname(path!)
  );
  return ["", dirname(page), dirname(dirname(page)), ...named].map((folder) => join(folder, name)).find(
    exists,
  );
}

Deno.test("each promise names code by its words, and tests that have the words it says", () => {
  assert(promises.length > 10);
  for (const promise of promises) {
    const [said, ...lines] = promise.split(/\n +- /);
    const code = signposts(said!);
    assert(code.length > 0 && lines.length > 0, promise);
    for (const { path, words } of code) {
      assert(words.length > 0, `${path} needs a word to search for:\n${promise}`);
    }
    for (const line of lines) {
      const [, path, name] = /^`(tests\/[\w/]+_test\.ts)` \(.+\): "(.+)"$/.exec(line.trim()) ?? [];
      assert(path && name, `A test has the form \`path\` (\`word\`): "name": got ${line}`);
      const body = bodyOf(path, name);
      for (const word of signposts(line)[0]!.words) {
        assert(body.includes(word), `The test "${name}" does not contain ${word}`);
      }
    }
  }
});

Deno.test("every file and folder that a page names exists, by its path or by its name in a folder of that section", () => {
  for (const [page, text] of pages) {
    for (const [path] of text.matchAll(FILE)) assert(exists(path), `${page} names ${path}`);
    for (const [, path] of text.matchAll(IN_CODE)) assert(exists(path!), `${page} names ${path}`);
    for (const section of text.split(/^## /m)) {
      for (const { path } of signposts(section)) assert(found(path, section, page), `${page} names ${path}`);
    }
  }
});

Deno.test("every word that a page says to be in a file is in its code", () => {
  for (const [page, text] of pages) {
    for (const section of text.split(/^## /m)) {
      for (const { path, words } of signposts(section)) {
        if (words.length === 0) continue;
        const code = codeOf(found(path, section, page)!);
        for (const word of words) assert(code.includes(word), `${page}: ${path} does not contain ${word}`);
      }
    }
  }
});

Deno.test("every link of a page leads to a page, and to a heading of it", () => {
  for (const [page, text] of pages) {
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link!)) continue;
      const [to, heading] = link!.split("#");
      const target = to ? join(dirname(page), to) : page;
      assert(exists(target), `${page} links to ${link}`);
      if (heading === undefined) continue;
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
        title!.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
      );
      assert(headings.includes(heading), `${page} links to ${link}`);
    }
  }
});

Deno.test("every task that a page tells to run is in deno.json", () => {
  const tasks = Object.keys(JSON.parse(read("deno.json")).tasks);
  for (const [page, text] of pages) {
    for (const [, task] of text.matchAll(/\bdeno(?:@[\d.]+)? task ([a-z:-]*[a-z])/g)) {
      assert(tasks.includes(task!), `${page} names deno task ${task}`);
    }
  }
});

Deno.test("every file that a comment names exists", () => {
  for (const path of codePaths()) {
    for (const [comment] of read(path).matchAll(/\/\*\*[\s\S]*?\*\/|\/\/.*/g)) {
      for (const [, name] of comment.matchAll(/`([\w./-]+\.ts)`/g)) {
        const folders = ["", dirname(path), "queue", "routes"];
        assert(folders.some((folder) => exists(join(folder, name!))), `${path} names ${name}`);
      }
    }
  }
});

/** The rooms of a part with their layers, lowest first; what has no folder is left out. */
function roomsOf(part: string): { room: string; layer: number }[] {
  const layers = LAYERS.find(([first]) => first![0]!.startsWith(part))!;
  return layers.flatMap((starts, layer) =>
    starts.filter((start) => start.endsWith("/")).map((start) => ({ room: start.slice(part.length), layer }))
  );
}

Deno.test("the tables of rooms give every room, in the order of the layers", () => {
  for (const part of ["queue/", "routes/"]) {
    const rooms = roomsOf(part);
    for (const { name, isDirectory } of Deno.readDirSync(join(ROOT, part))) {
      assert(!isDirectory || rooms.some(({ room }) => room === `${name}/`), `${part}${name} is in no layer`);
    }
    for (
      const [page, row] of [
        ["docs/architecture.md", new RegExp(String.raw`^\|(?: *(\d|top) *\|) \`${part}(\w+/)\``, "gm")],
        [`${part}README.md`, new RegExp(String.raw`^\|(?: *(\d|top) *\|)? \[\`(\w+/)\`\]`, "gm")],
      ] as const
    ) {
      const told = [...pages.get(page)!.matchAll(row)].map(([, layer, room]) => ({ room: room!, layer }));
      assert.deepEqual(told.map(({ room }) => room), rooms.map(({ room }) => room), page);
      for (const { room, layer } of told) {
        const known = rooms.find((each) => each.room === room)!.layer;
        assert(
          layer === undefined || layer === "top" || Number(layer) === known,
          `${page}: ${room} is in layer ${known}`,
        );
      }
    }
  }
});

Deno.test("each room says which rooms it may import: those of lower layers", () => {
  for (const part of ["queue/", "routes/"]) {
    const rooms = roomsOf(part);
    for (const { room, layer } of rooms) {
      const said = pages.get(`${part}${room}README.md`)!.split("May import:")[1]!;
      if (said.includes("every room")) continue;
      const lower = rooms.filter((other) => other.layer < layer).map((other) => other.room);
      assert.deepEqual([...said.matchAll(/`(\w+\/)`/g)].map(([, name]) => name), lower, `${part}${room}`);
    }
  }
});

Deno.test("docs/README.md and README.md link to every page", () => {
  for (const page of pages.keys()) {
    if (!page.startsWith("docs/") || page === "docs/README.md") continue;
    assert(pages.get("docs/README.md")!.includes(`](${page.slice(5)})`), page);
    assert(pages.get("README.md")!.includes(`](${page})`), page);
  }
});
