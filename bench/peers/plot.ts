/**
 * The results as a picture: a panel for each of a few figures, in it a bar for each peer.
 *
 * @module
 */
import { type Column, meritOf, OURS, type Results, shown } from "./results.ts";

const WIDTH = 960;
const PANEL = { width: 464, head: 46, bar: 22, foot: 26 } as const;
/** Where the bars begin in a panel, and the room that they have. */
const BARS = { from: 210, room: 190 } as const;
const TOP = 60;
const COLOURS = { ours: "#c2410c", others: "#94a3b8", text: "#0f172a", quiet: "#475569", line: "#e2e8f0" };

/** The decades of a logarithmic scale on which all values find room. */
export class Scale {
  readonly from: number;
  readonly to: number;

  constructor(values: readonly number[]) {
    this.from = 10 ** Math.floor(Math.log10(Math.min(...values)));
    this.to = 10 ** Math.ceil(Math.log10(Math.max(...values)));
    // The least value is to have a bar too, and all may be one power of ten.
    if (Math.min(...values) < this.from * 1.3) this.from /= 10;
    if (this.to <= this.from) this.to = this.from * 10;
  }

  /** The part of the scale that lies before a value: 0 to 1. */
  part(value: number): number {
    return Math.log10(value / this.from) / Math.log10(this.to / this.from);
  }

  /** The powers of ten that it spans. */
  get marks(): number[] {
    const count = Math.round(Math.log10(this.to / this.from)) + 1;
    return Array.from({ length: count }, (_, i) => this.from * 10 ** i);
  }
}

/** Draws panels, two beside each other. @param figures what to draw, by the panel's title */
export function plot(results: Results, figures: Readonly<Record<string, string>>, note: string): string {
  const height = PANEL.head + results.columns.length * PANEL.bar + PANEL.foot;
  const drawn = Object.entries(figures).filter(([, figure]) =>
    results.columns.some((column) => results.summary(figure, column))
  );
  const panels = drawn.map(([title, figure], i) => {
    const [x, y] = [12 + (i % 2) * (PANEL.width + 8), TOP + Math.floor(i / 2) * height];
    return `<g transform="translate(${x} ${y})">${panel(results, title, figure)}</g>`;
  });
  const whole = TOP + Math.ceil(drawn.length / 2) * height + 8;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${whole}" font-family="system-ui, sans-serif" font-size="12">
<rect width="${WIDTH}" height="${whole}" rx="8" fill="#ffffff" />
${text(20, 26, "Medians on one machine, logarithmic scales", `font-size="16" font-weight="600"`)}
${text(20, 45, note, `fill="${COLOURS.quiet}"`)}
${panels.join("\n")}
</svg>
`;
}

function panel(results: Results, title: string, figure: string): string {
  const bars = results.columns.flatMap((column) => {
    const summary = results.summary(figure, column);
    return summary ? [{ column, value: summary.median }] : [];
  });
  const scale = new Scale(bars.map(({ value }) => value));
  const bottom = PANEL.head + results.columns.length * PANEL.bar;
  const lines = scale.marks.map((mark) => {
    const x = place(scale, mark);
    return `<path d="M${x} ${PANEL.head - 4}V${bottom}" stroke="${COLOURS.line}" />` +
      text(
        x,
        bottom + 12,
        mark.toLocaleString("en-US"),
        `text-anchor="middle" font-size="9" fill="${COLOURS.quiet}"`,
      );
  });
  const better = meritOf(figure) === "more" ? "more is better" : "less is better";
  return [
    text(8, 22, title, `font-weight="600" font-size="13"`),
    text(8, 37, better, `fill="${COLOURS.quiet}" font-size="11"`),
    ...lines,
    ...bars.map(({ column, value }, i) => bar(column, value, scale, PANEL.head + i * PANEL.bar)),
  ].join("\n");
}

function bar({ name, storage }: Column, value: number, scale: Scale, y: number): string {
  const ours = name === OURS;
  const end = place(scale, value);
  const weight = ours ? `font-weight="600"` : "";
  return [
    text(
      BARS.from - 8,
      y + 13,
      ours ? name : `${name}; ${storage}`,
      `text-anchor="end" font-size="11" ${weight}`,
    ),
    `<rect x="${BARS.from}" y="${y + 2}" width="${(end - BARS.from).toFixed(1)}" height="15" rx="2" fill="${
      ours ? COLOURS.ours : COLOURS.others
    }" />`,
    text(end + 6, y + 13, shown(value), `font-size="11" ${weight}`),
  ].join("");
}

function place(scale: Scale, value: number): number {
  return Number((BARS.from + scale.part(value) * BARS.room).toFixed(1));
}

function text(x: number, y: number, words: string, attributes: string): string {
  const fill = attributes.includes("fill=") ? "" : `fill="${COLOURS.text}" `;
  return `<text x="${x}" y="${y}" ${fill}${attributes}>${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
