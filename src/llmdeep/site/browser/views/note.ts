/** A sentence or two in plain text. */

import { element, escape } from "./markup";
import type { Note } from "./types";

export function noteView({ text = "", tone }: Note): string {
  const paragraphs = text.split(/\n\s*\n/).map((paragraph) => element("p", {}, element("bdi", {}, escape(paragraph))));
  const mark = tone === "warning" ? element("strong", { class: "note-mark" }, "Careful: ") : "";
  return element("div", { class: `note-body ${tone === "warning" ? "warning" : "info"}`, role: "note" }, mark, ...paragraphs);
}
