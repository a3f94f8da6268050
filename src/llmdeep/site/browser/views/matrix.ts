/**
 * Matrices. All cells of one colour are one path, so even 64 × 64 cells are at most 64 elements;
 * numbers and labels are placed in percentages over it and keep their size at every width.
 */

import { element, escape } from "./markup";
import { columnLabels, columnOverhang, rowLabels } from "./matrix_labels";
import { numbersGrid } from "./matrix_numbers";
import { matrixSize } from "./matrix_size";
import { matrixScale, sizeOf } from "./matrix_text";
import { levelClass, levelOf, type ColourScale } from "./palette";
import { scaleLegend } from "./scale_legend";
import type { Matrix, Numbers } from "./types";

/** The picture, its labels and its scale; `label` is the text alternative. */
export function matrixFigure(matrix: Matrix, id: string, label: string, withNumbers = true): string {
  const [nRows, nColumns] = sizeOf(matrix);
  if (nRows === 0 || nColumns === 0) return element("p", { class: "empty" }, "This matrix has no cells.");
  const scale = matrixScale(matrix);
  const { cellWidth, cellHeight, fits } = matrixSize(matrix);
  const [width, height] = [nColumns * cellWidth, nRows * cellHeight];
  const cells = element(
    "svg",
    { class: fits ? "cells tall" : "cells", viewBox: `0 0 ${width} ${height}`, width, height, preserveAspectRatio: "none", role: "img", "aria-label": label },
    patterns(id),
    ...cellPaths(matrix.values, scale, cellWidth, cellHeight, id),
  );
  const overhang = columnOverhang(matrix, width);
  return (
    element(
      "div",
      { class: `matrix-frame${overhang ? ` turned-${overhang}` : ""}` },
      matrix.column_label ? element("div", { class: "matrix-column-title" }, escape(matrix.column_label)) : "",
      matrix.row_label ? element("div", { class: "matrix-row-title" }, element("span", {}, escape(matrix.row_label))) : "",
      columnLabels(matrix, width),
      rowLabels(matrix, width, height),
      element("div", { class: "matrix-cells" }, cells, fits ? numbersGrid(matrix, fits, withNumbers) : ""),
    ) + scaleLegend(matrix, scale, id)
  );
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
