/** The names along a matrix, placed in percentages of its sides. */

import { shorten, textWidth, visibleSpace } from "./labels";
import { element, escape, percent } from "./markup";
import { columnName, rowName, sizeOf } from "./matrix_text";
import type { Matrix } from "./types";

/** Height of a line of text, in pixels. */
const LINE = 12.5;
/** Widths of a matrix, in pixels, on a narrow page and beside another view. */
const NARROW = 260;
const WIDE = 520;

export function rowLabelWidth(matrix: Matrix): number {
  const names = Array.from({ length: sizeOf(matrix)[0] }, (_, i) => shorten(rowName(matrix, i), 16));
  return Math.ceil(Math.max(...names.map(textWidth))) + 9;
}

/** Names of the rows, at the left, as many as there is room for lines of text. */
export function rowLabels(matrix: Matrix, width: number, height: number): string {
  const [n] = sizeOf(matrix);
  const every = Math.ceil((LINE * n) / (height * Math.min(1, WIDE / width)));
  const narrow = Math.ceil((LINE * n) / (height * Math.min(1, NARROW / width) * every));
  const drawn = Array.from({ length: n }, (_, i) => i)
    .filter((i) => i % every === 0)
    .map((i, position) =>
      element("text", { class: position % narrow ? "tick minor" : "tick", x: "100%", dx: -6, y: percent((i + 0.5) / n), dy: "0.35em", "text-anchor": "end" }, label(rowName(matrix, i), 16)),
    );
  return element("svg", { class: "matrix-rows", "aria-hidden": "true", width: rowLabelWidth(matrix), overflow: "visible" }, ...drawn);
}

/** Names of the columns, above, turned where they are wider than the narrowest cells. */
export function columnLabels(matrix: Matrix, width: number): string {
  const [, n] = sizeOf(matrix);
  const longest = Math.max(...columnWidths(matrix));
  const turned = isTurned(matrix, width);
  const room = turned ? LINE + 3 : longest + 6;
  const every = Math.ceil((room * n) / Math.min(width, WIDE));
  const narrow = Math.ceil((room * n) / (Math.min(width, NARROW) * every));
  const drawn = Array.from({ length: n }, (_, i) => i)
    .filter((i) => i % every === 0)
    .map((i, position) => {
      const kind = position % narrow ? "tick minor" : "tick";
      const at = percent((i + 0.5) / n);
      const text = label(columnName(matrix, i), 14);
      return turned
        ? element("svg", { x: at, y: "100%", overflow: "visible" }, element("text", { class: kind, transform: "translate(3 -5) rotate(-55)" }, text))
        : element("text", { class: kind, x: at, y: "100%", dy: -5, "text-anchor": "middle" }, text);
    });
  const height = turned ? Math.ceil(longest * 0.83) + 12 : 20;
  return element("svg", { class: "matrix-columns", "aria-hidden": "true", width: "100%", height, overflow: "visible" }, ...drawn);
}

/** Pixels by which turned names reach beyond the cells at the right: a multiple of ten, for which there is a class. */
export function columnOverhang(matrix: Matrix, width: number): number {
  if (!isTurned(matrix, width)) return 0;
  const [, n] = sizeOf(matrix);
  const beyond = columnWidths(matrix).map((wide, i) => wide * 0.58 + 3 - ((n - i - 0.5) / n) * Math.min(width, NARROW));
  return Math.max(0, Math.ceil(Math.max(...beyond) / 10) * 10);
}

function isTurned(matrix: Matrix, width: number): boolean {
  return matrix.columns !== undefined && Math.max(...columnWidths(matrix)) > Math.min(width, NARROW) / sizeOf(matrix)[1] - 4;
}

function columnWidths(matrix: Matrix): number[] {
  return Array.from({ length: sizeOf(matrix)[1] }, (_, i) => textWidth(shorten(columnName(matrix, i), 14)));
}

function label(name: string, most: number): string {
  return escape(shorten(visibleSpace(name), most));
}
