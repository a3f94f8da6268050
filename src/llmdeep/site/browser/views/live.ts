/** Views in the browser: what is on the page turns into new views in place. */

import type { typeset } from "./math";
import { element, escape } from "./markup";
import { dataTable, renderView } from "./render";
import type { View } from "./types";

const shown = new WeakMap<Element, View>();
const listening = new WeakSet<Element>();
let math: typeof typeset | undefined;

/**
 * Make `container` show `views`, changing only what differs: focus, scroll places and open tables
 * stay. `idPrefix` is the widget's own; view i gets the id `idPrefix-vI`, as in the build.
 */
export function updateViews(container: HTMLElement, views: readonly View[], idPrefix: string): void {
  listenForTables(container);
  views.forEach((view, i) => {
    const current = container.children[i];
    if (current && shown.get(current) === view) return;
    const data = current?.querySelector("details.view-data[open]") ? "full" : "none";
    const next = parse(renderView(view, { id: `${idPrefix}-v${i}`, math: formula, data }));
    const element = current ? morph(current, next) : container.appendChild(next);
    shown.set(element, view);
  });
  while (container.children.length > views.length) container.lastElementChild!.remove();
  if (!math && views.some((view) => view.view === "math")) void loadMath(container, views, idPrefix);
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
  if (!document.querySelector('link[href*="katex"]')) {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("../katex/katex.css", import.meta.url).href;
    document.head.append(sheet);
  }
  math = (await import("./math")).typeset;
  views.forEach((view, i) => {
    const current = container.children[i];
    if (view.view === "math" && current && shown.get(current) === view) shown.delete(current);
  });
  const still = views.every((view, i) => view.view === "math" || shown.get(container.children[i]!) === view);
  if (still) updateViews(container, views, idPrefix);
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

/** Turn `old` into `next` with as few changes as a walk side by side finds; returns what is in place. */
function morph(old: Element, next: Element): Element {
  if (old.tagName !== next.tagName) {
    old.replaceWith(next);
    return next;
  }
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !(name === "open" && old.tagName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [before, after] = [[...old.childNodes], [...next.childNodes]];
  after.forEach((child, i) => {
    const counterpart = before[i];
    if (!counterpart) old.append(child);
    else if (counterpart instanceof Element && child instanceof Element) morph(counterpart, child);
    else if (counterpart.nodeType !== child.nodeType) counterpart.replaceWith(child);
    else if (counterpart.nodeValue !== child.nodeValue) counterpart.nodeValue = child.nodeValue;
  });
  for (const extra of before.slice(after.length)) extra.remove();
  return old;
}
