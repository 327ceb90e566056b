/**
 * The work of `ml.detect_spam`, which a thread runs.
 *
 * @module
 */
import type { ThreadContext } from "../../queue/mod.ts";
import { loadModel, predict, type Prediction, type SpamModel } from "./model.ts";

/** The model, read at the thread's first message; when that fails, at the next one. */
let model: SpamModel | null = null;

/**
 * Says whether a message is spam.
 *
 * @param path the model's file
 * @throws {SpamModelError}
 */
export function detectSpam(_context: ThreadContext, message: string, path: string): Prediction {
  model ??= loadModel(path);
  return predict(model, message);
}
