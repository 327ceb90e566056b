/**
 * All that a server needs beside the API: documentation, health checks, log, metrics, the clock's route and the settings.
 * The folder imports `routes/contract/`, `routes/http/` and `queue/mod.ts`.
 *
 * This file: `/openapi.json`, and `/docs`, which is Swagger UI from its own package, without the network. Both are public;
 * a token is typed into the page.
 *
 * @module
 */
import type { OpenAPIHono } from "@hono/zod-openapi";
// Named here so that the package is part of the program; its files are read when they are asked for.
import "swagger-ui-dist/absolute-path.js";
import type { Queue } from "../../queue/mod.ts";
import type { Context, Env } from "../env.ts";
import { entityTag, matches } from "../http/etag.ts";
import { describe } from "./document.ts";

/** The page may load its own files and the document, and nothing else. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });\n`;

const FILES: Readonly<Record<string, string>> = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
};

/** Adds the document of the routes that the app has by now, and the page that shows it. */
export function addDocs(app: OpenAPIHono<Env>, queue: Queue, secured: boolean): void {
  let document: Kept | undefined;
  app.get("/openapi.json", (c) => {
    document ??= keep(JSON.stringify(describe(app, queue, secured)), "application/json");
    return answer(c, document);
  });
  const page = keep(PAGE, "text/html; charset=utf-8");
  app.get("/docs", (c) => answer(c, page));
  const start = keep(START, "text/javascript; charset=utf-8");
  app.get("/docs/start.js", (c) => answer(c, start));
  for (const [file, type] of Object.entries(FILES)) {
    let kept: Kept | undefined;
    app.get(`/docs/${file}`, async (c) => {
      kept ??= keep(await Deno.readFile(new URL(import.meta.resolve(`swagger-ui-dist/${file}`))), type);
      return answer(c, kept);
    });
  }
}

/** A content with its tag, which is made once: a file has up to 1.5 MB. */
interface Kept {
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly etag: string;
}

function keep(content: string | Uint8Array<ArrayBuffer>, type: string): Kept {
  return { content, type, etag: entityTag(content) };
}

/** Answers with the content and its tag, or 304. */
function answer(c: Context, { content, type, etag }: Kept): Response {
  const headers = { etag, "cache-control": "no-cache" };
  if (matches(c.req.header("if-none-match"), etag)) return c.body(null, 304, headers);
  return c.body(content, 200, { ...headers, "content-type": type, "content-security-policy": POLICY });
}
