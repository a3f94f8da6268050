/** The marks of a chart that carry data. */

import { area, line } from "d3-shape";
import { fromTop, NARROW, smallestGap, type ChartLayout } from "./chart_layout";
import { shorten, textWidth } from "./labels";
import { element, escape, percent } from "./markup";
import { formatNumber, superscriptsInSvg } from "./numbers";
import type { Series } from "./series";
import { colourClass, shape } from "./shapes";
import type { Bar, Chart, Line, Places, Point } from "./types";

/** Width of the stretching SVG's own coordinates. */
export const SPAN = 1000;
/** The plot's width where a figure has the page to itself, in pixels. */
const WIDE = 560;
/** More points than this are one path of round dots. */
const MANY_POINTS = 400;
const LONGEST_TEXT = 28;

/** Lines, areas and clouds of points, as paths in an SVG that stretches with the page. */
export function curves(series: readonly Series[], layout: ChartLayout, chart: Chart): string {
  const { plotHeight, x } = layout;
  const paths = series.map(({ mark, number }) => {
    const colour = colourClass(number);
    if (mark.mark === "line") {
      const data = thinned(pairs(mark.x, mark.y, layout));
      const d = line<Pair>(([px]) => px, ([, py]) => py).defined(drawable).digits(1)(data);
      return d ? element("path", { class: `line ${colour}${mark.dashed ? " dashed" : ""}`, d }) : "";
    }
    if (mark.mark === "area") {
      const upper = pairs(mark.x, mark.high, layout);
      const foot = layout.y.domain.length ? Math.max(0, layout.y.domain[0]!) : 0;
      const lower = pairs(mark.x, mark.low ?? Array.from(mark.high, () => foot), layout);
      const d = area<Pair>().x(([px]) => px).y1(([, py]) => py).y0((_, i) => lower[i]![1])
        .defined((pair, i) => drawable(pair) && drawable(lower[i]!)).digits(1)(upper);
      return d ? element("path", { class: `area ${colour}`, d }) : "";
    }
    if (mark.mark === "point" && mark.x.length > MANY_POINTS) {
      const d = pairs(mark.x, mark.y, layout).filter((pair) => inside(pair, layout)).map(([px, py]) => `M${px.toFixed(1)} ${py.toFixed(1)}h0`).join("");
      return d ? element("path", { class: `dots ${colour}`, d }) : "";
    }
    return "";
  });
  if (!paths.some(Boolean)) return "";
  // A domain of the author's own may leave data outside: those are clipped, a stroke's width aside.
  const clipped = Boolean(chart.x.domain && !x.categories) || Boolean(chart.y.domain);
  return element(
    "svg",
    { class: "curves", viewBox: `0 -2 ${SPAN} ${plotHeight + 4}`, y: -2, width: "100%", height: plotHeight + 4, preserveAspectRatio: "none", overflow: clipped ? "hidden" : "visible" },
    ...paths,
  );
}

export type Pair = [number, number];

/** Points of a series in the coordinates of the stretching SVG; NaN where there is nothing. */
export function pairs(xs: Places, ys: Places, layout: ChartLayout): Pair[] {
  return Array.from(xs as ArrayLike<number | string>, (x, i): Pair => {
    const y = ys[i];
    return [layout.x.at(x) * SPAN, y === undefined ? NaN : fromTop(layout, y)];
  });
}

export function drawable([x, y]: Pair): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** Whether a point lies in the plot, its very edge included. */
export function inside([x, y]: Pair, { plotHeight }: ChartLayout): boolean {
  return x >= -0.5 && x <= SPAN + 0.5 && y >= -0.5 && y <= plotHeight + 0.5;
}

/** Of each run of points that falls on one column of pixels, the first, lowest, highest and last. */
function thinned(data: Pair[]): Pair[] {
  if (data.length <= 2 * SPAN) return data;
  const kept = new Set<number>();
  for (let start = 0; start < data.length; ) {
    const column = Math.round(data[start]![0]);
    let end = start;
    let [lowest, highest] = [start, start];
    while (end < data.length && (Math.round(data[end]![0]) === column || Number.isNaN(column))) {
      if (!(data[end]![1] >= data[lowest]![1])) lowest = end;
      if (!(data[end]![1] <= data[highest]![1])) highest = end;
      end += 1;
      if (Number.isNaN(column)) break;
    }
    for (const index of [start, lowest, highest, end - 1]) kept.add(index);
    start = end;
  }
  return data.filter((_, index) => kept.has(index));
}

/** Bars, side by side where there are several series, with their values where these fit. */
export function bars(series: readonly Series[], layout: ChartLayout, id: string): string {
  const groups = series.filter((s): s is Series & { mark: Bar } => s.mark.mark === "bar");
  if (groups.length === 0) return "";
  const xs = groups.flatMap(({ mark }) => Array.from(mark.x as ArrayLike<number | string>, (x) => layout.x.at(x)));
  const step = layout.x.categories ? layout.x.band : (smallestGap(xs) ?? 0.5);
  const width = (step * 0.8) / groups.length;
  const foot = Math.min(layout.plotHeight, Math.max(0, layout.y.domain[0]! > 0 || !(fromTop(layout, 0) >= 0) ? layout.plotHeight : fromTop(layout, 0)));
  return groups
    .map(({ mark, number }, group) => {
      const shown = Array.from(mark.y, (y, i) => {
        const at = layout.x.at(mark.x[i]!) - (step * 0.8) / 2 + group * width;
        const head = Math.max(0, Math.min(layout.plotHeight, fromTop(layout, y)));
        if (!Number.isFinite(at) || !Number.isFinite(head)) return "";
        const fill = number % 2 === 1 ? { fill: `url(#${id}-f${number})`, class: `${colourClass(number)} striped` } : { class: `${colourClass(number)} bar` };
        const bar = element("rect", { ...fill, x: percent(at), width: percent(width), y: Math.min(head, foot), height: Math.abs(foot - head) });
        const text = formatNumber(y, 3);
        if (groups.length > 1 || textWidth(text) > width * 1.25 * WIDE) return bar;
        const narrow = textWidth(text) > width * 1.25 * NARROW ? " minor" : "";
        return bar + element("text", { class: `value${narrow}`, x: percent(at + width / 2), y: head <= foot ? head - 5 : head + 14, "text-anchor": "middle" }, superscriptsInSvg(text));
      });
      return element("g", {}, ...shown);
    })
    .join("");
}

/** Points, and the markers that tell lines apart without colour. */
export function points(series: readonly Series[], layout: ChartLayout): string {
  const lines = series.filter(({ mark }) => mark.mark === "line").length;
  const spots = series.map(({ mark }) => (mark.mark === "point" && mark.x.length <= MANY_POINTS ? spotsOf(mark, layout) : []));
  const markers = series.map(({ mark, number }) => (mark.mark === "line" ? markersOf(mark, number, lines, layout) : []));
  const room = roomAround([...spots.flat(), ...markers.flat()]);
  return series
    .map(({ number }, i) => {
      if (spots[i]!.length) return dots(spots[i]!, number, layout, room);
      if (!markers[i]!.length) return "";
      return element("g", { class: `marker ${colourClass(number)}` }, ...markers[i]!.map(({ at, y }) => symbol(number, at, y)));
    })
    .join("");
}

/** Where a line is marked: at each of few points, and of many at some, not where other lines are. */
function markersOf(mark: Line, number: number, lines: number, layout: ChartLayout): Place[] {
  const all = pairs(mark.x, mark.y, layout);
  const every = all.length <= 16 ? 1 : Math.ceil(all.length / 6);
  if (lines < 2 && every > 1) return [];
  const offset = every === 1 ? 0 : Math.floor(((number + 0.5) / Math.max(lines, 1)) * every);
  return all.filter((pair, i) => (i - offset) % every === 0 && drawable(pair) && inside(pair, layout)).map(([x, y]) => ({ at: x / SPAN, y }));
}

function dots(spots: readonly Spot[], number: number, layout: ChartLayout, room: Room): string {
  const drawn = spots.map(({ at, y, shown }) => (shown ? symbol(number, at, y) : ""));
  return element("g", { class: `dot ${colourClass(number)}` }, ...drawn, ...pointTexts(spots, layout, room));
}

function spotsOf(mark: Point, layout: ChartLayout): Spot[] {
  return pairs(mark.x, mark.y, layout).map((pair, i) => {
    const shown = drawable(pair) && inside(pair, layout);
    return { at: pair[0] / SPAN, y: pair[1], shown, text: shown ? (mark.texts?.[i] ?? "") : "" };
  });
}

interface Place {
  at: number;
  y: number;
}

interface Spot extends Place {
  shown: boolean;
  text: string;
}

/** What is taken already, by the width of the plot. */
type Room = Record<number, Box[]>;

/** Where a point's text may stand: beside it, inwards first near the right edge, then above and below. */
const SIDES = [
  { dx: 8, dy: 0, anchor: "start", from: 0 },
  { dx: -8, dy: 0, anchor: "end", from: -1 },
  { dx: 0, dy: -12, anchor: "middle", from: -0.5 },
  { dx: 0, dy: 13, anchor: "middle", from: -0.5 },
] as const;
const LINE = 13;

/** Where the points and markers of all series stand, which no text may hide. */
function roomAround(places: readonly Place[]): Room {
  const around = (plot: number): Box[] => places.map(({ at, y }) => ({ left: at * plot - 4, right: at * plot + 4, top: y - 4, bottom: y + 4 }));
  return { [WIDE]: around(WIDE), [NARROW]: around(NARROW) };
}

/** Each point's own text where it hides nothing, which `taken` then holds too; wide pages show those for which a narrow one has no room. */
function pointTexts(spots: readonly Spot[], { plotHeight }: ChartLayout, taken: Room): string[] {
  return spots.map(({ at, y, text }) => {
    if (!text) return "";
    const short = shorten(text, LONGEST_TEXT);
    const box = (side: (typeof SIDES)[number], plot: number): Box => {
      const left = at * plot + side.dx + side.from * textWidth(short);
      return { left, right: left + textWidth(short), top: y + side.dy - LINE / 2, bottom: y + side.dy + LINE / 2 };
    };
    const free = (side: (typeof SIDES)[number], plot: number): boolean => {
      const own = box(side, plot);
      if (own.left < -20 || own.right > plot + 14 || own.top < -20 || own.bottom > plotHeight + 4) return false;
      return !taken[plot]!.some((other) => own.left < other.right && other.left < own.right && own.top < other.bottom && other.top < own.bottom);
    };
    const sides = at > 0.6 ? [SIDES[1], SIDES[0], SIDES[2], SIDES[3]] : SIDES;
    const side = sides.find((one) => free(one, WIDE));
    if (!side) return "";
    taken[WIDE]!.push(box(side, WIDE));
    const minor = free(side, NARROW) ? "" : " minor";
    if (!minor) taken[NARROW]!.push(box(side, NARROW));
    return element("text", { class: `halo${minor}`, x: percent(at), dx: side.dx, y: y + side.dy, dy: "0.35em", "text-anchor": side.anchor }, escape(short));
  });
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

// Not `href`: the theme's in-site navigation assigns to every [href], which a <use> refuses.
/** A series' shape at a place; a nested SVG, because a percentage can move nothing else. */
function symbol(number: number, at: number, y: number): string {
  return element("svg", { x: percent(at), y, overflow: "visible" }, element("path", { d: shape(number) }));
}
