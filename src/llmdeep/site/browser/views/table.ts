/** Tables: those a widget shows, and the data behind a picture. */

import { element, escape } from "./markup";
import { formatColumn, isYears, superscripts } from "./numbers";
import type { Scalar, Table } from "./types";

export function tableView(view: Table): string {
  return tableOf(view.columns, view.rows.map((row) => Array.from(row)), view.digits, view.title || "Table");
}

/** A table that scrolls sideways within itself, with a header column where the first one is text. */
export function tableOf(columns: readonly string[], rows: readonly (readonly Scalar[])[], digits: number, name: string): string {
  const width = Math.max(columns.length, ...rows.map((row) => row.length));
  const cells = Array.from({ length: width }, (_, column) => columnCells(rows.map((row) => row[column] ?? null), digits, isYears(columns[column])));
  const named = rows.length > 1 && typeof rows[0]?.[0] === "string";
  const head = element("tr", {}, ...Array.from({ length: width }, (_, i) => element("th", { scope: "col", class: cells[i]!.kind }, escape(columns[i] ?? ""))));
  const body = rows.map((_, row) =>
    element(
      "tr",
      {},
      ...cells.map(({ texts, kind }, column) =>
        named && column === 0
          ? element("th", { scope: "row", class: kind }, texts[row]!)
          : element("td", { class: kind }, texts[row]!),
      ),
    ),
  );
  return element(
    "div",
    { class: "table-scroll", tabindex: 0, role: "group", "aria-label": name },
    element("table", { class: "data-table" }, element("thead", {}, head), element("tbody", {}, ...body)),
  );
}

/** Text that is never broken, in characters: shapes, names. */
const SHORT = 12;

function columnCells(values: readonly Scalar[], digits: number, years: boolean): { texts: string[]; kind: "number" | "short" | undefined } {
  const numbers = values.filter((value) => typeof value === "number");
  const numeric = numbers.length > 0 && values.every((value) => typeof value === "number" || value === null);
  const formatted = years && numbers.every(Number.isInteger) ? numbers.map(String) : formatColumn(numbers, digits);
  let next = 0;
  const texts = values.map((value) => {
    if (typeof value === "number") return superscripts(formatted[next++]!);
    if (typeof value === "boolean") return value ? "yes" : "no";
    return value === null ? "" : element("bdi", {}, escape(value));
  });
  const short = values.every((value) => typeof value !== "string" || value.length <= SHORT);
  return { texts, kind: numeric ? "number" : short ? "short" : undefined };
}
