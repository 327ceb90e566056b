/**
 * A module that cannot be imported in a thread.
 *
 * @module
 */
import { isMainThread } from "node:worker_threads";

if (!isMainThread) throw new SyntaxError("this module cannot be used");

export function unreachable(): void {}
