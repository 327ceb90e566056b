/** A folder of its own, removed with all that is in it when the test is over. */
export function folder(): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ prefix: "sluice-" });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
