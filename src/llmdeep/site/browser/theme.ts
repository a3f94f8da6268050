/**
 * The theme's own script (search, in-site navigation, the colour switch, copy buttons) is a third of
 * what a page would load and half of what it would compute. A page can be read without it; it comes
 * with the first sign of a reader, and what that sign asked for is then done.
 */

const SIGNS = ["pointermove", "pointerdown", "keydown", "focusin", "scroll", "change"];

/** Loads the script that main.html holds back; at once where the address asks for it. */
export function loadThemeWithReader(): void {
  const held = document.querySelector<HTMLScriptElement>('script[type="later"]');
  if (!held) return;
  if (location.search || location.hash) load(held, []); // a word to find, a fold to open
  else waitFor(held);
}

function waitFor(held: HTMLScriptElement): void {
  const missed: Event[] = [];
  const life = new AbortController();
  const here = (event: Event): void => {
    if (event.type === "keydown" || event.type === "change") missed.push(event);
    if (!held.isConnected) return;
    load(held, missed, () => life.abort());
  };
  for (const sign of SIGNS) addEventListener(sign, here, { signal: life.signal, capture: true, passive: true });
}

function load(held: HTMLScriptElement, missed: readonly Event[], done?: () => void): void {
  const script = document.createElement("script");
  script.src = held.src;
  script.addEventListener("load", () => {
    done?.();
    document.dispatchEvent(new Event("DOMContentLoaded")); // which the theme waits for
    for (const event of missed) event.target?.dispatchEvent(copy(event));
  });
  held.replaceWith(script);
}

function copy(event: Event): Event {
  return event instanceof KeyboardEvent ? new KeyboardEvent(event.type, event) : new Event(event.type, { bubbles: true });
}
