/** The panel for the code behind a figure as markup, without the editor, which comes later. */

import { element, escape } from "../views/markup";
import type { Source } from "./states";

export function codeMarkup(id: string, sources: readonly Source[]): string {
  const modules = new Map<string, string[]>();
  sources.forEach((source, index) => {
    const option = element("option", { value: String(index) }, escape(nameOf(source, index)));
    const group = index === 0 ? "This figure" : source.path;
    modules.set(group, [...(modules.get(group) ?? []), option]);
  });
  const groups = [...modules].map(([module, options]) => element("optgroup", { label: module }, ...options));
  return [
    element(
      "div",
      { class: "widget-source" },
      element("label", { for: `${id}-source` }, "Code of"),
      element("select", { id: `${id}-source`, autocomplete: "off" }, ...groups),
      element("span", { class: "widget-where", "data-where": true }),
    ),
    element("p", { class: "widget-notice", "data-notice": true, role: "note", hidden: true }),
    element("div", { class: "code-editor", "data-editor": true }),
    element(
      "div",
      { class: "widget-bar" },
      element("p", { class: "widget-status" }, "Ctrl or ⌘ with Enter runs, Tab leaves the editor"),
      element(
        "div",
        { class: "widget-tools" },
        element("button", { type: "button", "data-action": "code-run", class: "widget-run" }, "Run"),
        element("button", { type: "button", "data-action": "code-reset", disabled: true }, "Restore the original"),
      ),
    ),
  ].join("");
}

/** "softmax_scaling.py" for the figure's own file, "attention.softmax" for a function it calls. */
function nameOf(source: Source, index: number): string {
  const name = source.name.split(".");
  return index === 0 ? `${name.at(-1)}.py` : name.slice(-2).join(".");
}
