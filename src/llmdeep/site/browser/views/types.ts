/**
 * What a widget shows, as data: the views of `llmdeep.widgets` after `unpack`. Fields that were
 * empty text or None are left out.
 */

export type Scalar = number | string | boolean | null;
export type Numbers = ArrayLike<number>;

export interface Axis {
  label?: string;
  scale: "linear" | "log" | "category";
  domain?: Numbers | readonly string[];
  unit?: string;
}

/** Places along one axis: numbers, or the names of categories. */
export type Places = Numbers | readonly string[];

export interface Line {
  mark: "line";
  x: Places;
  y: Places;
  label?: string;
  dashed?: boolean;
}

export interface Area {
  mark: "area";
  x: Places;
  high: Numbers;
  low?: Numbers;
  label?: string;
}

export interface Bar {
  mark: "bar";
  x: Places;
  y: Numbers;
  label?: string;
}

export interface Point {
  mark: "point";
  x: Places;
  y: Places;
  label?: string;
  texts?: readonly string[];
}

export interface Rule {
  mark: "rule";
  x?: number;
  y?: number;
  label?: string;
}

export interface Band {
  mark: "band";
  x?: Numbers;
  y?: Numbers;
  label?: string;
}

export type Mark = Line | Area | Bar | Point | Rule | Band;

export interface Chart {
  view: "chart";
  marks: readonly Mark[];
  x: Axis;
  y: Axis;
  title?: string;
}

export interface Matrix {
  view: "matrix";
  values: readonly Numbers[];
  rows?: readonly string[];
  columns?: readonly string[];
  title?: string;
  row_label?: string;
  column_label?: string;
  domain?: Numbers;
  diverging: boolean;
  digits: number;
  unit?: string;
}

export interface Tokens {
  view: "tokens";
  tokens: readonly string[];
  values?: Numbers;
  notes?: readonly string[];
  details?: readonly string[];
  title?: string;
  unit?: string;
}

export interface Table {
  view: "table";
  columns: readonly string[];
  rows: readonly ArrayLike<Scalar>[];
  title?: string;
  digits: number;
}

export interface Metrics {
  view: "metrics";
  items: readonly { name: string; value?: number | string | boolean; unit?: string; note?: string }[];
  title?: string;
}

export interface Node {
  id: string;
  x: number;
  y: number;
  label?: string;
  value?: number;
}

export interface Edge {
  source: string;
  target: string;
  label?: string;
  value?: number;
}

export interface Graph {
  view: "graph";
  nodes: readonly Node[];
  edges: readonly Edge[];
  title?: string;
  directed: boolean;
}

export interface MathFormula {
  view: "math";
  tex?: string;
  title?: string;
}

export interface Note {
  view: "note";
  text?: string;
  tone: "info" | "warning";
  title?: string;
}

export type View = Chart | Matrix | Tokens | Table | Metrics | Graph | MathFormula | Note;
