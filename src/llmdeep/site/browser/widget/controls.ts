/** The panel's form elements on one side, checked parameters on the other, kept in step. */

import { check } from "./check";
import { countsPoints, describe, describeStage, position, type ControlData, type Params, type Value } from "./panel";

export type Reading = "changed" | "same" | "refused" | "unfinished";

export interface Controls {
  /** The last accepted value of each control. */
  readonly params: Params;
  /** Takes over what the reader did to a form element; `final` once they let go of it. */
  read(field: Element, final: boolean): Reading;
  /** Puts a value into the panel. */
  set(name: string, value: Value): void;
  /** The control a form element belongs to. */
  of(field: Element): ControlData | undefined;
  /** The controls whose value is not the one the figure starts with. */
  moved(): ControlData[];
  /** Whether any control shows something it refuses. */
  refused(): boolean;
  /** Shows what Python found wrong at the control that was changed last; false if there is none. */
  blame(problem: string): boolean;
  /** Takes that back: Python has an answer again. */
  forgive(): void;
}

type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

export function bindControls(host: Element, panel: readonly ControlData[]): Controls {
  const byName = new Map(panel.map((control) => [control.name, control]));
  const params: Params = Object.fromEntries(panel.map((control) => [control.name, control.default]));
  const problems = new Map<string, string>();
  let latest: ControlData | undefined;
  let blamed: ControlData | undefined;

  function of(field: Element): ControlData | undefined {
    return byName.get(field.getAttribute("name") ?? field.getAttribute("data-for") ?? "");
  }

  function read(field: Element, final: boolean): Reading {
    const control = of(field);
    if (!control) return "same";
    const typed = field as Field;
    const raw = rawValue(control, typed);
    const checked = typed.validity?.badInput ? { ok: false as const, problem: "That is not a number." } : check(control, raw);
    if (!checked.ok) {
      if (!final && control.kind !== "text") return "unfinished"; // "-" may become "-3"
      refuse(control, checked.problem);
      return "refused";
    }
    const changed = params[control.name] !== checked.value || problems.has(control.name);
    latest = control;
    params[control.name] = checked.value;
    refuse(control, "");
    write(control, checked.value, typed);
    return changed ? "changed" : "same";
  }

  function set(name: string, value: Value): void {
    const control = byName.get(name)!;
    params[name] = value;
    refuse(control, "");
    write(control, value);
  }

  /** Brings every form element of a control in line, but for the one being typed into. */
  function write(control: ControlData, value: Value, source?: Field): void {
    for (const field of fields(control.name)) {
      if (field.type === "radio") (field as HTMLInputElement).checked = field.value === value;
      else if (field.type === "checkbox") (field as HTMLInputElement).checked = value === true;
      else if (field.type === "file") value ?? (field.value = ""); // no script may choose a file
      else if (field.type === "range") {
        field.value = String(countsPoints(control) ? position(control, value) : value);
        field.setAttribute("aria-valuetext", control.kind === "steps" ? describeStage(control, value) : describe(control, value));
      } else if (field !== source) field.value = String(value);
    }
    const clear = host.querySelector<HTMLElement>(`[data-action="clear-file"][data-for="${control.name}"]`);
    if (clear) clear.hidden = value === null;
    const stage = host.querySelector(`[data-stage="${control.name}"]`);
    if (stage) stage.textContent = describeStage(control, value);
  }

  function refuse(control: ControlData, problem: string): void {
    if (problem) problems.set(control.name, problem);
    else problems.delete(control.name);
    const place = host.querySelector<HTMLElement>(`[data-problem="${control.name}"]`);
    if (!place || place.textContent === problem) return;
    place.textContent = problem;
    place.hidden = !problem;
    if (problem) place.closest("details")?.setAttribute("open", "");
    for (const field of fields(control.name)) {
      field.toggleAttribute("aria-invalid", false);
      if (problem) {
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", place.id);
      } else field.removeAttribute("aria-describedby");
    }
  }

  function blame(problem: string): boolean {
    blamed = latest;
    if (blamed) refuse(blamed, problem);
    return blamed !== undefined;
  }

  function forgive(): void {
    if (blamed) refuse(blamed, "");
    blamed = undefined;
  }

  function fields(name: string): Field[] {
    const own = `[name="${name}"], input[data-for="${name}"]`;
    return [...host.querySelectorAll<Field>(`.widget-panel :is(${own})`)];
  }

  return {
    params,
    read,
    set,
    of,
    moved: () => panel.filter((control) => params[control.name] !== control.default),
    refused: () => problems.size > 0,
    blame,
    forgive,
  };
}

function rawValue(control: ControlData, field: Field): Value {
  if (field.type === "file") return (field as HTMLInputElement).files?.[0] ?? null;
  if (field.type === "checkbox") return (field as HTMLInputElement).checked;
  if (field.type !== "range" || !control.grid) return field.value;
  const index = countsPoints(control) ? Number(field.value) : position(control, Number(field.value));
  return String(control.grid[index] ?? control.default);
}
