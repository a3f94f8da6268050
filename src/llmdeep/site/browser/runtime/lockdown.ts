/**
 * Nothing of the browser is left in the worker for a reader's Python, or a link's, to reach.
 *
 * Python sees no JavaScript globals to begin with; this is the second wall, for code that finds a
 * way to one: network, storage, nested workers, eval and whatever browsers add next are gone. The
 * list says what stays, because a list of what goes would be out of date with the next browser.
 */

const LANGUAGE = [
  ...["Object", "Function", "Array", "Number", "Boolean", "String", "Symbol", "BigInt", "Math"],
  ...["JSON", "Date", "RegExp", "Promise", "Proxy", "Reflect", "Map", "Set", "WeakMap"],
  ...["WeakSet", "WeakRef", "FinalizationRegistry", "ArrayBuffer", "SharedArrayBuffer"],
  ...["DataView", "Atomics", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array"],
  ...["Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array", "Float64Array"],
  ...["BigInt64Array", "BigUint64Array", "Error", "AggregateError", "EvalError", "RangeError"],
  ...["ReferenceError", "SyntaxError", "TypeError", "URIError", "SuppressedError"],
  ...["DisposableStack", "Iterator", "AsyncDisposableStack", "Intl", "NaN", "Infinity"],
  ...["undefined", "globalThis", "isNaN", "isFinite", "parseFloat", "parseInt"],
  ...["encodeURIComponent", "decodeURIComponent", "encodeURI", "decodeURI", "escape", "unescape"],
  ...["WebAssembly"],
];

/** What Pyodide calls while it runs: clocks, timers, text, randomness, its scheduler. */
const PYODIDE = [
  ...["performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
  ...["TextDecoder", "TextEncoder", "crypto", "queueMicrotask", "MessageChannel", "MessagePort"],
  ...["AbortController", "AbortSignal", "DOMException", "Event", "EventTarget", "console"],
];

const KEPT = new Set([...LANGUAGE, ...PYODIDE]);

/** Remove from `self` and its prototypes everything not listed above. There is no way back. */
export function lockDown(): void {
  forbidCodeFromText();
  const end = EventTarget.prototype;
  for (let at: object | null = self; at !== null && at !== end; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) {
      if (!KEPT.has(name)) remove(at, name);
    }
  }
}

function remove(owner: object, name: string): void {
  if (Reflect.deleteProperty(owner, name)) return;
  Reflect.defineProperty(owner, name, { value: undefined });
}

/** `Function("…")` and its three kin are reached through any function's `constructor`. */
function forbidCodeFromText(): void {
  const kinds = [function () {}, async function () {}, function* () {}, async function* () {}];
  for (const kind of kinds) {
    const prototype = Object.getPrototypeOf(kind) as object;
    const refuse = function (): never {
      throw new EvalError("JavaScript cannot be made from text here.");
    };
    refuse.prototype = prototype;
    Object.defineProperty(prototype, "constructor", { value: refuse });
  }
  Object.defineProperty(self, "Function", { value: Function.prototype.constructor }); // for its kin
}
