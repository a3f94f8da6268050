/** How views travel from Python: one JSON text and the arrays it points to (`widgets/_wire.py`). */

import type { View } from "./types";

/**
 * Views from their JSON text and its arrays. Vectors become the array itself, matrices one
 * subarray a row; nothing is copied.
 */
export function unpack(text: string, arrays: readonly Float64Array[]): View[] {
  const filled = fill(JSON.parse(text), arrays);
  if (!Array.isArray(filled)) throw new TypeError("The text of views must hold a list.");
  return filled as View[];
}

function fill(value: unknown, arrays: readonly Float64Array[]): unknown {
  if (Array.isArray(value)) return value.map((item) => fill(item, arrays));
  if (typeof value !== "object" || value === null) return value;
  if ("$array" in value) return shaped(value as { $array: number; shape: number[] }, arrays);
  if ("$number" in value) return Number(value.$number);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, arrays)]));
}

function shaped({ $array: index, shape }: { $array: number; shape: number[] }, arrays: readonly Float64Array[]): unknown {
  const flat = arrays[index];
  if (!flat) throw new RangeError(`The text of views points to array ${index}; there are ${arrays.length}.`);
  const [rows, columns] = shape;
  if (rows === undefined) return flat[0];
  if (columns === undefined) return flat;
  if (shape.length > 2) throw new RangeError(`A view holds an array of ${shape.length} axes; at most 2 can be shown.`);
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
}
