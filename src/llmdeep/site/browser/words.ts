/** What figures and cells say: what went wrong, in a reader's words, and what they wait for. */

import type { Failure, Progress, RuntimeStatus } from "./runtime/client";
import { element, escape } from "./views/markup";

export interface Report {
  summary: string;
  traceback?: string;
  retry?: boolean; // the same may work a moment later
}

/** The report of a failed run or render; `subject` is what failed: "This figure", "This cell". */
export function report(failure: Failure, subject: string): Report {
  switch (failure.kind) {
    case "stopped":
      return { summary: `Stopped.${failure.reset ? " Python was restarted, and the variables of all cells were reset." : ""}` };
    case "superseded":
      return { summary: "A newer change took the place of this one." };
    case "unavailable":
      return { summary: sentence(failure.message) };
    case "data":
      return { summary: sentence(failure.message), retry: true };
    case "again":
      return { summary: `“${failure.name}” is loaded now. ${subject} asked for it halfway through, so run it once more.` };
    case "error":
      if (failure.type === "ControlError") return { summary: sentence(failure.message) };
      if (failure.type === "MemoryError") {
        return { summary: `${subject} asked for more memory than a page may use, and was ended.`, traceback: failure.traceback };
      }
      return {
        summary: failure.message ? sentence(`${failure.type}: ${failure.message}`) : `${subject} ended with ${article(failure.type)}.`,
        traceback: failure.traceback,
      };
  }
}

export function renderReport({ summary, traceback, retry }: Report): string {
  const folded = traceback?.trim()
    ? element("details", {}, element("summary", {}, "Where it happened"), element("pre", {}, escape(traceback.trim())))
    : "";
  const again = retry ? element("button", { type: "button", "data-action": "retry" }, "Try again") : "";
  return element("p", {}, escape(summary), again) + folded;
}

/** A part of the page that comes when it is needed; `say` hears if it does not, and the next press tries again. */
export async function loaded<Part>(part: Promise<Part>, name: string, say: (text: string) => void): Promise<Part | undefined> {
  try {
    return await part;
  } catch {
    say(`${name} could not be loaded. Try again, or load the page anew.`);
    return undefined;
  }
}

/** What to say while code waits for Python or runs. */
export function waitingFor({ state, progress = 0 }: RuntimeStatus): string {
  if (state === "ready") return "Computing …";
  const quarters = Math.floor(progress * 4) * 25; // screen readers say each change aloud
  return quarters === 100 ? "Python is starting …" : quarters ? `Python is loading, ${quarters} % …` : "Python is loading …";
}

/** What to say while data arrives: "Loading storybook, 40 % of 3.1 MB …". */
export function waitingForData({ name, loaded, total }: Progress): string {
  const tenths = Math.floor((10 * loaded) / total) * 10; // screen readers say each change aloud
  const size = total < 1e5 ? `${Math.ceil(total / 1e3)} kB` : `${(total / 1e6).toFixed(1)} MB`;
  return `Loading ${name.split("/").pop()}, ${tenths} % of ${size} …`;
}

/** Text with a capital and a full stop. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return trimmed && trimmed[0]!.toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}

function article(type: string): string {
  return `${/^[AEIOU]/.test(type) ? "an" : "a"} ${type}`;
}
