/** What a figure shows, as a file: its numbers as JSON or CSV, its pictures as one SVG. */

import { pictureOf } from "../views/picture";
import type { Mark, Matrix, Scalar, View } from "../views/types";

/** The numbers of the views, and how they came about. NaN and infinities are written as text. */
export function asJson(about: Record<string, unknown>, views: readonly View[]): string {
  return JSON.stringify(
    { ...about, views },
    (_key, value: unknown) => {
      if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array, finite);
      return typeof value === "number" ? finite(value) : value;
    },
    1,
  );
}

/** One table a view, a blank line between two, each under its title. */
export function asCsv(views: readonly View[]): string {
  const tables = views.map((view) => [["title" in view && view.title ? `# ${view.title}` : `# ${view.view}`], ...rows(view)]);
  return tables.map((table) => table.map((row) => row.map(field).join(",")).join("\r\n")).join("\r\n\r\n") + "\r\n";
}

/** The figure's views as one SVG that needs no style sheet, if there is a picture among them. */
export function asSvg(figure: Element): string | undefined {
  const views = figure.querySelector("[data-views]");
  return views?.querySelector("[data-view] svg") ? pictureOf(views) : undefined;
}

export function save(name: string, type: string, content: string): void {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([content], { type }));
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000); // some browsers read it only now
}

type Row = ArrayLike<Scalar | undefined>;

function rows(view: View): Scalar[][] {
  return table(view).map((row) => Array.from(row, (cell) => cell ?? null));
}

function table(view: View): Row[] {
  switch (view.view) {
    case "chart":
      return [["series", "x", "y", "low"], ...view.marks.flatMap(markRows)];
    case "matrix":
      return matrixRows(view);
    case "tokens":
      return [["token", "value", "note", "detail"], ...view.tokens.map((token, i) => [token, view.values?.[i], view.notes?.[i], view.details?.[i]])];
    case "table":
      return [view.columns, ...view.rows];
    case "metrics":
      return [["name", "value", "unit"], ...view.items.map(({ name, value, unit }) => [name, value, unit])];
    case "graph":
      return [
        ["node", "x", "y", "value"],
        ...view.nodes.map(({ id, x, y, value }) => [id, x, y, value]),
        ["from", "to", "value"],
        ...view.edges.map(({ source, target, value }) => [source, target, value]),
      ];
    case "math":
      return [[view.tex]];
    case "note":
      return [[view.text]];
  }
}

function matrixRows({ values, rows: names, columns }: Matrix): Row[] {
  const width = values[0]?.length ?? 0;
  const head = Array.from({ length: width }, (_, column) => columns?.[column] ?? column);
  return [["", ...head], ...values.map((row, i) => [names?.[i] ?? i, ...Array.from(row)])];
}

function markRows(mark: Mark): Row[] {
  const name = mark.label ?? mark.mark;
  if (mark.mark === "rule") return [[name, mark.x, mark.y]];
  if (mark.mark === "band") return [0, 1].map((end) => [name, mark.x?.[end], mark.y?.[end]]);
  const y = mark.mark === "area" ? mark.high : mark.y;
  const low = mark.mark === "area" ? mark.low : undefined;
  return Array.from(mark.x as ArrayLike<number | string>, (x, i) => [name, x, y[i], low?.[i]]);
}

function field(value: Scalar): string {
  const text = value === null ? "" : String(typeof value === "number" ? shorten(value) : value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

function finite(value: number): number | string {
  return Number.isFinite(value) ? shorten(value) : String(value);
}

function shorten(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(15)) : value; // 0.1 + 0.2 is 0.3 to a reader
}
