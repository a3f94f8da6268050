/** Where things go in a chart: its scales, its height, and the room above the plot. */

import { textWidth } from "./labels";
import { isNames, scaleOf, type Scale } from "./scale";
import type { Axis, Chart, Places, Rule } from "./types";

/** The plot's width on the narrowest page, in pixels: what must not collide there is dropped. */
export const NARROW = 270;
const PLOT_HEIGHT = 220;

export interface ChartLayout {
  x: Scale;
  y: Scale;
  plotHeight: number;
  /** Pixels above the plot, for the y axis's label and the labels of vertical rules. */
  top: number;
  /** The row above the plot, counted upwards from 0, in which the label of a vertical rule stands. */
  ruleRows: ReadonlyMap<Rule, number>;
}

/** Scales and sizes of a chart; the read-out finds its values with them. */
export function chartLayout(chart: Chart): ChartLayout {
  const { marks } = chart;
  const hasBars = marks.some((mark) => mark.mark === "bar");
  const fromZero = hasBars || marks.some((mark) => mark.mark === "area" && !mark.low);
  const hasPoints = marks.some((mark) => mark.mark === "point");
  const padding = hasPoints ? 0.04 : 0;
  const x = scaleOf(chart.x, places(chart, "x"), { round: hasPoints && !hasBars, padding, count: 6, include: barEdges(chart) });
  const foot = chart.y.scale === "log" ? (hasBars ? barFoot(chart) : []) : fromZero ? [0] : [];
  const y = scaleOf(chart.y, places(chart, "y"), { round: true, padding, count: 5, include: foot });
  const ruleRows = ruleLabelRows(chart, x);
  const rows = ruleRows.size ? 1 + Math.max(...ruleRows.values()) : 0;
  const plotHeight = y.categories ? Math.max(120, y.categories.length * 28) : PLOT_HEIGHT;
  return { x, y, plotHeight, top: 8 + (axisTitle(chart.y) ? 18 : 0) + rows * 16, ruleRows };
}

/** "mean entropy (nats)". */
export function axisTitle(axis: Axis): string {
  if (!axis.unit) return axis.label ?? "";
  return axis.label ? `${axis.label} (${axis.unit})` : axis.unit;
}

/** Distance from the plot's top in pixels; categories of y read from top to bottom. */
export function fromTop({ y, plotHeight }: ChartLayout, value: number | string): number {
  return plotHeight * (y.categories ? y.at(value) : 1 - y.at(value));
}

function places(chart: Chart, axis: "x" | "y"): Places[] {
  return chart.marks.flatMap((mark): Places[] => {
    if (mark.mark === "rule") return mark[axis] === undefined ? [] : [[mark[axis]]];
    if (mark.mark === "band") return mark[axis] ? [mark[axis]] : [];
    if (axis === "x") return [mark.x];
    return mark.mark === "area" ? [mark.high, ...(mark.low ? [mark.low] : [])] : [mark.y];
  });
}

/** Bars over numbers reach half a step beyond the first and the last. */
function barEdges(chart: Chart): number[] {
  const xs = chart.marks.flatMap((mark) => (mark.mark === "bar" && !isNames(mark.x) ? Array.from(mark.x as ArrayLike<number>) : []));
  if (xs.length === 0 || chart.x.scale !== "linear") return [];
  const gap = smallestGap(xs) ?? 1;
  return [Math.min(...xs) - gap / 2, Math.max(...xs) + gap / 2];
}

/** A bar stands on something even on a logarithmic axis: somewhat below the lowest. */
function barFoot(chart: Chart): number[] {
  const heights = chart.marks.flatMap((mark) => (mark.mark === "bar" ? Array.from(mark.y).filter((y) => y > 0) : []));
  return heights.length ? [Math.min(...heights) / 2] : [];
}

/** The smallest distance between two different values, if there are two. */
export function smallestGap(values: readonly number[]): number | undefined {
  const sorted = [...new Set(values)].filter(Number.isFinite).sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((value, i) => value - sorted[i]!);
  return gaps.length ? Math.min(...gaps) : undefined;
}

/** On an axis of categories a rule's number counts them from 0. */
export function categoryName(scale: Scale, value: number): number | string {
  return scale.categories?.[value] ?? value;
}

function ruleLabelRows(chart: Chart, x: Scale): Map<Rule, number> {
  const rows = new Map<Rule, number>();
  const ends: { left: number; right: number }[][] = [];
  for (const mark of chart.marks) {
    if (mark.mark !== "rule" || mark.x === undefined || !mark.label) continue;
    const at = x.at(categoryName(x, mark.x)) * NARROW;
    const width = textWidth(mark.label) + 10;
    const box = at > NARROW / 2 ? { left: at - width, right: at } : { left: at, right: at + width };
    let row = 0;
    while (ends[row]?.some((other) => other.left < box.right && box.left < other.right)) row += 1;
    (ends[row] ??= []).push(box);
    rows.set(mark, row);
  }
  return rows;
}
