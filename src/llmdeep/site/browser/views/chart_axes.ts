/** The axes of a chart: ticks, their text, names, and the room they need. */

import { axisTitle, NARROW, type ChartLayout } from "./chart_layout";
import { CHARACTER, shorten, textWidth } from "./labels";
import { element, escape, percent } from "./markup";
import { superscriptsInSvg } from "./numbers";
import type { Scale } from "./scale";
import type { Chart } from "./types";

/** Characters of a tick's text, beyond which it is cut. */
const LONGEST_LEFT = 22;
const LONGEST_BELOW = 14;
/** Left margins in pixels for which there is a class. */
const MARGINS = [32, 44, 60, 88, 120, 150] as const;

/** Grid lines, ticks and their text. Every second text goes where the page is too narrow for all. */
export function axisMarks(layout: ChartLayout): string {
  const { x, y, plotHeight } = layout;
  const rotated = rotatesTicks(x);
  const crowded = x.ticks.reduce((sum, tick) => sum + textWidth(tick.text) + 8, 0) > NARROW;
  const horizontal = y.ticks.map((tick) => {
    const top = plotHeight * (y.categories ? tick.at : 1 - tick.at);
    return (
      element("line", { class: "grid", x2: "100%", y1: top, y2: top }) +
      element("text", { class: "tick", x: -8, y: top, dy: "0.35em", "text-anchor": "end" }, superscriptsInSvg(shorten(tick.text, LONGEST_LEFT)))
    );
  });
  const vertical = x.ticks.map((tick, index) => {
    const text = superscriptsInSvg(shorten(tick.text, LONGEST_BELOW));
    const mark = x.categories ? "" : element("line", { class: "tick-mark", x1: percent(tick.at), x2: percent(tick.at), y1: plotHeight, y2: plotHeight + 5 });
    const kind = crowded && !rotated && index % 2 === 1 ? "tick minor" : "tick";
    return rotated
      ? mark + element("svg", { x: percent(tick.at), y: plotHeight + 12, overflow: "visible" }, element("text", { class: kind, transform: "rotate(-40)", "text-anchor": "end" }, text))
      : mark + element("text", { class: kind, x: percent(tick.at), y: plotHeight + 18, "text-anchor": "middle" }, text);
  });
  const base = element("line", { class: "axis", x2: "100%", y1: plotHeight, y2: plotHeight });
  return element("g", { class: "axes" }, ...horizontal, ...vertical, base);
}

/** Names and units of the axes: of y above it, of x at its right end. */
export function axisTitles(chart: Chart, layout: ChartLayout): string {
  const height = layout.top + layout.plotHeight + axisRoom(chart, layout);
  const [x, y] = [axisTitle(chart.x), axisTitle(chart.y)];
  return (
    (y ? element("text", { class: "axis-title at-left", x: 0, y: 12 }, escape(y)) : "") +
    (x ? element("text", { class: "axis-title", x: "100%", y: height - 4, "text-anchor": "end" }, escape(x)) : "")
  );
}

/** Pixels below the plot. */
export function axisRoom(chart: Chart, { x }: ChartLayout): number {
  const ticks = rotatesTicks(x) ? 14 + Math.min(LONGEST_BELOW * CHARACTER, longest(x)) * 0.68 : 22;
  return ticks + (axisTitle(chart.x) ? 18 : 0);
}

/** The class that leaves room for the text of the y axis. */
export function leftMargin(layout: ChartLayout): string {
  const needed = Math.max(Math.min(LONGEST_LEFT * CHARACTER, longest(layout.y)) + 14, rotatesTicks(layout.x) ? 60 : 0);
  return `left-${MARGINS.find((margin) => margin >= needed) ?? MARGINS[MARGINS.length - 1]}`;
}

/** The width of the longest tick text, in pixels. */
function longest(scale: Scale): number {
  return Math.max(CHARACTER, ...scale.ticks.map((tick) => textWidth(tick.text)));
}

/** Names of categories are turned where they would not fit side by side on a narrow page. */
function rotatesTicks(x: Scale): boolean {
  return x.categories !== undefined && longest(x) > NARROW / x.ticks.length - 4;
}
