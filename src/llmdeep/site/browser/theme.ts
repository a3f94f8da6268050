/**
 * The theme's own script (search, in-site navigation, the colour switch, copy buttons) is a third of
 * what a page would load and half of what it would compute. A page can be read without it; it comes
 * with the first sign of a reader, and what that sign asked for is then done.
 */

import { whenIdle } from "./ahead";
import { settle } from "./settle";
import { reachTables } from "./tables";

const SIGNS = ["pointermove", "pointerdown", "keydown", "focusin", "scroll", "change"];

/** Loads the script that main.html holds back; at once where the address asks for it. */
export function loadThemeWithReader(): void {
  const held = document.querySelector<HTMLScriptElement>('script[type="later"]');
  if (!held) return;
  document.documentElement.classList.replace("no-js", "js");
  showSwitch();
  if (location.search || location.hash) load(held, []); // a word to find, a fold to open
  else waitFor(held);
}

function waitFor(held: HTMLScriptElement): void {
  const missed: Event[] = [];
  const life = new AbortController();
  let coming = false;
  const here = (event: Event): void => {
    if ((event.type === "keydown" || event.type === "change") && !isOurs(event.target)) missed.push(event);
    if (coming) return;
    coming = true;
    whenIdle(() => load(held, missed, () => life.abort())); // a figure that was touched answers first
  };
  for (const sign of SIGNS) addEventListener(sign, here, { signal: life.signal, capture: true, passive: true });
}

function load(held: HTMLScriptElement, missed: readonly Event[], done?: () => void): void {
  const script = document.createElement("script");
  script.src = held.src;
  script.addEventListener("load", () => {
    done?.();
    document.dispatchEvent(new Event("DOMContentLoaded")); // which the theme waits for
    theme().document$.subscribe(settle);
    theme().document$.subscribe(reachTables);
    for (const event of missed) event.target?.dispatchEvent(copy(event));
  });
  held.replaceWith(script);
}

/** What happens in figures and cells is no business of the theme's, and has been answered. */
function isOurs(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("llmdeep-widget, llmdeep-cell") !== null;
}

/** The colour switch is hidden until its position is known. */
function showSwitch(): void {
  const { index = 0 } = theme().__md_get("__palette") ?? {};
  const positions = document.querySelectorAll("[data-md-component=palette] > input");
  positions[index]?.nextElementSibling?.removeAttribute("hidden");
}

/** What the theme puts into the window for pages to use; document$ only once it is there. */
function theme(): Theme {
  return window as unknown as Theme;
}

interface Theme {
  document$: { subscribe(next: () => void): void };
  __md_get(key: "__palette"): { index: number } | null;
}

function copy(event: Event): Event {
  return event instanceof KeyboardEvent ? new KeyboardEvent(event.type, event) : new Event(event.type, { bubbles: true });
}
