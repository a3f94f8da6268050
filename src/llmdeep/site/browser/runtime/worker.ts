/**
 * The worker that holds Pyodide, NumPy and llmdeep. It gets its files from the page, runs one task
 * at a time and answers in plain data. It can reach nothing else: see lockdown.ts.
 */

import type { loadPyodide as LoadPyodide } from "pyodide";
import type { PyBuffer, PyCallable, PyProxy } from "pyodide/ffi";
import { lockDown } from "./lockdown";
import { capMemory } from "./memory";
import { outlet, type Emit } from "./outlet";
import type { Boot, FromWorker, Order, Result, ToWorker } from "./protocol";
import { unzip } from "./unzip";

const post = self.postMessage.bind(self) as (
  message: FromWorker,
  transfer?: Transferable[],
) => void;

let answer: PyCallable | undefined;

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.op === "task") {
    perform(data.id, data.order);
  } else {
    boot(data.boot).then(
      () => post({ op: "ready" }),
      (error: unknown) => post({ op: "failed", reason: String(error) }),
    );
  }
});
post({ op: "loaded" });

function perform(id: number, order: Order): void {
  post({ op: "received", id });
  const { emit, flush } = outlet((stream, text) => post({ op: "output", id, stream, text }));
  try {
    const [result, transfer] = ask(order, emit);
    flush();
    post({ op: "done", id, result }, transfer);
  } catch (error) {
    flush();
    post({ op: "crashed", id, reason: String(error) });
  }
}

/** What session.answer returns, before its arrays are cut out of the one that holds them all. */
type Reply = Result & { lengths?: number[] };

function ask(order: Order, emit: Emit): [Result, Transferable[]] {
  const proxy = answer!(JSON.stringify(order), emit) as PyProxy;
  const [text, flat] = proxy.toJs({ depth: 1 }) as [string, PyBuffer | undefined];
  proxy.destroy();
  const { lengths, ...result } = JSON.parse(text) as Reply;
  if (flat === undefined) return [result, []];
  const view = flat.getBuffer("f64");
  const numbers = (view.data as Float64Array).slice();
  view.release();
  flat.destroy();
  const rendered = result.ok ? (result.rendered ?? views(result)) : undefined;
  let end = 0;
  rendered!.arrays = lengths!.map((length) => numbers.subarray(end, (end += length)));
  return [result, [numbers.buffer]];
}

function views(result: Result & { ok: true }) {
  return result.value !== undefined && "views" in result.value ? result.value.views : undefined;
}

async function boot(given: Boot): Promise<void> {
  capMemory(given.memoryLimit);
  const [{ loadPyodide }] = (await Promise.all([import(given.loader), import(given.core)])) as [
    { loadPyodide: typeof LoadPyodide },
    unknown,
  ];
  serveFromMemory(given);
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
  answer = pyodide.pyimport("llmdeep.site.session").answer as PyCallable;
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
