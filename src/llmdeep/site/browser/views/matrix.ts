/**
 * Matrices. All cells of one colour are one path, so even 64 × 64 cells are at most 64 elements;
 * numbers and labels are placed in percentages over it and keep their size at every width.
 */

import { element, escape, percent } from "./markup";
import { columnLabels, rowLabels, rowLabelWidth } from "./matrix_labels";
import { everyValue, sizeOf } from "./matrix_text";
import { formatDecimals, formatNumber, superscriptsInSvg } from "./numbers";
import { colourScale, levelClass, levelOf, isStrong, type ColourScale } from "./palette";
import { scaleLegend } from "./scale_legend";
import type { Matrix, Numbers } from "./types";

/** Cell height in the drawing's own coordinates, and the largest it gets on the page, in pixels. */
const CELL = 28;
/** Widths of a container, in pixels, from which on the numbers of a matrix can be shown. */
const FITS = [300, 350, 400, 450, 500, 600, 700] as const;
/** Matrices with more columns have no numbers in their cells, and at most this many pixels. */
const MOST_NUMBERED = 16;
const MOST_PIXELS = 448;

export function matrixFigure(matrix: Matrix, id: string, label: string): string {
  const { values } = matrix;
  const [nRows, nColumns] = sizeOf(matrix);
  if (nRows === 0 || nColumns === 0) return element("p", { class: "empty" }, "This matrix has no cells.");
  const scale = matrixScale(matrix);
  const numbered = hasNumbers(matrix);
  const texts = numbered ? cellTexts(matrix) : [];
  const numberWidth = Math.max(0, ...texts.flat().map((text) => text.length)) * 7 + 8;
  const cellWidth = numbered ? Math.min(84, Math.max(CELL, numberWidth)) : Math.max(5, Math.min(CELL, Math.floor(MOST_PIXELS / nColumns)));
  const cellHeight = numbered ? CELL : Math.max(5, Math.min(cellWidth, Math.floor(MOST_PIXELS / nRows)));
  const fit = numbered ? FITS.find((width) => (width - rowLabelWidth(matrix) - 20) / nColumns >= numberWidth) : undefined;
  const [width, height] = [nColumns * cellWidth, nRows * cellHeight];
  const cells = element(
    "svg",
    { class: "cells", viewBox: `0 0 ${width} ${height}`, width, height, preserveAspectRatio: "none", role: "img", "aria-label": label },
    patterns(id),
    ...cellPaths(values, scale, cellWidth, cellHeight, id),
  );
  const columns = columnLabels(matrix, width);
  return (
    element(
      "div",
      { class: `matrix-frame${columns.turned ? " turned" : ""}` },
      matrix.column_label ? element("div", { class: "matrix-column-title" }, escape(matrix.column_label)) : "",
      matrix.row_label ? element("div", { class: "matrix-row-title" }, element("span", {}, escape(matrix.row_label))) : "",
      columns.markup,
      rowLabels(matrix, width, height),
      element("div", { class: "matrix-cells" }, cells, fit === undefined ? "" : numbers(values, texts, scale, fit)),
    ) + scaleLegend(matrix, scale, id)
  );
}

/** Whether cells are large enough for numbers, if the page is. */
export function hasNumbers(matrix: Matrix): boolean {
  const [nRows, nColumns] = sizeOf(matrix);
  return nColumns <= MOST_NUMBERED && nRows <= 2 * MOST_NUMBERED;
}

export function matrixScale(matrix: Matrix): ColourScale {
  return colourScale(everyValue(matrix.values), matrix.diverging, matrix.domain);
}

function cellPaths(values: readonly Numbers[], scale: ColourScale, width: number, height: number, id: string): string[] {
  const paths = new Map<string, string>();
  values.forEach((row, y) => {
    for (let start = 0; start < row.length; ) {
      const kind = kindOf(row[start]!, scale);
      let end = start + 1;
      while (end < row.length && kindOf(row[end]!, scale) === kind) end += 1;
      const run = (end - start) * width;
      paths.set(kind, `${paths.get(kind) ?? ""}M${start * width} ${y * height}h${run}v${height}h-${run}z`);
      start = end;
    }
  });
  const order = [...paths].sort(([a], [b]) => (a < b ? -1 : 1));
  return order.map(([kind, d]) => element("path", { class: kind, d, fill: kind in PATTERNS ? `url(#${id}-${kind})` : undefined }));
}

function kindOf(value: number, scale: ColourScale): string {
  if (Number.isFinite(value)) return levelClass(levelOf(value, scale), scale.diverging);
  return Number.isNaN(value) ? "missing" : value < 0 ? "masked" : "infinite";
}

const PATTERNS: Record<string, string> = {
  masked: element("path", { class: "hatch", d: "M-1 7L7 -1M-1 1L1 -1M5 7L7 5" }),
  missing: element("circle", { class: "speck", cx: 3, cy: 3, r: 0.9 }),
  infinite: element("path", { class: "hatch", d: "M0 0L6 6M6 0L0 6" }),
};

function patterns(id: string): string {
  return element("defs", {}, ...Object.entries(PATTERNS).map(([name, drawing]) => element("pattern", { id: `${id}-${name}`, width: 6, height: 6, patternUnits: "userSpaceOnUse" }, drawing)));
}

function numbers(values: readonly Numbers[], texts: readonly string[][], scale: ColourScale, fit: number): string {
  const rows = values.length;
  const columns = texts[0]!.length;
  const drawn = values.flatMap((row, y) =>
    Array.from(row, (value, x) => {
      const strong = Number.isFinite(value) && isStrong(levelOf(value, scale), scale.diverging);
      const text = texts[y]![x]!;
      const quiet = !Number.isFinite(value) ? "outside" : /[1-9]/.test(text) ? undefined : "faint";
      return element(
        "text",
        { class: strong ? "on-strong" : quiet, x: percent((x + 0.5) / columns), y: percent((y + 0.5) / rows), dy: "0.35em" },
        superscriptsInSvg(text),
      );
    }),
  );
  return element("svg", { class: `numbers fits-${fit}`, "aria-hidden": "true", width: "100%", height: "100%" }, ...drawn);
}

/** The same decimals for all cells; zero is a plain 0, and what only rounds to zero is not. */
function cellTexts({ values, digits }: Matrix): string[][] {
  const finite = [...everyValue(values)].filter(Number.isFinite);
  const largest = Math.max(0, ...finite.map(Math.abs));
  const whole = finite.every(Number.isInteger) && largest < 1e5;
  const shift = largest > 0 ? Math.floor(Math.log10(largest)) : 0;
  const extreme = largest >= 1e4 || (largest > 0 && shift < -3);
  const decimals = whole ? 0 : Math.max(0, digits - Math.max(0, shift - 1) + Math.max(0, -shift - 1));
  return values.map((row) =>
    Array.from(row, (value) => {
      if (Number.isNaN(value)) return "";
      if (value === 0 || !Number.isFinite(value)) return formatNumber(value);
      return extreme && !whole ? formatNumber(Number(value.toPrecision(2)), 2) : formatDecimals(value, decimals);
    }),
  );
}
