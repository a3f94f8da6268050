/** Where the nodes of a graph go, and which way its edges run, in pixels. */

import { shorten, textWidth } from "./labels";
import type { Edge, Graph, Node } from "./types";

export const NODE_HEIGHT = 28;
const LONGEST_NAME = 22;
/** Free space between two nodes of one row, and between two rows. */
const GAP = 34;

/** A node in place: its centre, and half the width of its pill. */
export interface PlacedNode extends Node {
  px: number;
  py: number;
  halfWidth: number;
  text: string;
}

/** An edge in place: a straight line, or a curve towards a control point. */
export interface PlacedEdge {
  edge: Edge;
  start: Place;
  end: Place;
  control?: Place;
  /** The middle of the drawn line, and the direction that leads away from it. */
  middle: Place;
  normal: Place;
}

type Place = [x: number, y: number];
type Sized = Omit<PlacedNode, "px" | "py">;

/** Neighbours get room for their names, however the author's units run. */
export function placeNodes({ nodes }: Graph): PlacedNode[] {
  const sized = nodes.map((node): Sized => {
    const text = shorten(node.label || node.id, LONGEST_NAME);
    return { ...node, text, halfWidth: Math.max(NODE_HEIGHT, textWidth(text) * 1.1 + 18) / 2 };
  });
  const beside = (a: Sized, b: Sized) => (Math.abs(a.y - b.y) <= 0.2 * Math.abs(a.x - b.x) ? a.halfWidth + b.halfWidth + GAP : 0);
  const across = pixelsPerUnit(sized, (node) => node.x, beside, nodes.length * 120);
  const up = pixelsPerUnit(sized, (node) => node.y, () => NODE_HEIGHT + GAP, nodes.length * 80);
  return sized.map((node) => ({ ...node, px: node.x * across, py: -node.y * up }));
}

/**
 * The way of an edge from border to border: around nodes that stand in between, and beside the
 * edge that runs the other way.
 *
 * @throws RangeError if it begins or ends at a node that is not there.
 */
export function placeEdge(edge: Edge, nodes: readonly PlacedNode[], graph: Graph): PlacedEdge {
  const [from, to] = [find(edge.source, edge, nodes), find(edge.target, edge, nodes)];
  if (from === to) {
    const y = from.py - NODE_HEIGHT / 2;
    const loop: Place = [from.px, y - 30];
    return { edge, start: [from.px - 9, y], end: [from.px + 9, y - 3], control: loop, middle: [from.px, y - 22], normal: [0, -1] };
  }
  const length = Math.hypot(to.px - from.px, to.py - from.py) || 1;
  const normal: Place = [(to.py - from.py) / length, -(to.px - from.px) / length];
  const bend = clearance(from, to, nodes, normal) || (hasReverse(edge, graph) ? 10 : 0);
  const centre: Place = [(from.px + to.px) / 2, (from.py + to.py) / 2];
  const control: Place = [centre[0] + 2 * bend * normal[0], centre[1] + 2 * bend * normal[1]];
  return {
    edge,
    start: border(from, control, 1),
    end: border(to, control, graph.directed ? 3 : 1),
    ...(bend ? { control } : {}),
    middle: [centre[0] + bend * normal[0], centre[1] + bend * normal[1]],
    normal,
  };
}

function find(id: string, edge: Edge, nodes: readonly PlacedNode[]): PlacedNode {
  const found = nodes.find((node) => node.id === id);
  if (found) return found;
  throw new RangeError(`An edge of the graph goes from “${edge.source}” to “${edge.target}”, but there is no node “${id}”.`);
}

/** Pixels per unit so that any two nodes keep their distance, up to a largest extent. */
function pixelsPerUnit(nodes: readonly Sized[], at: (node: Node) => number, distance: (a: Sized, b: Sized) => number, most: number): number {
  const places = nodes.map(at);
  const span = Math.max(...places) - Math.min(...places);
  if (!(span > 0)) return 1;
  let pixels = 0;
  for (const [i, a] of nodes.entries()) {
    for (const b of nodes.slice(i + 1)) {
      const gap = Math.abs(at(a) - at(b));
      if (gap > span * 1e-6) pixels = Math.max(pixels, distance(a, b) / gap);
    }
  }
  return Math.min(pixels || 80 / span, most / span);
}

/** How far a curve must leave the straight line to pass the nodes in its way; 0 if none is. */
function clearance(from: PlacedNode, to: PlacedNode, nodes: readonly PlacedNode[], normal: Place): number {
  const [dx, dy] = [to.px - from.px, to.py - from.py];
  let most = 0;
  for (const node of nodes) {
    if (node === from || node === to) continue;
    const along = ((node.px - from.px) * dx + (node.py - from.py) * dy) / (dx * dx + dy * dy || 1);
    const aside = (node.px - from.px) * normal[0] + (node.py - from.py) * normal[1];
    const extent = Math.abs(normal[0]) * node.halfWidth + (Math.abs(normal[1]) * NODE_HEIGHT) / 2;
    if (along <= 0 || along >= 1 || Math.abs(aside) >= extent) continue;
    // The curve is a parabola: it has gone 4a(1 − a) of its way at a fraction a of the line.
    most = Math.max(most, (aside + extent + 10) / Math.max(0.4, 4 * along * (1 - along)));
  }
  return most;
}

function hasReverse({ source, target }: Edge, { edges, directed }: Graph): boolean {
  return directed && edges.some((other) => other.source === target && other.target === source);
}

/** Where the line from a node's centre to a point leaves its pill, `gap` pixels further out. */
function border(node: PlacedNode, [x, y]: Place, gap: number): Place {
  const length = Math.hypot(x - node.px, y - node.py);
  const [ux, uy] = length > 0 ? [(x - node.px) / length, (y - node.py) / length] : [0, -1];
  const radius = NODE_HEIGHT / 2;
  const straight = node.halfWidth - radius;
  let way = Math.abs(uy) > 1e-9 ? radius / Math.abs(uy) : Infinity;
  if (Math.abs(ux) * way > straight) {
    const along = straight * Math.abs(ux);
    way = along + Math.sqrt(Math.max(0, along * along - straight * straight + radius * radius));
  }
  return [node.px + ux * (way + gap), node.py + uy * (way + gap)];
}
