/** The numbers in the cells of a matrix. */

import { element } from "./markup";
import { everyValue, matrixScale } from "./matrix_text";
import { formatDecimals, formatNumber, superscripts } from "./numbers";
import { isStrong, levelOf } from "./palette";
import type { Matrix } from "./types";

export interface CellNumber {
  text: string;
  /** Class of its element. */
  kind?: string;
}

/** What stands in each cell, row by row. */
export function cellNumbers(matrix: Matrix): CellNumber[] {
  const scale = matrixScale(matrix);
  const texts = cellTexts(matrix);
  return matrix.values.flatMap((row, y) =>
    Array.from(row, (value, x) => {
      const text = texts[y]![x]!;
      if (!Number.isFinite(value)) return { text, kind: "outside" };
      if (isStrong(levelOf(value, scale), scale.diverging)) return { text, kind: "on-strong" };
      return { text, kind: /[1-9]/.test(text) ? undefined : "faint" };
    }),
  );
}

/**
 * A grid that lies over the cells; `fits` is the class of the width from which on it is shown. HTML,
 * since browsers lay it out in half the time that as many <text> take. Without `numbers` it is
 * empty, for a page that has them already.
 */
export function numbersGrid(matrix: Matrix, fits: string, numbers = true): string {
  const drawn = numbers ? cellNumbers(matrix).map(({ text, kind }) => element("span", { class: kind }, superscripts(text))) : [];
  return element("div", { class: `numbers of-${matrix.values[0]!.length} ${fits}`, "aria-hidden": "true" }, ...drawn);
}

/** The same decimals for all cells, no more than they need; zero is a plain 0, and what only rounds to zero is not. */
export function cellTexts({ values, digits }: Matrix): string[][] {
  const finite = [...everyValue(values)].filter(Number.isFinite);
  const largest = Math.max(0, ...finite.map(Math.abs));
  const whole = finite.every(Number.isInteger) && largest < 1e5;
  const shift = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
  const extreme = largest >= 1e4 || (largest > 0 && shift < -3);
  const most = whole ? 0 : Math.max(0, digits - Math.max(0, shift - 1) + Math.max(0, -shift - 1));
  const decimals = Math.max(0, ...finite.map((value) => decimalsOf(value, most)));
  return values.map((row) =>
    Array.from(row, (value) => {
      if (Number.isNaN(value)) return "";
      if (value === 0 || !Number.isFinite(value)) return formatNumber(value);
      return extreme && !whole ? formatNumber(Number(value.toPrecision(2)), 2) : formatDecimals(value, decimals);
    }),
  );
}

/** How many of at most `most` decimals a number needs. */
function decimalsOf(value: number, most: number): number {
  for (let decimals = 0; decimals < most; decimals += 1) if (Math.abs(value * 10 ** decimals - Math.round(value * 10 ** decimals)) < 1e-9) return decimals;
  return most;
}
