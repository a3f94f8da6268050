/**
 * The control panel of a widget as markup: native form elements, one `name` a parameter. The build
 * writes it into the page, disabled; the widget enables it once somebody listens.
 */

import { element, escape } from "../views/markup";
import { formatNumber } from "../views/numbers";

export type Value = number | string | boolean | File | null; // of a File control: the file, or none
export type Params = Record<string, Value>;

/** A text with longer lines, in characters, wants the whole width. */
const LONG_LINE = 30;

/** One control, as `llmdeep.widgets._panel.panel_data` describes it. */
export interface ControlData {
  name: string;
  kind: "slider" | "number" | "choice" | "toggle" | "text" | "file" | "steps" | "seed";
  label: string;
  default: Value;
  grid: Value[] | null;
  minimum?: number | null;
  maximum?: number | null;
  integer?: boolean;
  log?: boolean;
  values?: number[] | null;
  unit?: string;
  options?: string[];
  labels?: string[] | null;
  count?: number;
  max_length?: number;
  min_length?: number;
  multiline?: boolean;
  accept?: string;
  max_bytes?: number | null;
}

/** The whole panel; `id` keeps ids and radio groups of several widgets on a page apart. */
export function renderPanel(panel: readonly ControlData[], params: Params, id: string): string {
  if (panel.length === 0) return "";
  const long = panel.filter((control) => control.kind === "text" && control.multiline);
  const folded = long.length > 1 ? long : []; // one box of text is the subject; several are settings
  const markup = (control: ControlData): string => renderControl(control, params[control.name] ?? control.default, id);
  const open = panel.filter((control) => !folded.includes(control)).map(markup);
  const more = folded.length
    ? [
        element(
          "details",
          { class: "widget-more" },
          element("summary", {}, escape(`Edit ${folded.map((control) => control.label).join(" · ")}`)),
          element("div", { class: "widget-more-body" }, ...folded.map(markup)),
        ),
      ]
    : [];
  const fields = element("fieldset", { class: "widget-controls", disabled: true, "aria-label": "Controls" }, ...open, ...more);
  return element("form", { class: "widget-panel", autocomplete: "off", novalidate: true }, fields);
}

/** Where a value stands on a slider that counts grid points instead of units. */
export function position(control: ControlData, value: Value): number {
  const grid = (control.grid ?? []) as number[];
  const gaps = grid.map((point) => Math.abs(scaled(control, point) - scaled(control, Number(value))));
  return gaps.indexOf(Math.min(...gaps));
}

/** A slider over an uneven grid (a log scale, given values) counts its points, 0 to n − 1. */
export function countsPoints(control: ControlData): boolean {
  const grid = (control.grid ?? []) as number[];
  const step = gridStep(control);
  return grid.some((point, index) => Math.abs(point - (grid[0]! + index * step)) > 1e-9 * Math.max(1, Math.abs(point)));
}

/** A value in the reader's words: "2.5 ms", "3 of 6", "on". */
export function describe(control: ControlData, value: Value): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  if (typeof value === "string") return value;
  if (typeof value === "object") return value?.name ?? "none";
  if (control.kind === "steps") return `${value + 1} of ${control.count}`;
  return [formatNumber(value, 6), control.unit].filter(Boolean).join(" ");
}

/** The stage of a Steps control: "3 of 6: Softmax". */
export function describeStage(control: ControlData, value: Value): string {
  const name = control.labels?.[Number(value)];
  return describe(control, value) + (name ? `: ${name}` : "");
}

function renderControl(control: ControlData, value: Value, id: string): string {
  const own = `${id}-${control.name}`;
  const body = {
    slider: renderSlider,
    steps: renderSteps,
    choice: renderChoice,
    toggle: renderToggle,
    text: renderText,
    file: renderFile,
    number: renderNumber,
    seed: renderNumber,
  }[control.kind](control, value, own);
  const problem = element("p", { class: "widget-problem", id: `${own}-problem`, "data-problem": control.name, hidden: true });
  const wide = ["steps", "text", "file"].includes(control.kind);
  const long = control.kind === "text" && String(control.default).split("\n").some((line) => line.length > LONG_LINE);
  return element("div", { class: `widget-control widget-${control.kind}${wide ? " widget-wide" : ""}${long ? " widget-long" : ""}` }, body, problem);
}

function renderSlider(control: ControlData, value: Value, id: string): string {
  const counts = countsPoints(control);
  const grid = (control.grid ?? []) as number[];
  const range = element("input", {
    type: "range",
    id,
    name: control.name,
    min: counts ? "0" : String(grid[0]),
    max: counts ? String(grid.length - 1) : String(grid[grid.length - 1]),
    step: counts ? "1" : String(gridStep(control)),
    value: String(counts ? position(control, value) : value),
    "aria-valuetext": describe(control, value),
    "data-scale": counts ? (control.log ? "log" : "values") : undefined,
  });
  return label(control, id) + element("div", { class: "widget-row" }, range, numberBox(control, value), unit(control));
}

function renderSteps(control: ControlData, value: Value, id: string): string {
  const button = (action: string, name: string, icon: string): string =>
    element("button", { type: "button", "data-action": action, "data-for": control.name, "aria-label": name, title: name }, icon);
  const range = element("input", {
    type: "range",
    id,
    name: control.name,
    min: "0",
    max: String((control.count ?? 1) - 1),
    step: "1",
    value: String(value),
    "aria-valuetext": describeStage(control, value),
  });
  return (
    label(control, id) +
    element(
      "div",
      { class: "widget-row" },
      element(
        "span",
        { class: "widget-transport" },
        button("step-back", "Previous step", ICONS.back),
        button("play", "Play", ICONS.play + ICONS.pause),
        button("step-forward", "Next step", ICONS.forward),
      ),
      range,
      element("span", { class: "widget-stage", "data-stage": control.name }, escape(describeStage(control, value))),
    )
  );
}

function renderChoice(control: ControlData, value: Value, id: string): string {
  const options = control.options ?? [];
  if (options.length > 4 || options.join("").length > 36) {
    const items = options.map((option) => element("option", { value: option, selected: option === value }, escape(option)));
    return label(control, id) + element("select", { id, name: control.name }, ...items);
  }
  const radios = options.map((option) =>
    element(
      "label",
      {},
      element("input", { type: "radio", name: control.name, value: option, checked: option === value }),
      element("span", {}, escape(option)),
    ),
  );
  return (
    element("span", { class: "widget-label", id: `${id}-label` }, escape(control.label)) +
    element("div", { class: "widget-segments", role: "radiogroup", "aria-labelledby": `${id}-label` }, ...radios)
  );
}

function renderToggle(control: ControlData, value: Value, id: string): string {
  const box = element("input", { type: "checkbox", id, name: control.name, checked: value === true });
  return element("label", { class: "widget-check" }, box, element("span", {}, escape(control.label)));
}

function renderText(control: ControlData, value: Value, id: string): string {
  const shared = { id, name: control.name, spellcheck: "false", autocapitalize: "off", dir: "auto" };
  const box = control.multiline
    ? element("textarea", { ...shared, rows: String(Math.min(10, Math.max(3, String(value).split("\n").length))) }, escape(`\n${value}`))
    : element("input", { type: "text", ...shared, value: String(value) });
  return label(control, id) + box;
}

/** The browser's own field is where a file can be dropped, too. */
function renderFile(control: ControlData, _value: Value, id: string): string {
  const field = element("input", { type: "file", id, name: control.name, accept: control.accept, "aria-describedby": `${id}-note` });
  const note = element("span", { class: "widget-unit", id: `${id}-note` }, "or drop it here; it never leaves your device");
  const clear = element("button", { type: "button", class: "widget-again", "data-action": "clear-file", "data-for": control.name, hidden: true }, "remove");
  return label(control, id) + element("div", { class: "widget-row" }, field, note, clear);
}

function renderNumber(control: ControlData, value: Value, id: string): string {
  const again =
    control.kind === "seed"
      ? element("button", { type: "button", class: "widget-again", "data-action": "new-seed", "data-for": control.name }, "another")
      : "";
  const box = element("input", {
    type: "number",
    id,
    name: control.name,
    value: String(value),
    step: control.integer || control.kind === "seed" ? "1" : "any",
    inputmode: "decimal",
  });
  return label(control, id) + element("div", { class: "widget-row" }, box, unit(control), again);
}

function numberBox(control: ControlData, value: Value): string {
  return element("input", {
    type: "number",
    "data-for": control.name,
    "aria-label": `${control.label}, typed`,
    value: String(value),
    step: control.integer ? "1" : "any",
    inputmode: "decimal",
  });
}

function label(control: ControlData, id: string): string {
  return element("label", { class: "widget-label", for: id }, escape(control.label));
}

function unit(control: ControlData): string {
  return control.unit ? element("span", { class: "widget-unit" }, escape(control.unit)) : "";
}

function gridStep(control: ControlData): number {
  const grid = (control.grid ?? []) as number[];
  return grid.length > 1 ? Number((grid[1]! - grid[0]!).toPrecision(10)) : 1;
}

function scaled(control: ControlData, value: number): number {
  const geometric = control.log || (control.values && (control.minimum ?? 0) > 0);
  return geometric && value > 0 ? Math.log(value) : value;
}

function icon(name: string, path: string): string {
  return element(
    "svg",
    { class: `widget-icon widget-icon-${name}`, viewBox: "0 0 16 16", width: "16", height: "16", "aria-hidden": "true" },
    element("path", { d: path }),
  );
}

const ICONS = {
  back: icon("back", "M11 3v10L5 8z"),
  play: icon("play", "M4 2.5v11l9-5.5z"),
  pause: icon("pause", "M4 3h3v10H4zM9 3h3v10H9z"),
  forward: icon("forward", "M5 3v10l6-5z"),
};
