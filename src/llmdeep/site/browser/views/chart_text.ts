/** A chart in words and as a table. */

import { axisTitle, type ChartLayout } from "./chart_layout";
import { enumerate } from "./markup";
import { formatNumber, withUnit } from "./numbers";
import { heights, seriesOf, type Series } from "./series";
import type { Chart, Places, Scalar } from "./types";

/** Rows of a data table; longer data are thinned evenly, and the table says so. */
const MOST_ROWS = 200;

/** The text alternative: what is drawn, over which axes, and where each series starts, ends, peaks. */
export function chartLabel(chart: Chart, { x, y }: ChartLayout): string {
  const axes = [describeAxis(chart.x.label || "x", chart.x, x), describeAxis(chart.y.label || "y", chart.y, y)];
  const parts = [chart.title ? `${chart.title}.` : "", `Chart of ${axes[1]} over ${axes[0]}.`];
  for (const series of seriesOf(chart)) parts.push(`${describeSeries(series, chart)}.`);
  for (const mark of chart.marks) {
    if ((mark.mark === "rule" || mark.mark === "band") && mark.label) {
      const [axis, at] = mark.x === undefined ? ["y", mark.y] : ["x", mark.x];
      parts.push(`${mark.mark === "rule" ? "Line" : "Band"} “${mark.label}” at ${axis} = ${spell(at)}.`);
    }
  }
  return parts.filter(Boolean).join(" ");
}

/** The chart's numbers: one row an x where all series share theirs, else one row a point. */
export function chartTable(chart: Chart): { columns: string[]; rows: Scalar[][]; note: string } {
  const series = seriesOf(chart);
  const first = series[0]?.mark.x;
  const shared = first !== undefined && series.every(({ mark }) => samePlaces(mark.x, first));
  const xName = axisTitle(chart.x) || "x";
  const yName = axisTitle(chart.y) || "y";
  let columns: string[];
  let rows: Scalar[][];
  if (shared) {
    const named = series.flatMap((one) => {
      const name = one.label || yName;
      const texts = one.mark.mark === "point" ? one.mark.texts : undefined;
      const low = one.mark.mark === "area" ? one.mark.low : undefined;
      return [
        ...(texts ? [{ name: "point", values: texts as ArrayLike<Scalar> }] : []),
        ...(low ? [{ name: `${name}, from`, values: low as ArrayLike<Scalar> }] : []),
        { name: low ? `${name}, to` : name, values: heights(one.mark) as ArrayLike<Scalar> },
      ];
    });
    columns = [xName, ...named.map(({ name }) => name)];
    rows = Array.from({ length: first.length }, (_, i) => [first[i]!, ...named.map(({ values }) => values[i] ?? null)]);
  } else {
    columns = ["series", xName, yName];
    rows = series.flatMap(({ mark, label, number }) => {
      const ys = heights(mark);
      const texts = mark.mark === "point" ? mark.texts : undefined;
      return Array.from(mark.x as ArrayLike<number | string>, (at, i): Scalar[] => [texts?.[i] ?? (label || `series ${number + 1}`), at, ys[i] ?? null]);
    });
  }
  const every = Math.ceil(rows.length / MOST_ROWS);
  const note = every > 1 ? `Every ${every}th of ${formatNumber(rows.length)} rows.` : "";
  return { columns, rows: rows.filter((_, i) => i % every === 0), note };
}

function describeAxis(name: string, axis: Chart["x"], scale: ChartLayout["x"]): string {
  if (scale.categories) {
    const names = scale.categories;
    return `${name} (${names.length <= 6 ? enumerate(names) : `${names.length} categories, ${names[0]} to ${names[names.length - 1]}`})`;
  }
  const [low, high] = scale.domain as [number, number];
  const log = axis.scale === "log" ? ", logarithmic" : "";
  return `${name} (${formatNumber(low)} to ${withUnit(high, axis.unit)}${log})`;
}

function describeSeries({ mark, label, number }: Series, chart: Chart): string {
  const ys = Array.from(heights(mark) as ArrayLike<number | string>);
  const kind = { line: "Line", area: "Area", bar: "Bars", point: "Points" }[mark.mark];
  const name = `${kind} ${label ? `“${label}”` : number + 1}`;
  const numbers = ys.map(Number);
  const finite = numbers.flatMap((value, i) => (Number.isFinite(value) ? [i] : []));
  if (finite.length === 0) return `${name}: no values`;
  const at = (i: number) => `${withUnit(numbers[i]!, chart.y.unit, 3)} at ${spell(mark.x[i])}`;
  const [first, last] = [finite[0]!, finite[finite.length - 1]!];
  if (first === last) return `${name}: ${at(first)}`;
  if (mark.mark === "point" || mark.mark === "bar") {
    if (finite.length <= 8) return `${name}: ${enumerate(finite.map((i) => (mark.mark === "point" && mark.texts?.[i] ? `${mark.texts[i]} ` : "") + at(i)))}`;
  }
  const lowest = finite.reduce((best, i) => (numbers[i]! < numbers[best]! ? i : best));
  const highest = finite.reduce((best, i) => (numbers[i]! > numbers[best]! ? i : best));
  const turns = [
    [lowest, "lowest"],
    [highest, "highest"],
  ].filter(([i]) => i !== first && i !== last) as [number, string][];
  return `${name}: from ${at(first)} to ${at(last)}${turns.map(([i, word]) => `, ${word} ${at(i)}`).join("")}`;
}

function spell(value: number | string | ArrayLike<number> | undefined): string {
  if (typeof value === "number") return formatNumber(value, 3);
  if (typeof value === "string" || value === undefined) return value ?? "";
  return `${formatNumber(value[0]!, 3)} to ${formatNumber(value[1]!, 3)}`;
}

function samePlaces(a: Places, b: Places): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (!Object.is(a[i], b[i])) return false;
  return true;
}
