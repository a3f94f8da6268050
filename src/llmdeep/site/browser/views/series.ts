/** The series of a chart: marks with data, each with its number, which decides colour and shape. */

import type { Area, Bar, Chart, Line, Places, Point } from "./types";

export type SeriesMark = Line | Area | Bar | Point;

export interface Series {
  mark: SeriesMark;
  /** Marks of one label are one series: a line and the band around it share their colour. */
  number: number;
  label: string;
}

export function seriesOf(chart: Chart): Series[] {
  const numbers = new Map<string, number>();
  let next = 0;
  return chart.marks.filter(isSeries).map((mark) => {
    const label = mark.label ?? "";
    const number = numbers.get(label) ?? next++;
    if (label) numbers.set(label, number);
    return { mark, number, label };
  });
}

/** The values of a series along y; an area's are its upper edge. */
export function heights(mark: SeriesMark): Places {
  return mark.mark === "area" ? mark.high : mark.y;
}

function isSeries(mark: Chart["marks"][number]): mark is SeriesMark {
  return mark.mark !== "rule" && mark.mark !== "band";
}
