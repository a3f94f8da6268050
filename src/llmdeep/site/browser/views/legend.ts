/** The legend of a chart: a swatch and a name for each labelled series. */

import { element, escape } from "./markup";
import { seriesOf, type Series } from "./series";
import { colourClass, shape } from "./shapes";
import type { Chart } from "./types";

/** An HTML list, or "" when no series has a label. Hidden from assistive technology: the picture's
 * text alternative names the series already. */
export function legend(chart: Chart, id: string): string {
  const series = seriesOf(chart).filter(({ label }) => label);
  const entries = [...new Set(series.map(({ number }) => number))].map((number) => {
    const same = series.filter((one) => one.number === number);
    return element("li", {}, swatch(same, id), element("span", {}, escape(same[0]!.label)));
  });
  return entries.length ? element("ul", { class: "legend", "aria-hidden": "true" }, ...entries) : "";
}

function swatch(series: readonly Series[], id: string): string {
  const number = series[0]!.number;
  const colour = colourClass(number);
  const drawn = series.map(({ mark }) => {
    if (mark.mark === "line") {
      return (
        element("line", { class: `line ${colour}${mark.dashed ? " dashed" : ""}`, x1: 1, x2: 27, y1: 7, y2: 7 }) +
        element("path", { class: `marker ${colour}`, d: shape(number), transform: "translate(14 7)" })
      );
    }
    if (mark.mark === "point") return element("path", { class: `dot ${colour}`, d: shape(number), transform: "translate(14 7)" });
    if (mark.mark === "area") return element("rect", { class: `area ${colour}`, x: 3, y: 1, width: 22, height: 12 });
    const striped = number % 2 === 1;
    return element("rect", { class: `${colour} ${striped ? "striped" : "bar"}`, fill: striped ? `url(#${id}-f${number})` : undefined, x: 8, y: 1, width: 12, height: 12 });
  });
  return element("svg", { width: 28, height: 14, viewBox: "0 0 28 14", "aria-hidden": "true" }, ...drawn);
}
