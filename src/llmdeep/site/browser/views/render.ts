/** The one renderer: from a view to markup, in Node at build time and in the browser afterwards. */

import { chartFigure } from "./chart";
import { chartLayout } from "./chart_layout";
import { chartLabel, chartTable } from "./chart_text";
import { graphFigure, graphLabel, graphTable } from "./graph";
import { legend } from "./legend";
import { element, escape } from "./markup";
import { matrixFigure } from "./matrix";
import { matrixSize } from "./matrix_size";
import { matrixLabel, matrixTable } from "./matrix_text";
import { metricsView } from "./metrics";
import { noteView } from "./note";
import { formatNumber } from "./numbers";
import { tableOf, tableView } from "./table";
import { tokensView } from "./tokens";
import type { Chart, MathFormula, Scalar, View } from "./types";

export interface RenderOptions {
  /** Unique on the page; ids inside begin with it. Letters, digits, - and _ only. */
  id: string;
  /** Typesets a formula; without it a Math view shows its TeX. */
  math?: (tex: string, display: boolean) => string;
  /** "none" leaves out the tables behind pictures, which the browser fills when they are opened. */
  data?: "full" | "none";
  /** "none" leaves out the numbers in the cells of a matrix, for a page that has them already. */
  numbers?: "full" | "none";
}

/** One view as one element with `data-view`, its title, picture, legend and data. */
export function renderView(view: View, options: RenderOptions): string {
  if (!/^[A-Za-z][\w-]*$/.test(options.id)) throw new RangeError(`“${options.id}” can't be an id: letters, digits, - and _ only.`);
  return element(
    "div",
    { class: `view view-${view.view}${view.view === "matrix" ? ` ${matrixSize(view).roomClass}` : ""}`, "data-view": view.view, id: options.id },
    view.title ? element("p", { class: "view-title" }, escape(view.title)) : "",
    body(view, options),
    dataSection(view, options),
  );
}

/** The table behind a picture, as the content of its <details>; "" for views that are text already. */
export function dataTable(view: View): string {
  const table = dataOf(view);
  if (!table) return "";
  const note = table.note ? element("p", { class: "view-unit" }, escape(table.note)) : "";
  return tableOf(table.columns, table.rows, 4, `Data of ${view.title || "the picture"}`) + note;
}

function body(view: View, { id, math, numbers }: RenderOptions): string {
  switch (view.view) {
    case "chart":
      return chart(view, id);
    case "matrix":
      return matrixFigure(view, id, matrixLabel(view), numbers !== "none");
    case "graph":
      return graphFigure(view, id, graphLabel(view));
    case "tokens":
      return tokensView(view);
    case "table":
      return tableView(view);
    case "metrics":
      return metricsView(view);
    case "note":
      return noteView(view);
    case "math":
      return formula(view, math);
    default:
      throw new TypeError(`There is no view of kind “${String((view as { view: unknown }).view)}”.`);
  }
}

function chart(view: Chart, id: string): string {
  const layout = chartLayout(view);
  const dropped = layout.x.dropped + layout.y.dropped;
  const note = dropped ? element("p", { class: "view-unit" }, `${formatNumber(dropped)} ${dropped === 1 ? "value is" : "values are"} 0 or below and can't be placed on a logarithmic axis.`) : "";
  return legend(view, id) + chartFigure(view, id, chartLabel(view, layout)) + note;
}

function formula({ tex = "" }: MathFormula, math: RenderOptions["math"]): string {
  const typeset = math?.(tex, true);
  return element("div", { class: "math-scroll", tabindex: 0, role: "group", "aria-label": "Formula" }, typeset ?? element("code", { class: "math-source" }, escape(tex)));
}

function dataSection(view: View, { data }: RenderOptions): string {
  if (!dataOf(view)) return "";
  return element("details", { class: "view-data" }, element("summary", {}, "Numbers"), element("div", { class: "view-data-body" }, data === "none" ? "" : dataTable(view)));
}

function dataOf(view: View): { columns: string[]; rows: Scalar[][]; note: string } | undefined {
  if (view.view === "chart") return chartTable(view);
  if (view.view === "matrix") return matrixTable(view);
  return view.view === "graph" && view.edges.length ? graphTable(view) : undefined;
}
