/**
 * A progress bar for people at a terminal.
 *
 * @module
 */

/** The terminal that the bar is drawn on: `Deno.stderr`. */
interface Terminal {
  isTerminal(): boolean;
  writeSync(bytes: Uint8Array): number;
}

const WIDTH = 40;

/**
 * Draws a bar that is redrawn in place, and wiped when all is done. Draws nothing where the output is no terminal.
 *
 * @returns a function to be called with the share that is done, 0 to 1
 */
export function progressBar(terminal: Terminal, title: string): (done: number) => void {
  if (!terminal.isTerminal()) return () => {};
  const encoder = new TextEncoder();
  return (done) => {
    const filled = Math.floor(done * WIDTH);
    const bar = `${title} [${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${Math.floor(done * 100)} %`;
    terminal.writeSync(encoder.encode(`\r${done < 1 ? bar : `${" ".repeat(bar.length)}\r`}`));
  };
}
