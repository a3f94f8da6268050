/**
 * Which views of a figure stand side by side. What must be seen together is brought together where
 * the page has room; on a narrow one everything stands in the order the widget gave.
 *
 *     charts, small tables           two in a row
 *     small matrices                 as many in a row as fit; beside a single one, what is said of it
 *     notes, numbers                 two in a row
 *     all else                       the whole width
 */

import { element } from "./markup";
import { matrixSize } from "./matrix_size";
import type { View } from "./types";

type Kind = "chart" | "table" | "matrix" | "text" | "formula" | "wide";

/** A matrix that needs more pixels than this has the page to itself. */
const SMALL_MATRIX = 520;
const SMALL_TABLE = 3;

/** The markup of the views, `drawn` in order, with a wrapper around those that share a row. */
export function arranged(views: readonly View[], drawn: readonly string[]): string {
  const kinds = views.map(kindOf);
  const rows: string[] = [];
  for (let start = 0; start < views.length; ) {
    const kind = kinds[start]!;
    const end = runEnd(kinds, start, [kind]);
    const next = leavesRoom(kind, end - start) ? runEnd(kinds, end, ["text", "formula"]) : end;
    const stack = next > end ? [element("div", { class: "views-stack" }, ...drawn.slice(end, next))] : [];
    const alone = kind === "wide" || kind === "formula" || next - start === 1;
    const row = kind === "matrix" ? "views-line" : "views-pairs";
    rows.push(...(alone ? drawn.slice(start, end) : [element("div", { class: row }, ...drawn.slice(start, end), ...stack)]));
    start = next;
  }
  return rows.join("");
}

function runEnd(kinds: readonly Kind[], start: number, wanted: readonly Kind[]): number {
  let end = start;
  while (end < kinds.length && wanted.includes(kinds[end]!)) end += 1;
  return end;
}

/** Beside a single matrix and beside the third of three charts there is room for what is said of them. */
function leavesRoom(kind: Kind, count: number): boolean {
  return (kind === "matrix" && count === 1) || (kind === "chart" && count > 1 && count % 2 === 1);
}

function kindOf(view: View): Kind {
  switch (view.view) {
    case "chart":
      return "chart";
    case "matrix":
      return matrixSize(view).room <= SMALL_MATRIX ? "matrix" : "wide";
    case "table":
      return view.columns.length <= SMALL_TABLE ? "table" : "wide";
    case "note":
    case "metrics":
      return "text";
    case "math":
      return "formula";
    default:
      return "wide";
  }
}
