/** Nodes and edges at given places, drawn at their natural size; a wide graph scrolls sideways. */

import { NODE_HEIGHT, placeEdge, placeNodes, type PlacedEdge, type PlacedNode } from "./graph_layout";
import { shorten, textWidth } from "./labels";
import { compact, element, enumerate, escape } from "./markup";
import { formatNumber } from "./numbers";
import { colourScale, levelClass, levelOf, isStrong } from "./palette";
import type { Edge, Graph, Scalar } from "./types";

const MARGIN = 6;
const MOST_NAMED_EDGES = 12;

export function graphFigure(graph: Graph, id: string, label: string): string {
  if (graph.nodes.length === 0) return element("p", { class: "empty" }, "This graph has no nodes.");
  const nodes = placeNodes(graph);
  const edges = graph.edges.map((edge) => placeEdge(edge, nodes, graph));
  const [left, top, right, bottom] = extent(nodes, edges);
  const [width, height] = [Math.ceil(right - left), Math.ceil(bottom - top)];
  const svg = element(
    "svg",
    { class: "graph", viewBox: `${compact(left)} ${compact(top)} ${width} ${height}`, width, height, role: "img", "aria-label": label },
    element("defs", {}, arrow(`${id}-arrow`)),
    element("g", { class: "edges" }, ...edges.map((edge) => drawEdge(edge, graph.directed ? `url(#${id}-arrow)` : undefined))),
    element("g", { class: "nodes" }, ...nodes.map(drawNode)),
    element("g", { class: "edge-labels" }, ...edges.map(drawEdgeLabel)),
  );
  return element("div", { class: "graph-scroll", tabindex: 0, role: "group", "aria-label": graph.title || "Graph" }, svg);
}

/** The text alternative: how many nodes and edges, and the first of them by name. */
export function graphLabel({ nodes, edges, title, directed }: Graph): string {
  const names = namesOf(nodes);
  const joined = edges.slice(0, MOST_NAMED_EDGES).map(({ source, target }) => `${names(source)} ${directed ? "to" : "and"} ${names(target)}`);
  const more = edges.length > MOST_NAMED_EDGES ? [`${edges.length - MOST_NAMED_EDGES} more`] : [];
  const links = edges.length ? ` Edges: ${enumerate([...joined, ...more])}.` : "";
  return `${title ? `${title}. ` : ""}Graph of ${nodes.length} nodes and ${edges.length} edges.${links}`;
}

export function graphTable({ nodes, edges }: Graph): { columns: string[]; rows: Scalar[][]; note: string } {
  const names = namesOf(nodes);
  const rows = edges.map((edge): Scalar[] => [names(edge.source), names(edge.target), edge.label ?? "", edge.value ?? null]);
  return { columns: ["from", "to", "label", "strength"], rows, note: "" };
}

function namesOf(nodes: Graph["nodes"]): (id: string) => string {
  const names = new Map(nodes.map((node) => [node.id, node.label || node.id]));
  return (id) => names.get(id) ?? id;
}

function drawNode({ px, py, halfWidth, value, text }: PlacedNode): string {
  const level = value !== undefined && Number.isFinite(value) ? levelOf(value, SHADES) : undefined;
  const strong = level !== undefined && isStrong(level, false);
  return element(
    "g",
    { class: "node" },
    element("rect", { class: level === undefined ? undefined : levelClass(level, false), x: px - halfWidth, y: py - NODE_HEIGHT / 2, width: 2 * halfWidth, height: NODE_HEIGHT, rx: NODE_HEIGHT / 2 }),
    element("text", { class: strong ? "on-strong" : undefined, x: px, y: py, dy: "0.35em", "text-anchor": "middle" }, escape(text)),
  );
}

const SHADES = colourScale([], false, [0, 1]);

function drawEdge({ edge, start, end, control }: PlacedEdge, arrowHead: string | undefined): string {
  const strength = edge.value === undefined || !Number.isFinite(edge.value) ? undefined : Math.max(0, Math.min(1, edge.value));
  const way = control ? `Q${spell(control)} ${spell(end)}` : `L${spell(end)}`;
  return element("path", {
    class: "edge",
    d: `M${spell(start)}${way}`,
    "stroke-width": 0.8 + 2.8 * (strength ?? 0.25),
    "stroke-opacity": strength === undefined ? undefined : 0.3 + 0.7 * strength,
    "marker-end": arrowHead,
  });
}

/** Beside the line: to its right if it is steep, above it if it is not. */
function drawEdgeLabel({ edge, middle, normal }: PlacedEdge): string {
  const text = edgeText(edge);
  if (!text) return "";
  const steep = Math.abs(normal[0]) > 0.5;
  const side = steep && normal[0] < 0 ? -1 : 1;
  const [x, y] = steep ? [middle[0] + 7 * side, middle[1]] : [middle[0], middle[1] - 9];
  return element("text", { class: "halo", x, y, dy: "0.35em", "text-anchor": steep ? (side > 0 ? "start" : "end") : "middle" }, escape(text));
}

function edgeText(edge: Edge): string {
  return shorten(edge.label ?? (edge.value === undefined ? "" : formatNumber(edge.value, 2)), 24);
}

function arrow(id: string): string {
  return element(
    "marker",
    { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, orient: "auto", markerUnits: "userSpaceOnUse" },
    element("path", { class: "arrow-head", d: "M0 0.5L8 4L0 7.5Z" }),
  );
}

/** The box around nodes, curves and labels: left, top, right, bottom. */
function extent(nodes: readonly PlacedNode[], edges: readonly PlacedEdge[]): [number, number, number, number] {
  const boxes = [
    ...nodes.map(({ px, py, halfWidth }) => [px - halfWidth, py - NODE_HEIGHT / 2, px + halfWidth, py + NODE_HEIGHT / 2]),
    ...edges.map((edge) => {
      const { middle: [x, y] } = edge;
      const width = textWidth(edgeText(edge.edge)) + 10;
      return [x - width, y - 18, x + width, y + 6];
    }),
  ];
  const side = (index: number, pick: (...values: number[]) => number) => pick(...boxes.map((box) => box[index]!));
  return [side(0, Math.min) - MARGIN, side(1, Math.min) - MARGIN, side(2, Math.max) + MARGIN, side(3, Math.max) + MARGIN];
}

function spell([x, y]: readonly [number, number]): string {
  return `${compact(x)} ${compact(y)}`;
}
