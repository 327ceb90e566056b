/**
 * The program where `Deno.openKv` is missing, as on Deno Deploy without a database.
 *
 * @module
 */
Reflect.set(Deno, "openKv", undefined);
await import("../../main.ts");
