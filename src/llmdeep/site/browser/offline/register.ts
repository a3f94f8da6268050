/** Offline reading is prepared once the page has nothing better to do, unless data is to be saved. */

const WORKER = new URL("../../service-worker.js", import.meta.url);

export function prepareOffline(): void {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  if (!("serviceWorker" in navigator) || connection?.saveData) return;
  const register = () => {
    navigator.serviceWorker.register(WORKER, { updateViaCache: "none" }).catch(() => {
      // The book works without it: private windows and plain http refuse service workers.
    });
  };
  const idle = window.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 1000));
  if (document.readyState === "complete") idle(register);
  else addEventListener("load", () => idle(register), { once: true });
}
