/**
 * `hey`, a load generator that others know, beside our own: what both find can be compared.
 *
 * @module
 */

/** Requests a second of GETs of a URL, as `hey` counts them; `null` where it is not installed. */
export async function requestRate(
  url: string,
  { connections, requests }: { connections: number; requests: number },
): Promise<number | null> {
  const args = ["-n", String(requests), "-c", String(connections), url];
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("hey", { args }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
  const text = new TextDecoder().decode(output.stdout);
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
  const answered = Number(/\[200\]\s+(\d+) responses/.exec(text)?.[1]);
  if (!(rate > 0) || answered !== requests) {
    throw new Error(`hey was not answered ${requests} times: ${text}`);
  }
  return rate;
}
