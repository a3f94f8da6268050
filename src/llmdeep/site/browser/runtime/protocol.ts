/** What the page and the Python worker say to each other: plain data, by postMessage only. */

export type Stream = "stdout" | "stderr";

/** Views as they leave Python: feed both to `unpack()`. */
export interface Rendered {
  text: string;
  arrays: Float64Array[];
}

export type Value = { text: string } | { views: Rendered };

/** An exception in Python. `message` is for the reader, `traceback` starts at the reader's code. */
export interface PythonError {
  kind: "error";
  type: string;
  message: string;
  traceback: string;
}

/** One task for Python; session.py's `answer` takes it as JSON. */
export type Order =
  | { op: "render"; widget: string; params: Record<string, unknown>; edits: Record<string, string> }
  | { op: "run"; page: string; code: string; scratch: boolean }
  | { op: "forget"; page: string };

/** What a task gives: `rendered` for a render, perhaps a `value` for a run. */
export type Result =
  | { ok: true; rendered?: Rendered; value?: Value }
  | { ok: false; failure: PythonError };

/** Everything the worker needs, so that it never asks the network for data. */
export interface Boot {
  loader: string; // URLs of pyodide.mjs and pyodide.asm.js, both verified and in the HTTP cache
  core: string;
  lock: string; // Pyodide's lock file as JSON; it lists no package, since ours come with the rest
  wasm: WebAssembly.Module;
  library: ArrayBuffer; // zip: Python's standard library, precompiled
  packages: ArrayBuffer[]; // zips for site-packages
  memoryLimit: number; // bytes
  interrupt: Uint8Array | null; // one shared byte; 2 raises KeyboardInterrupt
}

export type ToWorker = { op: "boot"; boot: Boot } | { op: "task"; id: number; order: Order };

export type FromWorker =
  | { op: "loaded" } // the worker's own code is there and wants its files
  | { op: "ready" }
  | { op: "failed"; reason: string }
  | { op: "received"; id: number }
  | { op: "output"; id: number; stream: Stream; text: string }
  | { op: "done"; id: number; result: Result }
  | { op: "crashed"; id: number; reason: string };
