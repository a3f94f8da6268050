/** What the page and the Python worker say to each other: plain data, by postMessage only. */

import type { DataFile } from "./data";

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

/**
 * One task for Python; session.py's `answer` takes it as JSON. A run leaves out the statements
 * before number `first`. A parameter may be a FileParameter.
 */
export type Order =
  | { op: "render"; widget: string; params: Record<string, unknown>; edits: Record<string, string> }
  | { op: "run"; page: string; code: string; scratch: boolean; first: number }
  | { op: "forget"; page: string };

/** A file of the reader's: its number among those that come with the task, its size in bytes. */
export interface FileParameter {
  file: number;
  name: string;
  size: number;
}

/** What a task gives: `rendered` for a render, perhaps a `value` for a run. */
export type Result =
  | { ok: true; rendered?: Rendered; value?: Value }
  | { ok: false; failure: PythonError };

/**
 * A task that asked for data which the worker does not have. Once it does, the task can be given
 * again, a run with `next` as its `first`; null where it had done things it would then do twice.
 */
export interface Needs {
  ok: false;
  needs: string;
  next: number | null;
}

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

export type ToWorker =
  | { op: "boot"; boot: Boot }
  | { op: "put"; files: DataFile[] }
  | { op: "task"; id: number; order: Order; files: File[] }
  | { op: "end"; id: number }; // of a task that streams: what is to come is not wanted any more

export type FromWorker =
  | { op: "loaded" } // the worker's own code is there and wants its files
  | { op: "ready" }
  | { op: "failed"; reason: string }
  | { op: "received"; id: number }
  | { op: "output"; id: number; stream: Stream; text: string }
  | { op: "views"; id: number; rendered: Rendered } // a picture on the way to the answer
  | { op: "done"; id: number; result: Result | Needs }
  | { op: "ended"; id: number }
  | { op: "crashed"; id: number; reason: string };
