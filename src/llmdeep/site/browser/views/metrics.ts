/** A handful of numbers by name. */

import { element, escape } from "./markup";
import { formatNumber, superscripts } from "./numbers";
import type { Metrics } from "./types";

export function metricsView({ items }: Metrics): string {
  const entries = items.map(({ name, value = "", unit, note }) =>
    element(
      "div",
      {},
      element("dt", {}, escape(name)),
      element(
        "dd",
        {},
        element("span", { class: "metric-value" }, show(value)),
        unit ? ` ${element("span", { class: "metric-unit" }, escape(unit))}` : "",
        note ? element("span", { class: "metric-note" }, escape(note)) : "",
      ),
    ),
  );
  return element("dl", { class: "metrics" }, ...entries);
}

function show(value: number | string | boolean): string {
  if (typeof value === "number") return superscripts(formatNumber(value));
  return typeof value === "boolean" ? (value ? "yes" : "no") : element("bdi", {}, escape(value));
}
