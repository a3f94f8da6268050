/**
 * The code behind a figure, to read, edit and run: the widget's own file first, then the functions
 * of the book that it calls, by module. Nothing runs before the reader says so.
 */

import { createEditor, type Editor } from "../editor";
import type { Source } from "./states";

export interface CodePanel {
  /** Fills the editors with code from a link, without running it. */
  fill(code: Record<string, string>): void;
  /** Puts the original code back everywhere. */
  restore(): void;
  /** Computes the figure with the code as it is now. */
  runEdits(): void;
  /** The code that differs from the original, by source name. */
  edited(): Record<string, string>;
  /** Marks the line of edited code that a traceback ends in. */
  mark(traceback: string): void;
  focus(): void;
  dispose(): void;
}

/** `place` holds the panel's markup. */
export function openCode(place: HTMLElement, sources: readonly Source[], run: (edits: Record<string, string>) => void): CodePanel {
  const code = new Map(sources.map((source) => [source.name, source.code]));
  const chooser = place.querySelector("select")!;
  const options = [...chooser.options].sort((a, b) => Number(a.value) - Number(b.value));
  const names = options.map((option) => option.text);
  const where = place.querySelector<HTMLElement>("[data-where]")!;
  const notice = place.querySelector<HTMLElement>("[data-notice]")!;
  const editor: Editor = createEditor(place.querySelector<HTMLElement>("[data-editor]")!, {
    code: sources[0]!.code,
    label: "",
    onRun: runEdits,
    onChange: keep,
  });
  let current = 0;
  select(Number(chooser.value)); // the reader may have chosen before the editor came

  function select(index: number): void {
    current = index;
    const source = sources[index]!;
    chooser.value = String(index);
    editor.show(code.get(source.name)!, `Code of ${source.name}`, source.line);
    where.textContent = `${source.path}, line ${source.line}`;
  }

  function keep(text: string): void {
    code.set(sources[current]!.name, text);
    markEdited();
  }

  function markEdited(): void {
    const changed = edited();
    sources.forEach((source, i) => (options[i]!.text = names[i] + (source.name in changed ? " · edited" : "")));
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

  chooser.addEventListener("change", () => select(Number(chooser.value)));
  markEdited();

  return { fill, restore, runEdits, edited, mark, focus: () => editor.focus(), dispose: () => editor.dispose() };
}
