/** A matrix in words and as a table. */

import { formatNumber, withUnit } from "./numbers";
import { colourScale, type ColourScale } from "./palette";
import type { Matrix, Numbers, Scalar } from "./types";

/** More cells than this are summarized by row in the table. */
const MOST_TABLE_CELLS = 600;

export function sizeOf({ values }: Matrix): [rows: number, columns: number] {
  return [values.length, Math.max(0, ...values.map((row) => row.length))];
}

export function rowName({ rows }: Matrix, index: number): string {
  return rows?.[index] ?? String(index);
}

export function columnName({ columns }: Matrix, index: number): string {
  return columns?.[index] ?? String(index);
}

export function matrixScale(matrix: Matrix): ColourScale {
  return colourScale(everyValue(matrix.values), matrix.diverging, matrix.domain);
}

/** The text alternative: size, axes, range, where the largest value is, and what is masked. */
export function matrixLabel(matrix: Matrix): string {
  const [nRows, nColumns] = sizeOf(matrix);
  const title = matrix.title ? `${matrix.title}. ` : "";
  const axes = `${nRows} rows${matrix.row_label ? ` (${matrix.row_label})` : ""} by ${nColumns} columns${matrix.column_label ? ` (${matrix.column_label})` : ""}`;
  const [smallest, largest] = [extreme(matrix, (a, b) => a < b), extreme(matrix, (a, b) => a > b)];
  const masked = count(matrix, (value) => value === -Infinity);
  const missing = count(matrix, Number.isNaN);
  const range = smallest && largest
    ? ` Values from ${withUnit(smallest.value, matrix.unit, 3)} to ${withUnit(largest.value, matrix.unit, 3)}; the largest is in row ${rowName(matrix, largest.row)}, column ${columnName(matrix, largest.column)}.`
    : "";
  return `${title}Heat map, ${axes}.${range}${masked ? ` ${masked} cells are −∞ (masked).` : ""}${missing ? ` ${missing} cells have no value.` : ""}`;
}

/** All cells, or, where they are too many to read, a summary of each row. */
export function matrixTable(matrix: Matrix): { columns: string[]; rows: Scalar[][]; note: string } {
  const [nRows, nColumns] = sizeOf(matrix);
  const corner = matrix.row_label || "row";
  if (nRows * nColumns <= MOST_TABLE_CELLS) {
    return {
      columns: [corner, ...Array.from({ length: nColumns }, (_, i) => columnName(matrix, i))],
      rows: matrix.values.map((row, i) => [rowName(matrix, i), ...Array.from(row)]),
      note: "",
    };
  }
  const rows = matrix.values.map((row, i): Scalar[] => {
    const finite = Array.from(row).flatMap((value, column) => (Number.isFinite(value) ? [{ value, column }] : []));
    const best = finite.reduce<{ value: number; column: number } | undefined>((a, b) => (a && a.value >= b.value ? a : b), undefined);
    const mean = finite.reduce((sum, { value }) => sum + value, 0) / finite.length;
    return [rowName(matrix, i), Math.min(...finite.map(({ value }) => value), Infinity), mean, best?.value ?? NaN, best ? columnName(matrix, best.column) : ""];
  });
  const note = `${formatNumber(nRows * nColumns)} cells, summarized by row.`;
  return { columns: [corner, "smallest", "mean", "largest", `largest at ${matrix.column_label || "column"}`], rows, note };
}

/** Every cell's value, row by row. */
export function* everyValue(values: readonly Numbers[]): Generator<number> {
  for (const row of values) for (let i = 0; i < row.length; i += 1) yield row[i]!;
}

/** How many cells hold a value of some kind. */
export function count({ values }: Matrix, holds: (value: number) => boolean): number {
  let n = 0;
  for (const value of everyValue(values)) if (holds(value)) n += 1;
  return n;
}

function extreme({ values }: Matrix, better: (a: number, b: number) => boolean): { value: number; row: number; column: number } | undefined {
  let best: { value: number; row: number; column: number } | undefined;
  values.forEach((cells, row) => {
    for (let column = 0; column < cells.length; column += 1) {
      const value = cells[column]!;
      if (Number.isFinite(value) && (!best || better(value, best.value))) best = { value, row, column };
    }
  });
  return best;
}
