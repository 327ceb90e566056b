/**
 * Cannot be imported, where it counts.
 *
 * @module
 */
import { isMainThread } from "node:worker_threads";

if (!isMainThread) throw new SyntaxError("this module cannot be used");

export function unreachable(): void {}
