/** Views in the browser: what is on the page turns into new views in place. */

import { arranged } from "./arrange";
import { element, escape } from "./markup";
import type { typeset } from "./math";
import { cellNumbers } from "./matrix_numbers";
import { hasNumbers, matrixSize } from "./matrix_size";
import { sizeOf } from "./matrix_text";
import { morph } from "./morph";
import { superscripts } from "./numbers";
import { dataTable, renderView } from "./render";
import type { Matrix, View } from "./types";

const shown = new WeakMap<Element, View>();
const listening = new WeakSet<Element>();
let math: typeof typeset | undefined;

/**
 * Make `container` show `views`, changing only what differs: focus, scroll places and open tables
 * stay. `idPrefix` is the widget's own; view i gets the id `idPrefix-vI`, as in the build.
 */
export function updateViews(container: HTMLElement, views: readonly View[], idPrefix: string): void {
  listenForTables(container);
  const elements = viewElements(container);
  const drawn = views.map((view, i) => {
    const current = elements[i];
    if (current && shown.get(current) === view) return current;
    const data = current?.querySelector("details.view-data[open]") ? "full" : "none";
    const before = current && shown.get(current);
    const same = before?.view === "matrix" && view.view === "matrix" && haveSameCells(before, view);
    const next = parse(renderView(view, { id: `${idPrefix}-v${i}`, math: formula, data, numbers: same ? "none" : "full" }));
    const element = current ? morph(current, next) : next;
    if (same) updateNumbers(element, before, view);
    shown.set(element, view);
    return element;
  });
  arrange(container, views, drawn);
  if (!math && views.some((view) => view.view === "math")) void loadMath(container, views, idPrefix);
}

/** Takes note that a container shows `views` already, as the build drew them. */
export function adoptViews(container: HTMLElement, views: readonly View[]): void {
  viewElements(container).forEach((element, i) => shown.has(element) || shown.set(element, views[i]!));
}

/** The elements of the views in a container, in the order of the views. */
export function viewElements(container: Element): Element[] {
  return [...container.querySelectorAll("[data-view]")];
}

/** Moves views into other rows only if the rows are not as they should be. */
function arrange(container: HTMLElement, views: readonly View[], drawn: readonly Element[]): void {
  const outline = arranged(views, drawn.map(() => PLACE));
  if (outlineOf(container) === outline && drawn.every((element) => element.isConnected)) return;
  const frame = parse(`<div>${outline}</div>`);
  frame.querySelectorAll("slot").forEach((place, i) => place.replaceWith(drawn[i]!));
  container.replaceChildren(...frame.children);
}

const PLACE = "<slot></slot>";

function outlineOf(element: Element): string {
  return [...element.children].map((child) => (child.hasAttribute("data-view") ? PLACE : `<div class="${child.className}">${outlineOf(child)}</div>`)).join("");
}

/** Tables are filled when the reader opens them: most never are. */
function listenForTables(container: HTMLElement): void {
  if (listening.has(container)) return;
  listening.add(container);
  container.addEventListener(
    "toggle",
    ({ target }) => {
      if (!(target instanceof HTMLDetailsElement) || !target.open) return;
      const view = shown.get(target.closest("[data-view]")!);
      const body = target.querySelector(".view-data-body");
      if (view && body && !body.firstChild) body.innerHTML = dataTable(view);
    },
    true,
  );
}

async function loadMath(container: HTMLElement, views: readonly View[], idPrefix: string): Promise<void> {
  math = (await import("./math")).typeset;
  const elements = viewElements(container);
  if (!views.every((view, i) => elements[i] && shown.get(elements[i]) === view)) return; // newer views came meanwhile
  views.forEach((view, i) => view.view === "math" && shown.delete(elements[i]!));
  updateViews(container, views, idPrefix);
}

/** A formula that KaTeX refuses is shown as it was written. */
function formula(tex: string, display: boolean): string {
  try {
    if (math) return math(tex, display);
  } catch (error) {
    return element("code", { class: "math-source", title: String(error) }, escape(tex));
  }
  return element("code", { class: "math-source" }, escape(tex));
}

function parse(markup: string): Element {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return template.content.firstElementChild!;
}

function haveSameCells(before: Matrix, now: Matrix): boolean {
  return hasNumbers(now) && String(sizeOf(before)) === String(sizeOf(now)) && matrixSize(before).fits !== undefined && matrixSize(now).fits !== undefined;
}

/** A matrix has hundreds of numbers, of which a step of a slider changes some: only those are touched. */
function updateNumbers(element: Element, before: Matrix, now: Matrix): void {
  const texts = element.querySelector(".numbers")!.children;
  const old = cellNumbers(before);
  cellNumbers(now).forEach(({ text, kind = "" }, i) => {
    if (text !== old[i]!.text) write(texts[i]!, text);
    if (kind === (old[i]!.kind ?? "")) return;
    if (kind) texts[i]!.setAttribute("class", kind);
    else texts[i]!.removeAttribute("class");
  });
}

function write(element: Element, text: string): void {
  const markup = superscripts(text);
  const only = element.childNodes.length === 1 ? element.firstChild : undefined;
  if (text && only instanceof Text && markup === text) only.data = text;
  else element.innerHTML = markup;
}
