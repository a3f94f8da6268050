/**
 * The files of the Python runtime: fetched once, counted by the byte, verified against the
 * manifest's SHA-256, and kept so that a restarted worker needs no network.
 */

import { FetchError, verified as fetched, type Count, type KnownFile } from "./fetching";
import type { Boot } from "./protocol";

/** Written by `python -m llmdeep.site.pyodide`; sizes are of the decoded files, in bytes. */
export interface Manifest {
  available: boolean;
  notice?: string; // why there is no live Python in this copy of the book
  lock: Record<string, unknown>;
  files: Record<"loader" | "core" | "wasm" | "library" | "numpy" | "llmdeep", KnownFile>;
}

export type Files = Omit<Boot, "memoryLimit" | "interrupt">;

/** Carries one sentence for the reader. */
export class RuntimeUnavailable extends Error {}

const FOLDER = new URL("../python/", import.meta.url);

let share = 0;

/** How much of the bytes has arrived so far, 0 to 1. */
export function loadedShare(): number {
  return share;
}

/**
 * All files, fetched in parallel. `onProgress` gets the share of bytes that has arrived, 0 to 1.
 *
 * @throws RuntimeUnavailable
 */
export async function download(onProgress: (share: number) => void): Promise<Files> {
  if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
    throw new RuntimeUnavailable("This browser is too old to run Python, or has it switched off.");
  }
  const { available, notice, lock, files } = await manifest();
  if (!available) {
    throw new RuntimeUnavailable(notice ?? "This copy of the book was built without live Python.");
  }
  const total = Object.values(files).reduce((sum, file) => sum + file.size, 0);
  let arrived = 0;
  const count: Count = (bytes) => {
    arrived += bytes;
    share = Math.min(arrived / total, 1);
    onProgress(share);
  };
  const [wasm, library, numpy, llmdeep] = await Promise.all([
    compiled(files.wasm, count),
    verified(files.library, count),
    verified(files.numpy, count),
    verified(files.llmdeep, count),
    verified(files.loader, count), // these two are imported by URL: fetched here to be verified
    verified(files.core, count),
  ]);
  return {
    loader: address(files.loader),
    core: address(files.core),
    lock: JSON.stringify(lock),
    wasm,
    library,
    packages: [numpy, llmdeep],
  };
}

function address(file: KnownFile): string {
  return new URL(file.name, FOLDER).href;
}

async function manifest(): Promise<Manifest> {
  const response = await fetch(new URL("manifest.json", FOLDER), { cache: "no-cache" }).catch(
    () => null,
  );
  if (response === null) {
    throw new RuntimeUnavailable("Python could not be loaded: there seems to be no connection.");
  }
  if (!response.ok) {
    throw new RuntimeUnavailable("This copy of the book was built without live Python.");
  }
  return (await response.json()) as Manifest;
}

/**
 * The interpreter, compiled while it arrives. Only a response that the browser compiles itself gets
 * its machine code cached, which halves the next start; what is hashed is a copy of the stream.
 */
async function compiled(file: KnownFile, count: Count): Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module | undefined> | undefined;
  const bytes = await verified(file, count, (response) => {
    module = WebAssembly.compileStreaming(response).catch(() => undefined);
  });
  try {
    return (await module) ?? (await WebAssembly.compile(bytes)); // a host may have the type wrong
  } catch {
    throw new RuntimeUnavailable("This browser cannot run Python: it refused its WebAssembly.");
  }
}

/** The bytes, with the right hash; `use` may take the response itself, and then a copy is read. */
async function verified(
  file: KnownFile,
  count: Count,
  use?: (response: Response) => void,
): Promise<ArrayBuffer> {
  try {
    return await fetched(address(file), file, count, { use });
  } catch (error) {
    const damaged = error instanceof FetchError && error.reason === "damaged";
    const complaint = damaged ? "arrived damaged" : "could not be loaded";
    throw new RuntimeUnavailable(`A part of Python ${complaint} (${file.name}).`);
  }
}
