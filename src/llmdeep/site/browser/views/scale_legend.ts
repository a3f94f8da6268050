/** The colour scale of a matrix, with its ends, and swatches for what lies outside it. */

import { element, escape } from "./markup";
import { count } from "./matrix_text";
import { formatNumber, superscripts } from "./numbers";
import { levelClass, levelCount, type ColourScale } from "./palette";
import type { Matrix } from "./types";

const STEPS = 33;

/** Hidden from assistive technology, which gets the numbers. */
export function scaleLegend(matrix: Matrix, scale: ColourScale, id: string): string {
  const end = (value: number) => element("span", {}, superscripts(formatNumber(value, 3)));
  const special = [
    ["masked", "−∞", count(matrix, (value) => value === -Infinity)],
    ["infinite", "∞", count(matrix, (value) => value === Infinity)],
    ["missing", "no value", count(matrix, Number.isNaN)],
  ] as const;
  const swatches = special
    .filter(([, , n]) => n > 0)
    .map(([kind, name]) => element("span", { class: "swatch" }, element("svg", { width: 14, height: 14, "aria-hidden": "true" }, element("rect", { class: kind, width: 14, height: 14, fill: `url(#${id}-${kind})` })), name));
  return element(
    "div",
    { class: "scale-legend", "aria-hidden": "true" },
    end(scale.low),
    element("svg", { class: "ramp", width: 130, height: 10, viewBox: `0 0 ${STEPS} 1`, preserveAspectRatio: "none" }, ...ramp(scale.diverging)),
    end(scale.high),
    matrix.unit ? element("span", {}, escape(matrix.unit)) : "",
    ...swatches,
  );
}

function ramp(diverging: boolean): string[] {
  return Array.from({ length: STEPS }, (_, i) => {
    const level = Math.round((i / (STEPS - 1)) * (levelCount(diverging) - 1));
    // Each step lies under the next, so that no gap shows between them.
    return element("rect", { class: levelClass(level, diverging), x: i, width: STEPS - i, height: 1 });
  });
}
