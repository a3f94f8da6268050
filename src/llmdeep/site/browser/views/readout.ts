/**
 * The read-out: what a view holds where the pointer is. The same numbers are in the table
 * under a picture, which is how a keyboard or a screen reader gets at them.
 */

import { axisTitle, chartLayout, fromTop } from "./chart_layout";
import { viewElements } from "./live";
import { columnName, rowName, sizeOf } from "./matrix_text";
import { withUnit } from "./numbers";
import { heights, seriesOf } from "./series";
import type { Chart, Matrix, Tokens, View } from "./types";

interface Reading {
  text: string;
  /** Where on the picture's width the reading was taken, as a fraction; undefined for matrices. */
  at?: number;
}

/** Follow the pointer over the views of a container, which shows `views()`. Returns what ends it. */
export function attachReadout(container: HTMLElement, views: () => readonly View[]): () => void {
  const life = new AbortController();
  const box = layer("readout");
  const line = layer("readout-line");
  const changes = new MutationObserver(again);
  let [x, y] = [0, 0]; // where the pointer was last

  function follow(event: PointerEvent): void {
    [x, y] = [event.clientX, event.clientY];
    show(event.target as Element);
  }

  /** The page was scrolled, or the picture drawn anew, under a pointer that rests. */
  function again(): void {
    if (!box.isConnected) return;
    const target = document.elementFromPoint(x, y);
    if (target && container.contains(target)) show(target);
    else hide();
  }

  function show(target: Element): void {
    const picture = target.closest(".chart, .matrix-cells, .tokens > li");
    const element = target.closest<HTMLElement>("[data-view]");
    const view = element && views()[viewElements(container).indexOf(element)];
    const place = picture?.getBoundingClientRect();
    const reading = view && place && (view.view === "tokens" ? readToken(view, picture!) : read(view, x - place.left, y - place.top, place));
    if (!reading || !place) return hide();
    box.textContent = reading.text;
    if (!box.isConnected) {
      document.body.append(line, box); // a figure with a frame of its own would hold them
      changes.observe(container, { subtree: true, childList: true, characterData: true, attributes: true });
    }
    const left = reading.at === undefined ? x : place.left + reading.at * place.width;
    line.hidden = reading.at === undefined;
    Object.assign(line.style, { left: `${left}px`, top: `${place.top}px`, height: `${place.height}px` });
    const { width, height } = box.getBoundingClientRect();
    const beside = left + 14 + width > innerWidth ? left - 14 - width : left + 14;
    Object.assign(box.style, { left: `${Math.max(4, beside)}px`, top: `${Math.max(4, y - height - 12)}px` });
  }

  function hide(): void {
    changes.disconnect();
    box.remove();
    line.remove();
  }

  const { signal } = life;
  container.addEventListener("pointermove", follow, { signal });
  container.addEventListener("pointerdown", follow, { signal });
  container.addEventListener("pointerleave", hide, { signal });
  addEventListener("scroll", again, { signal, passive: true, capture: true });
  return () => {
    life.abort();
    hide();
  };
}

/** The values nearest to a place on a picture, given in pixels from its corner. */
export function read(view: View, x: number, y: number, size: { width: number; height: number }): Reading | undefined {
  if (view.view === "chart") return readChart(view, x, y, size.width);
  return view.view === "matrix" ? readMatrix(view, x / size.width, y / size.height) : undefined;
}

function readToken({ values, notes, details, unit }: Tokens, item: Element): Reading | undefined {
  const index = [...item.parentElement!.children].indexOf(item);
  const value = values?.[index];
  const number = value === undefined || Number.isNaN(value) ? undefined : withUnit(value, unit);
  const rest = details?.[index] ?? [number, notes?.[index]].filter(Boolean).join(", ");
  return rest ? { text: `${item.querySelector(".chip")!.textContent}\n${rest}` } : undefined;
}

function readMatrix(matrix: Matrix, across: number, down: number): Reading | undefined {
  const [rows, columns] = sizeOf(matrix);
  const [row, column] = [Math.floor(down * rows), Math.floor(across * columns)];
  const value = matrix.values[row]?.[column];
  if (value === undefined) return undefined;
  const name = `${matrix.row_label || "row"} ${rowName(matrix, row)}, ${matrix.column_label || "column"} ${columnName(matrix, column)}`;
  return { text: `${name}\n${Number.isNaN(value) ? "no value" : withUnit(value, matrix.unit)}` };
}

function readChart(chart: Chart, x: number, y: number, width: number): Reading | undefined {
  const layout = chartLayout(chart);
  const found = seriesOf(chart).flatMap(({ mark, label }) => {
    const ys = heights(mark);
    let best: { index: number; distance: number; at: number } | undefined;
    for (let index = 0; index < mark.x.length; index += 1) {
      const at = layout.x.at(mark.x[index]!);
      const down = fromTop(layout, ys[index] ?? NaN);
      // Points are found by both distances, curves and bars by the horizontal one.
      const aside = mark.mark === "point" ? Math.abs(down + layout.top - y) : 0;
      const distance = Math.hypot(at * width - x, aside);
      if (Number.isFinite(distance) && Number.isFinite(down) && (!best || distance < best.distance)) best = { index, distance, at };
    }
    if (!best || (mark.mark === "point" && best.distance > 24)) return [];
    return [{ mark, label, ys, ...best }];
  });
  const nearest = found.reduce<(typeof found)[number] | undefined>((a, b) => (a && a.distance <= b.distance ? a : b), undefined);
  if (!nearest) return undefined;
  const lines = found
    .filter(({ at }) => Math.abs(at - nearest.at) < 1e-3)
    .map(({ mark, label, ys, index }) => {
      const name = (mark.mark === "point" && mark.texts?.[index]) || label || axisTitle(chart.y);
      const value = ys[index]!;
      const low = mark.mark === "area" && mark.low ? `${withUnit(mark.low[index]!, undefined)} to ` : "";
      return `${name ? `${name}: ` : ""}${low}${typeof value === "number" ? withUnit(value, chart.y.unit) : value}`;
    });
  const place = nearest.mark.x[nearest.index]!;
  const unit = chart.x.unit ? ` ${chart.x.unit}` : "";
  return { text: [`${chart.x.label || "x"} ${layout.x.text(place)}${unit}`, ...lines].join("\n"), at: nearest.at };
}

function layer(name: string): HTMLElement {
  const made = document.createElement("div");
  made.className = name;
  made.setAttribute("aria-hidden", "true");
  return made;
}
