/**
 * Which channel a task takes when neither its request nor its definition names one: patterns match its whole name.
 *
 * @module
 */
import type { AnyTaskDefinition } from "../task/define.ts";

/** Channel of tasks whose definition names none. */
const DEFAULT_CHANNEL = "default";

/** Channels by patterns of task names; `*` stands for any characters. The first that matches wins. */
export type TaskRoutes = Readonly<Record<string, string>>;

/**
 * The channel of each definition, by its name.
 *
 * @throws {TypeError} for a pattern or a channel that is no name
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
