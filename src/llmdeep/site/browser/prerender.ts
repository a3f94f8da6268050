/**
 * The renderer as a process, for the build: one JSON request a line in, one answer a line out, in
 * order. `site/node.py` is its client.
 *
 *     {"method": "math", "tex", "display"}                      → {"result": markup}
 *     {"method": "views", "text", "arrays", "id"}               → {"result": [markup, …]}
 *     {"method": "output", "text", "arrays", "id"}              → {"result": markup}
 *     {"method": "widget", "file", "id", "url", "params", "caption"} → {"result": markup}
 *
 * `arrays` are float64, little-endian, in base64. A failed request is answered {"error": sentence}.
 */

import { createInterface } from "node:readline";
import { arranged } from "./views/arrange";
import { typeset } from "./views/math";
import { renderView } from "./views/render";
import type { View } from "./views/types";
import { unpack } from "./views/wire";
import type { Params } from "./widget/panel";
import { renderWidget } from "./widget/shell";
import { storedStates, type WidgetFile } from "./widget/states";

type Request =
  | { method: "math"; tex: string; display: boolean }
  | { method: "views" | "output"; text: string; arrays: string[]; id: string }
  | { method: "widget"; file: WidgetFile; id: string; url: string; params: Params; caption: string };

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(answer(line))}\n`);
}

function answer(line: string): { result: string | string[] } | { error: string } {
  try {
    return { result: handle(JSON.parse(line) as Request) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function handle(request: Request): string | string[] {
  switch (request.method) {
    case "math":
      return typeset(request.tex, request.display);
    case "views":
      return renderViews(packed(request), request.id);
    case "output":
      return arranged(packed(request), renderViews(packed(request), request.id));
    case "widget":
      return widget(request);
    default:
      throw new Error(`There is no method “${String((request as { method: unknown }).method)}”.`);
  }
}

/** The whole figure as it starts: its file's own views, for the parameters the chapter gave. */
function widget({ file, id, url, params, caption }: Request & { method: "widget" }): string {
  const start = Object.fromEntries(file.panel.map((control) => [control.name, control.default]));
  const views = storedStates(file).exact(start);
  if (!views) throw new Error(`The file of widget ${file.name} lacks its own first state.`);
  return renderWidget({ name: file.name, id, file: url, params, panel: file.panel, views: arranged(views, renderViews(views, id)), caption });
}

function renderViews(views: readonly View[], id: string): string[] {
  return views.map((view, i) => renderView(view, { id: `${id}-v${i}`, math: typeset }));
}

function packed({ text, arrays }: { text: string; arrays: string[] }): View[] {
  return unpack(text, arrays.map(decoded));
}

function decoded(base64: string): Float64Array {
  const bytes = Buffer.from(base64, "base64");
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
