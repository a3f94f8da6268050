/** What sets series apart besides colour: a marker shape and, for bars, a filling. */

import { element } from "./markup";

/** Paths about the origin, about 8 units across, in the order of the series. */
const SHAPES = [
  "M4 0A4 4 0 1 1 -4 0A4 4 0 1 1 4 0Z",
  "M-3.6 -3.6H3.6V3.6H-3.6Z",
  "M0 -4.6L4.4 3.4H-4.4Z",
  "M0 -5L5 0L0 5L-5 0Z",
  "M0 4.6L4.4 -3.4H-4.4Z",
  "M-1.4 -4.4H1.4V-1.4H4.4V1.4H1.4V4.4H-1.4V1.4H-4.4V-1.4H-1.4Z",
] as const;

const COLOURS = 6;

/** The class that carries a series' colour. */
export function colourClass(series: number): string {
  return `c${series % COLOURS}`;
}

export function shape(series: number): string {
  return SHAPES[series % SHAPES.length]!;
}

/** Stripes in the colour of a series, for the bars of every second one. */
export function stripes(id: string, series: number): string {
  return element(
    "pattern",
    { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    element("rect", { class: `${colourClass(series)} tint`, width: 6, height: 6 }),
    element("rect", { class: `${colourClass(series)} bar`, width: 3, height: 6 }),
  );
}
