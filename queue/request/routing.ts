/**
 * Routes: the channel of tasks whose request and definition name none, by patterns that match the whole task name.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";

/** Channel of tasks whose definition names none. */
const DEFAULT_CHANNEL = "default";

/** Channels by patterns of task names; `*` stands for any characters. The first pattern that matches wins. */
export type TaskRoutes = Readonly<Record<string, string>>;

/**
 * Finds the channel of each definition, by task name.
 *
 * @throws {TypeError} for a pattern or a channel that is empty or no text
 */
export function channelsOf(
  definitions: readonly AnyTaskDefinition[],
  routes: TaskRoutes,
): ReadonlyMap<string, string> {
  const patterns = Object.entries(routes).map(([pattern, channel]) => {
    if (pattern === "" || typeof channel !== "string" || channel === "") {
      throw new TypeError(
        `Cannot route tasks named '${pattern}' to channel '${channel}': both must be texts`,
      );
    }
    const literal = pattern.split("*").map(RegExp.escape);
    return { matches: new RegExp(`^${literal.join(".*")}$`, "su"), channel };
  });
  const routed = (name: string) => patterns.find(({ matches }) => matches.test(name))?.channel;
  return new Map(
    definitions.map(({ name, channel }) => [name, channel ?? routed(name) ?? DEFAULT_CHANNEL]),
  );
}
