/**
 * The worker that holds Pyodide, NumPy and llmdeep. It gets its files from the page, runs one task
 * at a time and answers in plain data. It can reach nothing else: see lockdown.ts.
 *
 * A widget that streams runs from picture to picture; in between the worker listens, so that the
 * page can end it.
 */

import type { loadPyodide as LoadPyodide } from "pyodide";
import type { PyBuffer, PyCallable, PyProxy } from "pyodide/ffi";
import { lockDown } from "./lockdown";
import { capMemory } from "./memory";
import { outlet } from "./outlet";
import type { Boot, FromWorker, Needs, Order, Rendered, Result, ToWorker } from "./protocol";
import { unzip } from "./unzip";

const post = self.postMessage.bind(self) as (
  message: FromWorker,
  transfer?: Transferable[],
) => void;

/** What the worker keeps of Python once it runs. */
interface Python {
  answer: PyCallable;
  more: PyCallable;
  end: PyCallable;
  put(path: string, bytes: Uint8Array): void; // below the package llmdeep
}

declare const FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer };
const slices = new FileReaderSync(); // made now, since the lock takes the means away

let python: Python | undefined;
let unwanted = 0; // the task that shall end

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.op === "task") {
    void perform(data.id, data.order, data.files);
  } else if (data.op === "put") {
    for (const { path, bytes } of data.files) python!.put(path, new Uint8Array(bytes));
  } else if (data.op === "end") {
    unwanted = data.id;
  } else {
    boot(data.boot).then(
      () => post({ op: "ready" }),
      (error: unknown) => post({ op: "failed", reason: String(error) }),
    );
  }
});
post({ op: "loaded" });

async function perform(id: number, order: Order, files: File[]): Promise<void> {
  post({ op: "received", id });
  const { emit, flush } = outlet((stream, text) => post({ op: "output", id, stream, text }));
  const { answer, more, end } = python!;
  const part = (file: number, start: number, length: number): Uint8Array =>
    new Uint8Array(slices.readAsArrayBuffer(files[file]!.slice(start, start + length)));
  try {
    let reply = taken(answer(JSON.stringify(order), emit, part) as PyProxy);
    while ("more" in reply.result) {
      post({ op: "views", id, rendered: reply.result.rendered }, reply.transfer);
      await messages();
      if (unwanted === id) {
        end();
        return post({ op: "ended", id });
      }
      reply = taken(more() as PyProxy);
    }
    flush();
    post({ op: "done", id, result: reply.result }, reply.transfer);
  } catch (error) {
    flush();
    post({ op: "crashed", id, reason: String(error) });
  }
}

/** Lets the messages in that have come meanwhile. */
function messages(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

interface More {
  ok: true;
  rendered: Rendered;
  more: true;
}

/** What session.answer returns, before its arrays are cut out of the one that holds them all. */
type Reply = (Result | Needs | More) & { lengths?: number[] };

function taken(proxy: PyProxy): { result: Result | Needs | More; transfer: Transferable[] } {
  const [text, flat] = proxy.toJs({ depth: 1 }) as [string, PyBuffer | undefined];
  proxy.destroy();
  const { lengths, ...result } = JSON.parse(text) as Reply;
  if (flat === undefined) return { result, transfer: [] };
  const view = flat.getBuffer("f64");
  const numbers = (view.data as Float64Array).slice();
  view.release();
  flat.destroy();
  const rendered = result.ok ? (result.rendered ?? views(result as Result & { ok: true })) : undefined;
  let end = 0;
  rendered!.arrays = lengths!.map((length) => numbers.subarray(end, (end += length)));
  return { result, transfer: [numbers.buffer] };
}

function views(result: Result & { ok: true }): Rendered | undefined {
  return result.value !== undefined && "views" in result.value ? result.value.views : undefined;
}

async function boot(given: Boot): Promise<void> {
  capMemory(given.memoryLimit);
  const [{ loadPyodide }] = (await Promise.all([import(given.loader), import(given.core)])) as [
    { loadPyodide: typeof LoadPyodide },
    unknown,
  ];
  serveFromMemory(given);
  let folder = "";
  const pyodide = await loadPyodide({
    indexURL: "memory:/",
    stdLibURL: "memory:/library",
    lockFileContents: given.lock,
    packageBaseUrl: "memory:/",
    jsglobals: { __proto__: null, setTimeout: later, clearTimeout: self.clearTimeout.bind(self) },
    stdin: () => null,
    stdout: () => undefined,
    stderr: () => undefined,
    fsInit: async (files, { sitePackages }) => {
      folder = `${sitePackages}/llmdeep`;
      for (const zip of given.packages) {
        for (const [path, bytes] of unzip(zip)) {
          const full = `${sitePackages}/${path}`;
          files.mkdirTree(full.slice(0, full.lastIndexOf("/")));
          files.writeFile(full, bytes, { canOwn: true });
        }
      }
    },
  });
  if (given.interrupt !== null) pyodide.setInterruptBuffer(given.interrupt);
  pyodide.unregisterJsModule("pyodide_js");
  pyodide.runPython(FORGET_PYODIDE);
  lockDown();
  const { answer, more, end } = pyodide.pyimport("llmdeep.site.session") as Record<string, PyCallable>;
  python = {
    answer: answer!,
    more: more!,
    end: end!,
    put(path, bytes) {
      const full = `${folder}/${path}`;
      pyodide.FS.mkdirTree(full.slice(0, full.lastIndexOf("/")));
      pyodide.FS.writeFile(full, bytes, { canOwn: true });
    },
  };
}

/** Its own interface is no business of a reader's code, and a way to JavaScript. */
const FORGET_PYODIDE = `
import sys
for name in [name for name in sys.modules if name.startswith("pyodide_js")]:
    del sys.modules[name]
`;

/** Pyodide fetches its WebAssembly and its library by URL: hand it what the page has verified. */
function serveFromMemory({ wasm, library }: Boot): void {
  self.fetch = async (url) => new Response(String(url) === "memory:/library" ? library : null);
  WebAssembly.instantiateStreaming = async (_response, imports) => ({
    module: wasm,
    instance: await WebAssembly.instantiate(wasm, imports),
  });
}

/** `setTimeout` for asyncio, without its habit of running text as code. */
function later(callback: unknown, milliseconds: number): number {
  return typeof callback === "function" ? self.setTimeout(() => callback(), milliseconds) : 0;
}
