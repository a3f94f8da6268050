/** What a cell printed and returned, as it comes: text stays text, views are drawn. */

import { renderReport, type Report } from "../words";
import type { Rendered, Stream, Value } from "../runtime/client";
import type { View } from "../views/types";
import { updateViews } from "../views/live";
import { unpack } from "../views/wire";

export interface Output {
  /** The next thing shown takes the place of everything before it. */
  begin(): void;
  print(stream: Stream, text: string): void;
  value(value: Value): Promise<void>;
  /** What went wrong, after what was printed, or beside what the last run or the build left. */
  report(report: Report, beside?: boolean): void;
  /** Ends a run: what was shown before it goes, even if it showed nothing. */
  end(): void;
  /** Puts back what the build computed. */
  restore(): void;
}

export function bindOutput(place: HTMLElement, id: string): Output {
  const original = place.innerHTML; // the build's own markup
  let stale = false;

  function clear(): void {
    if (stale) place.replaceChildren();
    stale = false;
  }

  function append<Name extends keyof HTMLElementTagNameMap>(tag: Name): HTMLElementTagNameMap[Name] {
    clear();
    return place.appendChild(document.createElement(tag));
  }

  function print(stream: Stream, text: string): void {
    clear();
    let block = place.lastElementChild as HTMLElement | null;
    if (block?.dataset.stream !== stream) {
      block = append("pre");
      block.dataset.stream = stream;
    }
    block!.append(text);
    reach(block!);
  }

  async function value(shown: Value): Promise<void> {
    if ("text" in shown) {
      const block = append("pre");
      block.dataset.value = "";
      block.textContent = shown.text;
      reach(block);
      return;
    }
    const block = append("div");
    block.className = "widget-views";
    block.dataset.value = "";
    await drawViews(block, shown.views, id);
  }

  return {
    begin: () => (stale = true),
    print,
    value,
    report: (report, beside = false) => {
      if (beside) stale = false;
      place.querySelector(".cell-failure")?.remove();
      const block = append("div");
      block.className = "cell-failure";
      block.innerHTML = renderReport(report);
    },
    end: clear,
    restore: () => {
      stale = false;
      place.innerHTML = original;
    },
  };
}

/** What is higher than its place scrolls, and not every browser lets keys do that by themselves. */
function reach(block: HTMLElement): void {
  if (block.tabIndex !== 0 && isHigh(block.textContent!)) block.tabIndex = 0;
}

const NARROW = 26; // characters in a line of the narrowest phone, some left for whole words
const HIGH = 19; // lines that show

/** Where lines break earliest; as `_text` in cells.py says it. */
function isHigh(text: string): boolean {
  return text.split("\n").reduce((rows, line) => rows + 1 + Math.floor(line.length / NARROW), 0) > HIGH;
}

async function drawViews(place: HTMLElement, { text, arrays }: Rendered, id: string): Promise<void> {
  const views: View[] = unpack(text, arrays);
  updateViews(place, views, `${id}-live`);
}
