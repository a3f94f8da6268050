/** What a chart says about its axes rather than its data: rules, bands, and names at the ends of lines. */

import { categoryName, fromTop, type ChartLayout } from "./chart_layout";
import { drawable, inside, pairs, SPAN } from "./chart_marks";
import { element, escape, percent } from "./markup";
import type { Scale } from "./scale";
import type { Series } from "./series";
import { colourClass } from "./shapes";
import type { Band, Chart, Rule } from "./types";

/** Straight lines across the plot; labels of vertical ones stand above it. */
export function rules(chart: Chart, layout: ChartLayout): string {
  const rows = layout.ruleRows;
  return chart.marks
    .filter((mark): mark is Rule => mark.mark === "rule")
    .map((rule) => {
      const x = rule.x === undefined ? NaN : layout.x.at(categoryName(layout.x, rule.x));
      const y = rule.y === undefined ? NaN : fromTop(layout, categoryName(layout.y, rule.y));
      let drawn = "";
      if (x >= 0 && x <= 1) {
        const top = rows.has(rule) ? -4 - 16 * rows.get(rule)! : 0;
        drawn += element("line", { class: "rule", x1: percent(x), x2: percent(x), y1: top, y2: layout.plotHeight });
        if (rule.label) drawn += element("text", { class: "halo", x: percent(x), dx: x > 0.5 ? -4 : 4, y: top + 2, "text-anchor": x > 0.5 ? "end" : "start" }, escape(rule.label));
      }
      if (y >= 0 && y <= layout.plotHeight) {
        drawn += element("line", { class: "rule", x2: "100%", y1: y, y2: y });
        if (rule.label && rule.x === undefined) drawn += element("text", { class: "halo", x: "100%", dx: -4, y: y - 5, "text-anchor": "end" }, escape(rule.label));
      }
      return drawn;
    })
    .join("");
}

/** Shaded stretches across the plot. */
export function bands(chart: Chart, layout: ChartLayout): string {
  return chart.marks
    .filter((mark): mark is Band => mark.mark === "band")
    .map((band) => {
      const ends = (scale: Scale, pair: ArrayLike<number>) =>
        [pair[0]!, pair[1]!].map((value) => Math.max(0, Math.min(1, scale.at(value)))).sort((a, b) => a - b) as [number, number];
      const [left, right] = band.x ? ends(layout.x, band.x) : [0, 1];
      const [low, high] = band.y ? ends(layout.y, band.y) : [0, 1];
      if (![left, right, low, high].every(Number.isFinite)) return "";
      const top = (1 - high) * layout.plotHeight;
      const label = band.label
        ? element("text", { class: "halo band-label", x: percent((left + right) / 2), y: top + 15, "text-anchor": "middle" }, escape(band.label))
        : "";
      return element("rect", { class: "band", x: percent(left), width: percent(right - left), y: top, height: (high - low) * layout.plotHeight }) + label;
    })
    .join("");
}

/**
 * Labels at the right ends of lines, which wide pages show in place of the legend; undefined where
 * they would not do.
 */
export function endLabels(series: readonly Series[], layout: ChartLayout): string | undefined {
  const named = series.filter(({ label }) => label);
  if (named.length < 2 || named.length > 8) return undefined;
  const ends: { y: number; series: Series }[] = [];
  for (const one of named) {
    if (one.mark.mark !== "line" || one.label.length > 18) return undefined;
    const last = pairs(one.mark.x, one.mark.y, layout).filter(drawable).at(-1);
    if (!last || last[0] < 0.97 * SPAN || !inside(last, layout)) return undefined;
    ends.push({ y: last[1], series: one });
  }
  const places = apart(ends.map(({ y }) => y), 15, layout.plotHeight);
  return element(
    "g",
    { class: "ends" },
    ...ends.map(({ series: { number, label } }, i) =>
      element("text", { class: colourClass(number), x: "100%", dx: 10, y: places[i]!, dy: "0.35em" }, escape(label)),
    ),
  );
}

/** Places as near to the given ones as they can be, in the same order, at least `gap` apart, none beyond `end`. */
function apart(places: readonly number[], gap: number, end: number): number[] {
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  const moved = [...places];
  let least = -Infinity;
  for (const i of order) least = (moved[i] = Math.max(moved[i]!, least)) + gap;
  let most = end;
  for (const i of order.reverse()) most = (moved[i] = Math.min(moved[i]!, most)) - gap;
  return moved;
}
