/** The code of a cell: as the chapter has it, coloured by the build, or in an editor. */

import type { Editor } from "../editor";
import { loaded } from "../words";

export interface CellCode {
  text(): string;
  edited(): boolean;
  /** Opens the editor, or brings the reader back to it. */
  edit(): Promise<void>;
  restore(): void;
  /** Marks a line, counted from 1, as the one that failed; 0 takes the mark away. */
  mark(line: number): void;
  dispose(): void;
}

/** `memory` names where the visit remembers the reader's version, if it should. */
export function bindCode(host: HTMLElement, run: () => void, changed: () => void, say: (text: string) => void, memory?: string): CellCode {
  const block = host.querySelector<HTMLElement>(":scope > .highlight")!;
  const element = block.querySelector("code")!;
  const markup = element.innerHTML;
  const original = element.textContent!.replace(/\n$/, "");
  let text = original;
  let editor: Editor | undefined;
  let place: HTMLElement | undefined;
  const remembered = memory && recall(memory);
  if (remembered && remembered !== original) {
    text = remembered;
    element.textContent = text;
  }

  async function edit(): Promise<void> {
    if (!editor) {
      const module = await loaded(import("../editor"), "The editor", say);
      if (!module || editor) return;
      place = document.createElement("div");
      place.className = "code-editor";
      block.after(place);
      block.hidden = true;
      editor = module.createEditor(place, { code: text, label: host.dataset.kind === "exercise" ? "Your answer" : "Code of this cell", onRun: run, onChange: keep });
    }
    editor.focus();
  }

  function keep(now: string): void {
    text = now;
    if (memory) remember(memory, now);
    changed();
  }

  function restore(): void {
    close();
    text = original;
    element.innerHTML = markup; // the build's own
    if (memory) remember(memory, undefined);
    changed();
  }

  function close(): void {
    editor?.dispose();
    place?.remove();
    editor = undefined;
    block.hidden = false;
    mark(0);
  }

  function mark(line: number): void {
    editor?.mark(line);
    block.querySelector(".cell-error-line")?.remove();
    if (line < 1 || editor) return;
    const band = document.createElement("span");
    band.className = "cell-error-line";
    const style = getComputedStyle(element);
    const height = parseFloat(style.lineHeight) || 1.4 * parseFloat(style.fontSize);
    band.style.height = `${height}px`;
    band.style.top = `${element.offsetTop + parseFloat(style.paddingTop) + (line - 1) * height}px`;
    element.parentElement!.append(band);
  }

  return { text: () => text, edited: () => text !== original, edit, restore, mark, dispose: () => editor?.dispose() };
}

function recall(key: string): string | null {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // storage is switched off: the code lasts as long as the page
  }
}

function remember(key: string, code: string | undefined): void {
  try {
    if (code === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, code);
  } catch {
    return;
  }
}
