/** Where Python stands, for whoever shows it; also in `<html data-llmdeep-runtime>`. */

export type RuntimeState = "off" | "booting" | "ready" | "failed";

/** `progress` is the share of bytes loaded, 0 to 1; `message` is one sentence for the reader. */
export interface RuntimeStatus {
  state: RuntimeState;
  progress?: number;
  message?: string;
}

let current: RuntimeStatus = { state: "off" };
const listeners = new Set<(status: RuntimeStatus) => void>();

export function status(): RuntimeStatus {
  return current;
}

/** Calls `listener` at every change from now on; returns the function that ends it. */
export function subscribe(listener: (status: RuntimeStatus) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function announce(next: RuntimeStatus): void {
  current = next;
  document.documentElement.dataset.llmdeepRuntime = next.state;
  for (const listener of [...listeners]) listener(next);
}

announce(current);
