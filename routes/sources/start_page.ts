/**
 * The page that a browser shows for `/`.
 *
 * @module
 */
import { accepts } from "hono/accepts";
import type { Context } from "../env.ts";

/** Whether the client prefers a page to JSON. */
export function prefersHtml(c: Context): boolean {
  const supports = ["application/json", "text/html"];
  return accepts(c, { header: "Accept", supports, default: "application/json" }) === "text/html";
}

/** The page has a style and forms, and loads nothing. */
export const START_PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** The page. Forms submit, because a browser may fetch a link before a person follows it. */
export const START_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sluice</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
  form { display: inline }
  button { font: inherit; padding: .3rem .8rem; margin: .2rem }
</style>
</head>
<body>
<h1>Sluice</h1>
<p>Background work for the web: Hono + Deno KV.</p>
<h2>Submit a task</h2>
<form method="post" action="add/5/10"><button>add(5, 10): 20 s</button></form>
<form method="post" action="retry"><button>a task that fails half of the time</button></form>
<form method="post" action="important"><button>an important task</button></form>
<form method="post" action="long-running"><button>a long-running task: 30 s</button></form>
<form method="post" action="hello"><button>ten steps of a second, with progress</button></form>
<h2>Look</h2>
<ul>
<li><a href="docs">The API's documentation</a></li>
<li><a href="v1/tasks">Tasks</a>, <a href="v1/channels">channels</a>, <a href="v1/workers">workers</a>,
<a href="v1/definitions">definitions</a>, <a href="v1/schedules">schedules</a>, <a href="v1/stats">statistics</a></li>
<li><a href="health">Health</a></li>
</ul>
</body>
</html>
`;
