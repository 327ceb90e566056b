import assert from "node:assert/strict";
import { type StrayKind, surviveStrayErrors } from "../../../queue/mod.ts";

Deno.test("stray errors are told and stopped, whatever the one who is told does, until that is ended", () => {
  const told: [StrayKind, unknown][] = [];
  const error = new Error("stray");
  const rejection = () => {
    const promise = Promise.reject(error);
    promise.catch(() => {});
    return new PromiseRejectionEvent("unhandledrejection", { promise, reason: error, cancelable: true });
  };
  const events = () => [new ErrorEvent("error", { error, cancelable: true }), rejection()];
  const stop = surviveStrayErrors((...stray) => {
    told.push(stray);
    throw new Error("the observer's own");
  });
  assert.deepEqual(events().map((event) => globalThis.dispatchEvent(event)), [false, false]);
  assert.deepEqual(told, [["uncaught error", error], ["unhandled rejection", error]]);
  stop();
  events().map((event) => globalThis.dispatchEvent(event));
  assert.equal(told.length, 2);
});
