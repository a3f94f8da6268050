/**
 * The code behind a figure, to read, edit and run: the widget's own file and the functions of the
 * book that it calls, a tab each. Nothing runs before the reader says so.
 */

import { createEditor, type Editor } from "../editor";
import { element, escape } from "../views/markup";
import type { Source } from "./states";

export interface CodePanel {
  /** Fills the editors with code from a link, without running it. */
  fill(code: Record<string, string>): void;
  /** Puts the original code back everywhere. */
  restore(): void;
  /** The code that differs from the original, by source name. */
  edited(): Record<string, string>;
  /** Marks the line of edited code that a traceback ends in. */
  mark(traceback: string): void;
  focus(): void;
  dispose(): void;
}

export function openCode(place: HTMLElement, id: string, sources: readonly Source[], run: (edits: Record<string, string>) => void): CodePanel {
  const code = new Map(sources.map((source) => [source.name, source.code]));
  place.innerHTML = markup(id, sources);
  const tabs = [...place.querySelectorAll<HTMLElement>('[role="tab"]')];
  const where = place.querySelector<HTMLElement>("[data-where]")!;
  const notice = place.querySelector<HTMLElement>("[data-notice]")!;
  const editor: Editor = createEditor(place.querySelector<HTMLElement>("[data-editor]")!, {
    code: sources[0]!.code,
    label: "",
    onRun: runEdits,
    onChange: keep,
  });
  let current = 0;
  select(0);

  function select(index: number): void {
    current = index;
    const source = sources[index]!;
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === index));
      tab.tabIndex = i === index ? 0 : -1;
    });
    editor.show(code.get(source.name)!, `Code of ${source.name}`, source.line);
    place.querySelector('[role="tabpanel"]')!.setAttribute("aria-labelledby", tabs[index]!.id);
    where.textContent = `${source.path}, line ${source.line}`;
    tabs[index]!.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function keep(text: string): void {
    code.set(sources[current]!.name, text);
    markEdited();
  }

  function markEdited(): void {
    const changed = edited();
    sources.forEach((source, i) => tabs[i]!.toggleAttribute("data-edited", source.name in changed));
    place.querySelector<HTMLButtonElement>('[data-action="code-reset"]')!.disabled = Object.keys(changed).length === 0;
  }

  function edited(): Record<string, string> {
    return Object.fromEntries(sources.filter(({ name, code: original }) => code.get(name) !== original).map(({ name }) => [name, code.get(name)!]));
  }

  function runEdits(): void {
    notice.hidden = true;
    run(edited());
  }

  function restore(): void {
    notice.hidden = true;
    for (const source of sources) code.set(source.name, source.code);
    select(current);
    markEdited();
  }

  function fill(given: Record<string, string>): void {
    const known = Object.entries(given).filter(([name]) => code.has(name));
    for (const [name, text] of known) code.set(name, text);
    if (known.length) select(sources.findIndex(({ name }) => name === known[0]![0]));
    markEdited();
    notice.hidden = false;
    notice.textContent = known.length
      ? "Code from a link, not run yet. Read it first: somebody else may have written it."
      : "The link has code for another version of this figure, so it was left out.";
  }

  function mark(traceback: string): void {
    const [, name, line] = [...traceback.matchAll(/edited ([\w.]+), line (\d+)/g)].at(-1) ?? [];
    const index = sources.findIndex((source) => source.name === name);
    if (index < 0) return;
    if (index !== current) select(index);
    editor.mark(Number(line));
  }

  place.addEventListener("click", (event) => {
    const pressed = event.target as Element;
    const tab = tabs.indexOf(pressed.closest<HTMLElement>('[role="tab"]')!);
    if (tab >= 0) select(tab);
    const action = pressed.closest("[data-action]")?.getAttribute("data-action");
    if (action === "code-run") runEdits();
    if (action === "code-reset") {
      restore();
      run({});
    }
  });
  place.addEventListener("keydown", (event) => {
    const from = tabs.indexOf(event.target as HTMLElement);
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (from < 0 || to === undefined) return;
    event.preventDefault();
    const next = (to + tabs.length) % tabs.length;
    select(next);
    tabs[next]!.focus();
  });
  markEdited();

  return { fill, restore, edited, mark, focus: () => editor.focus(), dispose: () => editor.dispose() };
}

function markup(id: string, sources: readonly Source[]): string {
  const tabs = sources.map((source, index) => {
    const name = source.name.split(".").slice(index === 0 ? -1 : -2).join(".");
    return element("button", { type: "button", role: "tab", id: `${id}-tab-${index}`, "aria-controls": `${id}-code` }, escape(index === 0 ? `${name}.py` : name));
  });
  return [
    element("div", { class: "widget-tabs", role: "tablist", "aria-label": "Code behind this figure" }, ...tabs),
    element("p", { class: "widget-notice", "data-notice": true, role: "note", hidden: true }),
    element("div", { role: "tabpanel", id: `${id}-code` }, element("div", { class: "code-editor", "data-editor": true })),
    element(
      "div",
      { class: "widget-bar" },
      element("p", { class: "widget-status" }, element("span", { "data-where": true }), " · Ctrl or ⌘ with Enter runs, Tab leaves the editor"),
      element(
        "div",
        { class: "widget-tools" },
        element("button", { type: "button", "data-action": "code-run", class: "widget-run" }, "Run"),
        element("button", { type: "button", "data-action": "code-reset", disabled: true }, "Restore the original"),
      ),
    ),
  ].join("");
}
