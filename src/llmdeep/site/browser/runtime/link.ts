/** Starts the worker and waits until Python is in it. */

import type { Files } from "./files";
import type { Boot, FromWorker, ToWorker } from "./protocol";

const PATIENCE = 90_000; // milliseconds; a slow phone takes twenty seconds
const MEGABYTE = 2 ** 20;

/** One shared byte through which Stop reaches a running loop, where the page may share memory. */
export const interrupt: Uint8Array | null = globalThis.crossOriginIsolated
  ? new Uint8Array(new SharedArrayBuffer(1))
  : null;

/**
 * A worker with Python ready in it. From then on it belongs to the caller, handlers included. Its
 * own code loads while the files are still on their way.
 *
 * It starts from a blob, since such a worker inherits the page's Content-Security-Policy; one
 * started from a URL would be free of a policy that stands in a <meta> element.
 *
 * @throws Error with the worker's reason, or what became of the files
 */
export function launch(files: Promise<Files>): Promise<Worker> {
  const code = new URL("worker.js", import.meta.url).href;
  const bootstrap = URL.createObjectURL(
    new Blob(
      [
        `import(${JSON.stringify(code)}).catch((error) =>`,
        `  postMessage({ op: "failed", reason: String(error) }));`,
      ],
      { type: "text/javascript" },
    ),
  );
  return new Promise<Worker>((resolve, reject) => {
    const worker = new Worker(bootstrap, { type: "module", name: "Python" });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (error: unknown): void => {
      clearTimeout(timer);
      worker.terminate();
      reject(error);
    };
    const fail = (reason: string): void => end(new Error(reason));
    const start = (given: Files): void => {
      timer = setTimeout(() => fail("Python did not start in time"), PATIENCE);
      tell(worker, { op: "boot", boot: { ...given, ...limits() } });
    };
    worker.onerror = (event) => fail(event.message || "the worker did not load");
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.op === "loaded") files.then(start, end);
      else if (data.op === "failed") fail(data.reason);
      else if (data.op === "ready") {
        clearTimeout(timer);
        resolve(worker);
      }
    };
  }).finally(() => URL.revokeObjectURL(bootstrap));
}

export function tell(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}

function limits(): Pick<Boot, "memoryLimit" | "interrupt"> {
  const touch = matchMedia("(pointer: coarse)").matches;
  return { memoryLimit: (touch ? 256 : 512) * MEGABYTE, interrupt };
}
