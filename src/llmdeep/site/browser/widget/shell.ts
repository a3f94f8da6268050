/** A whole figure as markup: panel, views, tools and caption, complete before any script runs. */

import { element } from "../views/markup";
import { renderPanel, type ControlData, type Params } from "./panel";

export interface WidgetShell {
  name: string;
  id: string; // unique on the page; the ids inside begin with it
  file: string; // URL of the widget file, relative to the page
  params: Params; // what the chapter gave
  panel: ControlData[]; // whose defaults are the figure's
  views: string; // markup
  caption: string; // markup
}

export function renderWidget({ name, id, file, params, panel, views, caption }: WidgetShell): string {
  const unread = { "data-search-exclude": true }; // numbers and button names are no words to search for
  const tools = element(
    "div",
    { class: "widget-tools", role: "group", "aria-label": "Tools of this figure" },
    tool("code", "Code", "Read and edit the code behind this figure"),
    tool("link", "Link", "Copy a link to the figure as it is now"),
    tool("data", "Data", "Save the numbers shown, as JSON"),
    tool("data-csv", "CSV", "Save the numbers shown, as CSV"),
    tool("picture", "Picture", "Save the picture, as SVG"),
    panel.length ? tool("reset", "Reset", "Back to the figure as it began") : "",
  );
  const bar = element(
    "div",
    { class: "widget-bar", ...unread },
    element("p", { class: "widget-status", role: "status", "data-status": true }),
    element("button", { type: "button", class: "widget-stop", "data-action": "stop", hidden: true }, "Stop"),
    tools,
  );
  const still = "Without JavaScript this figure stands still. All it shows was computed when the book was built.";
  return element(
    "llmdeep-widget",
    { name, id, "data-state": "static", "data-file": file, "data-params": JSON.stringify(params) },
    element(
      "figure",
      { class: "widget" },
      renderPanel(panel, Object.fromEntries(panel.map((control) => [control.name, control.default])), id),
      element("div", { class: "widget-views", "data-views": true, ...unread }, views),
      element("div", { class: "widget-message", "data-message": true, role: "alert", hidden: true }),
      bar,
      element("noscript", {}, element("p", { class: "widget-still", ...unread }, still)),
      element("div", { class: "widget-code", "data-code": true, hidden: true }),
      element("figcaption", {}, caption),
    ),
  );
}

function tool(action: string, name: string, title: string): string {
  return element("button", { type: "button", "data-action": action, title }, name);
}
