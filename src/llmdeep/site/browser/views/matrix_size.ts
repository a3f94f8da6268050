/**
 * The sizes of a matrix: of its cells, of all of it, and from which width on its numbers can be
 * read. Kept for each matrix, since its neighbours ask too.
 */

import { numberWidth } from "./labels";
import { columnOverhang, rowLabelWidth } from "./matrix_labels";
import { cellTexts } from "./matrix_numbers";
import { sizeOf } from "./matrix_text";
import type { Matrix } from "./types";

/** Cell height in the drawing's own coordinates, and the largest it gets on the page, in pixels. */
const CELL = 28;
const WIDEST_CELL = 84;
/** Matrices with more columns have no numbers in their cells, and at most this many pixels. */
const MOST_NUMBERED = 16;
const MOST_PIXELS = 448;
/** Widths in pixels for which there are classes. */
const WIDTHS = [160, 170, 180, 190, 200, 210, 220, 230, 240, 250, 260, 270, 280, 290, 300, 320, 340, 360, 380, 400,
  420, 440, 460, 480, 500, 520, 560, 600, 640, 680] as const;

export interface MatrixSize {
  cellWidth: number;
  cellHeight: number;
  /** The width with everything around the cells, in pixels. */
  room: number;
  /** The class of that width, which the matrix's own container cannot tell its neighbours. */
  roomClass: string;
  /** The width from which on numbers fit, as a class; undefined if there are none. */
  fits?: string;
}

const sizes = new WeakMap<Matrix, MatrixSize>();

export function matrixSize(matrix: Matrix): MatrixSize {
  let size = sizes.get(matrix);
  if (!size) sizes.set(matrix, (size = measured(matrix)));
  return size;
}

/** Whether cells are large enough for numbers, if the page is. */
export function hasNumbers(matrix: Matrix): boolean {
  const [nRows, nColumns] = sizeOf(matrix);
  return nColumns <= MOST_NUMBERED && nRows <= 2 * MOST_NUMBERED;
}

function measured(matrix: Matrix): MatrixSize {
  const [nRows, nColumns] = sizeOf(matrix);
  const numbered = hasNumbers(matrix);
  const longest = numbered ? Math.max(0, ...cellTexts(matrix).flat().map(numberWidth)) : 0;
  const cellWidth = numbered ? Math.min(WIDEST_CELL, Math.max(CELL, Math.ceil(longest + 8))) : Math.max(5, Math.min(CELL, Math.floor(MOST_PIXELS / nColumns)));
  const cellHeight = numbered ? CELL : Math.max(5, Math.min(cellWidth, Math.floor(MOST_PIXELS / nRows)));
  const around = rowLabelWidth(matrix) + (matrix.row_label ? 18 : 0) + columnOverhang(matrix, nColumns * cellWidth) + 6;
  const room = nColumns * cellWidth + around;
  const least = nColumns * (longest + 1) + around;
  const fits = numbered ? WIDTHS.find((width) => width >= least) : undefined;
  return { cellWidth, cellHeight, room, roomClass: `room-${WIDTHS.find((width) => width >= room) ?? "all"}`, fits: fits && `fits-${fits}` };
}
