/**
 * Charts. Horizontal places are percentages and vertical ones pixels, so that one SVG fits every
 * width with its text and strokes unscaled; curves live in a nested SVG that stretches.
 */

import { axisMarks, axisRoom, axisTitles, leftMargin } from "./chart_axes";
import { chartLayout, fromTop, type ChartLayout } from "./chart_layout";
import { bars, curves, points } from "./chart_marks";
import { bands, endLabels, rules } from "./chart_rules";
import { element } from "./markup";
import { heights, seriesOf, type Series } from "./series";
import { stripes } from "./shapes";
import type { Chart } from "./types";

/** The chart's SVG in its frame; `label` is the text alternative. */
export function chartFigure(chart: Chart, id: string, label: string): string {
  const layout = chartLayout(chart);
  const series = seriesOf(chart);
  const height = layout.top + layout.plotHeight + axisRoom(chart, layout);
  const ends = endLabels(series, layout);
  const svg = element(
    "svg",
    { class: "chart", width: "100%", height, role: "img", "aria-label": label, overflow: "visible" },
    defs(series, id),
    element(
      "svg",
      { y: layout.top, width: "100%", height: layout.plotHeight, overflow: "visible" },
      bands(chart, layout),
      axisMarks(layout),
      curves(series, layout, chart),
      bars(series, layout, id),
      rules(chart, layout),
      points(series, layout),
      ends ?? "",
      hasData(series, layout) ? "" : element("text", { class: "value", x: "50%", y: layout.plotHeight / 2, "text-anchor": "middle" }, "Nothing to show"),
    ),
    axisTitles(chart, layout),
  );
  return element("div", { class: `chart-frame ${leftMargin(layout)}${ends ? " has-ends" : ""}` }, svg);
}

function hasData(series: readonly Series[], layout: ChartLayout): boolean {
  return series.some(({ mark }) => {
    const ys = heights(mark);
    return Array.from(mark.x as ArrayLike<number | string>).some((x, i) => Number.isFinite(layout.x.at(x)) && Number.isFinite(fromTop(layout, ys[i] ?? NaN)));
  });
}

/** Fillings of bars. */
function defs(series: readonly Series[], id: string): string {
  const striped = [...new Set(series.filter(({ mark, number }) => mark.mark === "bar" && number % 2 === 1).map(({ number }) => number))];
  return striped.length ? element("defs", {}, ...striped.map((number) => stripes(`${id}-f${number}`, number))) : "";
}

