/**
 * Every error answer: RFC 9457 problem details. One table says which status an error's code has; an error that is not in
 * the table is a 500, whose cause goes to the log and never to the client.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type { Context, ErrorHandler, Hook, NotFoundHandler } from "../env.ts";
import {
  DuplicateTaskError,
  type Fault,
  InvalidApiKeyError,
  InvalidChannelError,
  InvalidScheduleError,
  InvalidTaskError,
  jsonText,
  type Queue,
  RedriveError,
  SluiceError,
  StoreUnavailableError,
  UnknownTaskError,
} from "../../queue/mod.ts";
import { HTTPException } from "hono/http-exception";
import { BATCH_LIMIT, type Problem } from "../contract/mod.ts";
import { engineFaults, type RequestFault, type RequestPart, withFound, zodFaults } from "./faults.ts";

/** Codes of errors, the engine's and the routes' own, with status and title. */
const PROBLEMS = {
  "bad-host": { status: 400, title: "Malformed Host" },
  "bad-json": { status: 400, title: "Request body is not JSON" },
  "unauthorized": { status: 401, title: "Bearer token required" },
  "forbidden": { status: 403, title: "Scope missing" },
  "foreign-origin": { status: 403, title: "Request of another site" },
  "unknown-route": { status: 404, title: "Unknown route" },
  "malformed-id": { status: 404, title: "Malformed id" },
  "task-unknown": { status: 404, title: "Unknown task" },
  "task-expired": { status: 404, title: "Task no longer kept" },
  "workflow-unknown": { status: 404, title: "Unknown workflow" },
  "workflow-expired": { status: 404, title: "Workflow no longer kept" },
  "schedule-unknown": { status: 404, title: "Unknown schedule" },
  "api-key-unknown": { status: 404, title: "Unknown API key" },
  "channel-unknown": { status: 404, title: "Unknown channel" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "not-redrivable": { status: 409, title: "Task cannot be submitted anew" },
  "duplicate-task": { status: 409, title: "Task was submitted before" },
  "task-final": { status: 409, title: "Task has ended" },
  "workflow-final": { status: 409, title: "Workflow has ended" },
  "api-key-exists": { status: 409, title: "API key exists" },
  "schedule-exists": { status: 409, title: "Schedule exists" },
  "schedule-declared": { status: 409, title: "Schedule is declared in code" },
  "schedule-orphaned": { status: 409, title: "Schedule is no longer declared in code" },
  "schedule-changed": { status: 412, title: "Schedule was edited meanwhile" },
  "too-large": { status: 413, title: "Too large" },
  "unsupported-media-type": { status: 415, title: "Request body must be application/json" },
  "unknown-host": { status: 421, title: "Unknown Host" },
  "invalid-request": { status: 422, title: "Request is not valid" },
  "invalid-task": { status: 422, title: "Task is not valid" },
  "invalid-channel": { status: 422, title: "Channel cannot be changed so" },
  "invalid-api-key": { status: 422, title: "API key is not valid" },
  "invalid-schedule": { status: 422, title: "Schedule is not valid" },
  "unknown-task": { status: 422, title: "Unknown task name" },
  "idempotency-key-reused": { status: 422, title: "Idempotency key used before with another request" },
  "precondition-required": { status: 428, title: "If-Match required" },
  "over-capacity": { status: 429, title: "Channel is full" },
  "internal-error": { status: 500, title: "Internal error" },
  "not-ready": { status: 503, title: "Not ready" },
  "not-set-up": { status: 503, title: "Not set up" },
  "overloaded": { status: 503, title: "Overloaded" },
  "stopped": { status: 503, title: "Stopping" },
  "store-unavailable": { status: 503, title: "Store unavailable" },
  "store-broken": { status: 503, title: "Store unavailable" },
  "fenced": { status: 503, title: "Store unavailable" },
} as const;

type ProblemCode = keyof typeof PROBLEMS;

/** Seconds after which a client may try again when the server could not serve, or a channel was full. */
const RETRY_AFTER = "1";

/** Fields of a problem beside its code and sentence. */
interface ProblemDetails {
  readonly faults?: RequestFault[];
  /** Reasons that are not faults of the request. */
  readonly problems?: readonly string[];
  /** The task that stands in the way. */
  readonly taskId?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refused request, for a route to throw. */
export class RequestError extends Error {
  constructor(
    readonly code: ProblemCode,
    message: string,
    readonly details: ProblemDetails = {},
  ) {
    super(message);
    this.name = "RequestError";
  }
}

/** Answers a request that is refused before it has a route. */
export function refuse(c: Context, { code, message, details }: RequestError) {
  return problem(c, code, message, details);
}

/** Answers a problem. */
function problem(c: Context, code: ProblemCode, detail: string, details: ProblemDetails = {}) {
  const { status, title } = PROBLEMS[code];
  const body: z.output<typeof Problem> = {
    type: `urn:sluice:problem:${code}`,
    title,
    status,
    detail,
    request_id: c.get("requestId"),
    ...details.faults && { errors: details.faults },
    ...details.problems && { problems: [...details.problems] },
    ...details.taskId !== undefined && { task_id: details.taskId },
  };
  return c.body(jsonText(body), status, {
    "content-type": "application/problem+json",
    ...(status === 503 || status === 429) && { "retry-after": RETRY_AFTER },
    ...details.headers,
  });
}

/** Answers a request that a schema refused. */
export const refuseInvalid: Hook = (result, c) => {
  if (result.success) return;
  return refuseFaults(c, zodFaults(PARTS[result.target] ?? "body", result.error));
};

function refuseFaults(c: Context, faults: RequestFault[]) {
  return problem(c, "invalid-request", sentence(faults), { faults });
}

/** A request with faults, for a handler to throw. */
export function invalidRequest(faults: RequestFault[]): RequestError {
  return new RequestError("invalid-request", sentence(faults), { faults });
}

/** Answers a body of task requests that a schema refused, with the faults that the engine finds too. */
export function refuseInvalidTasks(queue: Queue): Hook {
  return refuseInvalidWith((body) => {
    const tasks = (body as { tasks?: unknown } | null)?.tasks;
    if (!Array.isArray(tasks)) return taskFaults(queue, body);
    return tasks.slice(0, BATCH_LIMIT).flatMap((request, i) =>
      taskFaults(queue, request).map((fault) => ({ ...fault, pointer: `/tasks/${i}${fault.pointer}` }))
    );
  });
}

/**
 * Answers a request that a schema refused; for a body with the faults that the engine finds too, so that a client sees
 * every fault at once.
 *
 * @param findIn finds the engine's faults in the parts of a body that are well-formed
 */
export function refuseInvalidWith(findIn: (body: unknown) => Fault[]): Hook {
  return async function refuseInvalidWith(result, c) {
    if (result.success) return;
    if (result.target !== "json") return refuseInvalid(result, c);
    const faults = zodFaults("body", result.error);
    const found = engineFaults("body", findIn(await c.req.json().catch(() => null)), "");
    return refuseFaults(c, withFound(faults, found));
  };
}

/**
 * The faults that the engine finds in a task request, which may be any JSON.
 *
 * @param before how many arguments a workflow will put before the request's own
 */
export function taskFaults(queue: Queue, request: unknown, before = 0): Fault[] {
  if (typeof request !== "object" || request === null) return [];
  const { name, args, channel } = request as Record<string, unknown>;
  if (typeof name !== "string" || name.length > 200) return [];
  const faults = queue.faults({
    name,
    args: Array.isArray(args) ? args : [],
    ...typeof channel === "string" && { channel },
  }, before);
  return args === undefined || Array.isArray(args)
    ? faults
    : faults.filter((f) => !f.pointer.startsWith("/args"));
}

const PARTS: Readonly<Record<string, RequestPart>> = { param: "path", query: "query", header: "header" };

/** Answers a request that no route takes. */
export const refuseUnknownRoute: NotFoundHandler = (c) =>
  problem(c, "unknown-route", `No route answers ${c.req.method} ${c.req.path}`);

/**
 * Answers an error that a handler threw.
 *
 * @param report called with each error that is a fault of the server, not of the request
 */
export function answerError(report?: (error: unknown, requestId: string) => void): ErrorHandler {
  return async function answerError(error, c) {
    if (error instanceof RequestError) return refuse(c, error);
    if (error instanceof SluiceError && error.code in PROBLEMS) return engineProblem(c, error);
    if (error instanceof HTTPException && error.status === 400) {
      return problem(c, "bad-json", await whyNotJson(c));
    }
    if (error instanceof HTTPException && error.status === 415) {
      return refuse(c, unsupportedMediaType(c.req.header("content-type")));
    }
    if (c.req.raw.signal.aborted) return c.body(null, CLIENT_GONE as 500);
    report?.(error, c.get("requestId"));
    return problem(c, "internal-error", "The server failed to answer; its log has the cause");
  };
}

/** A body of another kind than JSON. */
export function unsupportedMediaType(type: string | undefined): RequestError {
  const got = type === undefined ? "no content type" : type.slice(0, 200);
  return new RequestError(
    "unsupported-media-type",
    `Request body must be application/json in UTF-8: got ${got}`,
  );
}

/** A body whose sender went away, or whose framing broke, before its end. */
export function brokenOff(): RequestError {
  return new RequestError("bad-json", "Request body must be JSON: it broke off before its end");
}

/** nginx's status for a client that has gone; seen in the access log only. */
const CLIENT_GONE = 499;

function engineProblem(c: Context, error: SluiceError): Response {
  const code = error.code as ProblemCode;
  if (error instanceof StoreUnavailableError) return problem(c, code, whyUnavailable(c, error));
  // An error of the store may name files and addresses.
  if (PROBLEMS[code].status >= 500) return problem(c, code, "Not possible at the moment; try again");
  const part: RequestPart = c.req.method === "GET" ? "query" : "body";
  const prefix = c.get("bodyPrefix") ?? "";
  if (hasFaults(error)) {
    const faults = engineFaults(part, error.faults, prefix);
    return problem(c, code, sentence(faults), { faults });
  }
  if (error instanceof UnknownTaskError) {
    const faults = engineFaults(part, [{ pointer: error.pointer, detail: error.message }], prefix);
    return problem(c, code, error.message, { faults });
  }
  const inTheWay = error instanceof DuplicateTaskError
    ? error.taskId
    : error instanceof RedriveError
    ? error.redrivenAs
    : null;
  return problem(c, code, error.message, inTheWay === null ? {} : { taskId: inTheWay });
}

/** A client that does not know whether its request was carried out must not repeat it as a new one. */
function whyUnavailable(c: Context, { sent }: StoreUnavailableError): string {
  const reads = ["GET", "HEAD"].includes(c.req.method) && !c.get("submits");
  if (reads) return "The store does not answer; try again";
  if (!sent) return "The store does not answer, and nothing of this request was accepted; try again";
  return "The store did not answer in time, so this request may or may not have been accepted: repeat it with the " +
    "same Idempotency-Key, or look first whether it was";
}

function hasFaults(error: SluiceError): error is SluiceError & { readonly faults: readonly Fault[] } {
  return error instanceof InvalidTaskError || error instanceof InvalidScheduleError ||
    error instanceof InvalidApiKeyError || error instanceof InvalidChannelError;
}

function sentence(faults: readonly RequestFault[]): string {
  return faults.map((fault) => `${fault.in}${fault.pointer && ` ${fault.pointer}`}: ${fault.detail}`).slice(
    0,
    10,
  ).join("; ");
}

async function whyNotJson(c: Context): Promise<string> {
  try {
    JSON.parse(await c.req.text());
    return "Request body must be JSON";
  } catch (error) {
    if (error instanceof RequestError) return error.message;
    if (!(error instanceof SyntaxError)) return brokenOff().message;
    return `Request body must be JSON: ${error.message.slice(0, 200)}`;
  }
}
