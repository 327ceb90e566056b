/** Who may call which route: every route with every kind of credential. */
import assert from "node:assert/strict";
import { type Scope, SCOPES } from "../../../queue/mod.ts";
import { createApp, createMetrics } from "../../../routes/mod.ts";
import { NEEDS } from "../../../routes/http/scopes.ts";
import { type Body, openApp, problem } from "../../support/open_app.ts";

const TOKEN = "a-token-of-16-char";
const as = (token: string) => ({ authorization: `Bearer ${token}` });

/** The app with a token, and the token of a key with these scopes. */
async function open(...scopes: Scope[]) {
  const t = await openApp({
    start: false,
    apiToken: TOKEN,
    tickToken: "b-token-of-16-char",
    metrics: createMetrics(),
  });
  const { token } = scopes.length > 0
    ? await t.queue.apiKeys.create({ name: "ci", scopes })
    : { token: "none" };
  return Object.assign(t, { token });
}

/** The routes of the app that do something of their own. */
async function routes(): Promise<string[]> {
  await using t = await open();
  return t.app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`);
}

Deno.test("the table of scopes names each route, and nothing else", async () => {
  assert.deepEqual([...new Set(await routes())].toSorted(), Object.keys(NEEDS).toSorted());
});

/** Calls a route with names that exist nowhere and without a body: what matters is whether it is let through. */
async function call(t: Awaited<ReturnType<typeof open>>, route: string, headers: Record<string, string>) {
  const [method, pattern] = route.split(" ") as [string, string];
  const path = pattern.replaceAll(/:(id|task_id|job_id)/g, "01000000-0000-7000-8000-000000000000")
    .replaceAll(/:[xy]/g, "1").replaceAll(/:\w+/g, "none");
  const response = await t.app.request(path, { method, headers });
  await response.body?.cancel();
  return response.status;
}

for (const credential of ["none", "wrong", "expired", ...SCOPES] as const) {
  Deno.test(`each route lets ${credential} pass, or refuses it, as the table says`, async () => {
    const isScope = (SCOPES as readonly string[]).includes(credential);
    await using t = await open(...isScope ? [credential as Scope] : []);
    const headers: Record<string, string> = {};
    if (isScope) Object.assign(headers, as(t.token));
    if (credential === "wrong") Object.assign(headers, as(`sluice_ci_${"x".repeat(43)}`));
    if (credential === "expired") {
      const { token } = await t.queue.apiKeys.create({ name: "old", scopes: ["admin"], expires: 60 });
      await t.clock.advance(60_000);
      Object.assign(headers, as(token));
    }
    for (const [route, need] of Object.entries(NEEDS)) {
      const status = await call(t, route, headers);
      if (need === "public") assert(![401, 403].includes(status), `${route}: ${status}`);
      else if (!isScope || need === "tick") assert.equal(status, 401, route);
      else {
        // A task that does not exist is nobody's own, and is said to be missing.
        const allowed = credential === "admin" || credential === need ||
          need === "own" && ["read", "submit"].includes(credential);
        assert.equal(status === 403, !allowed, `${route}: ${status}`);
        assert.notEqual(status, 401, route);
      }
    }
  });
}

Deno.test("a submit key reads what it has submitted, and nothing else", async () => {
  await using t = await open("submit");
  const other = await t.queue.apiKeys.create({ name: "other", scopes: ["submit"] });
  const task = { name: "app.tasks.add", args: [1, 2] };
  const { id } = await (await t.post("/v1/tasks", task, as(t.token))).json();
  const workflow = await (await t.post("/v1/workflows", { chain: [task] }, as(t.token))).json();
  const demo = await (await t.get("/add/1/2", as(t.token))).json();
  const own = [`/v1/tasks/${id}`, `/v1/tasks/${id}/explain`, `/v1/workflows/${workflow.id}`];
  for (const path of [...own, `/result/${demo.task_id}`, `/v1/tasks/${id.toUpperCase()}`]) {
    assert.equal((await t.get(path, as(t.token))).status, 200, path);
    const refused = await problem(await t.get(path, as(other.token)), 403, "forbidden");
    assert.match(refused.detail, /must have the scope read, or submit for a task of its own/);
  }
  assert.equal((await (await t.get(`/v1/tasks/${id}`, as(TOKEN))).json()).submitted_by, "ci");
  const wide = await t.get("/v1/tasks", as(t.token));
  assert.match(wide.headers.get("www-authenticate")!, /error="insufficient_scope", scope="read"/);
  await problem(wide, 403, "forbidden");
});

Deno.test("two keys may use the same Idempotency-Key for tasks of their own", async () => {
  await using t = await open("submit");
  const other = await t.queue.apiKeys.create({ name: "other", scopes: ["submit"] });
  const submit = async (token: string) => {
    const headers = { ...as(token), "idempotency-key": "k" };
    return (await (await t.post("/v1/tasks", { name: "app.tasks.add", args: [1, 2] }, headers)).json()).id;
  };
  const [first, again, theirs] = [await submit(t.token), await submit(t.token), await submit(other.token)];
  assert.equal(first, again);
  assert.notEqual(first, theirs);
});

Deno.test("keys are made, listed and revoked over HTTP; a token is shown once, and its hash never", async () => {
  await using t = await open();
  const made = await t.post(
    "/v1/api-keys",
    { name: "ci", scopes: ["submit", "read"], expires: 3600 },
    as(TOKEN),
  );
  assert.deepEqual([made.status, made.headers.get("cache-control")], [201, "no-store"]);
  const { token, ...key } = await made.json();
  assert.match(token, /^sluice_ci_[\w-]{43}$/);
  assert.deepEqual(key, {
    name: "ci",
    prefix: token.slice(0, 14),
    scopes: ["read", "submit"],
    created_at: "2026-01-05T09:00:00.000Z",
    expires_at: "2026-01-05T10:00:00.000Z",
    last_used_at: null,
  });
  assert.equal((await t.get("/v1/tasks", as(token))).status, 200);
  await t.clock.settle();
  const list = await (await t.get("/v1/api-keys", as(TOKEN))).json();
  assert.deepEqual(list.api_keys, [{ ...key, last_used_at: key.created_at }]);
  await problem(
    await t.post("/v1/api-keys", { name: "ci", scopes: ["read"] }, as(TOKEN)),
    409,
    "api-key-exists",
  );
  const remove = (name: string) =>
    t.app.request(`/v1/api-keys/${name}`, { method: "DELETE", headers: as(TOKEN) });
  assert.equal((await remove("ci")).status, 204);
  await t.clock.advance(5000);
  await problem(await t.get("/v1/tasks", as(token)), 401, "unauthorized");
  await problem(await remove("ci"), 404, "api-key-unknown");
  const { entries } = await (await t.get("/v1/audit", as(TOKEN))).json();
  assert.deepEqual(entries.map(({ action, target }: Body) => [action, target]), [
    ["api_key.revoke", "ci"],
    ["api_key.create", "ci"],
  ]);
  const shown = JSON.stringify([list, entries, await t.queue.keys()]);
  assert(!shown.includes(token) && !shown.includes(token.slice(-20)), "the secret is stored nowhere");
});

Deno.test("a request for a key that is not valid is refused with every fault", async () => {
  await using t = await open();
  const wrong = { name: "a_b", scopes: ["read", "root"], expires: 0, color: "red" };
  const { errors } = await problem(await t.post("/v1/api-keys", wrong, as(TOKEN)), 422, "invalid-request");
  const pointers = errors.map(({ pointer }: Body) => pointer).toSorted();
  assert.deepEqual(pointers, ["/color", "/expires", "/name", "/scopes/1"]);
  await assert.rejects(t.queue.apiKeys.create({ name: "a b", scopes: [], expires: -1 }), {
    code: "invalid-api-key",
  });
});

Deno.test("what a key does stands under its name in the audit", async () => {
  await using t = await open("operate", "submit");
  const { id } = await (await t.post("/v1/tasks", { name: "app.tasks.add", args: [1, 2] }, as(t.token)))
    .json();
  assert.equal((await t.post(`/v1/tasks/${id}/revoke`, undefined, as(t.token))).status, 200);
  const [entry] = (await t.queue.audit({ by: "ci" })).entries;
  assert.deepEqual([entry!.by, entry!.action], [{ kind: "key", name: "ci" }, "task.revoke"]);
});

Deno.test("/health/ready tells causes to readers only", async () => {
  await using t = await openApp({ apiToken: TOKEN, store: "shared" });
  const unready = {
    ...t.queue,
    apiKeys: t.queue.apiKeys,
    health: () => Promise.resolve({ ready: false, problems: ["Channel secret: x"] }),
  };
  const app = createApp({ queue: unready as typeof t.queue, apiToken: TOKEN });
  const dark = await problem(await app.request("/health/ready"), 503, "not-ready");
  assert.doesNotMatch(JSON.stringify(dark), /secret/);
  const told = await problem(await app.request("/health/ready", { headers: as(TOKEN) }), 503, "not-ready");
  assert.deepEqual(told.problems, ["Channel secret: x"]);
});
