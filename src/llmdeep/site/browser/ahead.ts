/** What is fetched before it is needed, and when. */

/** Figures, cells and Python's client: one file, since several would arrive one after the other. */
export function awaken(): Promise<typeof import("./awake")> {
  return import("./awake");
}

const SIGNS = ["pointermove", "pointerdown", "keydown", "scroll"];

/** Kept once a reader does anything at all; never for one who saves data. */
export const readerIsHere = new Promise<void>((resolve) => {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } };
  if (connection?.saveData) return;
  const life = new AbortController();
  const here = (): void => {
    life.abort();
    whenIdle(resolve);
  };
  for (const sign of SIGNS) addEventListener(sign, here, { signal: life.signal, capture: true, passive: true });
});

const BUSY = 500; // milliseconds for which a page may have something better to do

/**
 * Calls back once the page has nothing better to do. Never without a limit: a page that does not
 * paint after a move of the pointer is not called idle by Chromium, however long it rests.
 */
export function whenIdle(callback: () => void): void {
  if (window.requestIdleCallback) window.requestIdleCallback(callback, { timeout: BUSY });
  else setTimeout(callback, BUSY);
}
