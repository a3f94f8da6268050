/** Fetches files whose size and SHA-256 are known beforehand, counted by the byte as they arrive. */

export interface KnownFile {
  name: string; // relative to the folder it is served from
  size: number; // of the decoded file, in bytes
  sha256: string;
}

/** What became of a file that did not come. */
export type Reason = "missing" | "unreachable" | "cut off" | "damaged";

export class FetchError extends Error {
  constructor(readonly reason: Reason) {
    super(reason);
  }
}

export type Count = (bytes: number) => void;

export interface Options {
  signal?: AbortSignal;
  use?: (response: Response) => void; // takes the response itself; then a copy of it is read
}

/**
 * The bytes, with the right hash. A file that is missing or damaged is asked for once more, past
 * the caches; what was counted of the first attempt is taken back.
 *
 * @throws FetchError, or the signal's reason once it is aborted
 */
export async function verified(
  url: string,
  file: KnownFile,
  count: Count,
  { signal, use }: Options = {},
): Promise<ArrayBuffer> {
  let reason: Reason = "unreachable";
  for (const cache of ["default", "reload"] as const) {
    let counted = 0;
    try {
      const response = await answered(url, { cache, integrity: integrity(file), signal });
      const copy = use ? response.clone() : response;
      use?.(response);
      const bytes = await read(copy, file.size, (n) => {
        counted += n;
        count(n);
      });
      if (!crypto.subtle || (await sha256(bytes)) === file.sha256) return bytes;
      reason = "damaged";
    } catch (error) {
      signal?.throwIfAborted();
      reason = error instanceof FetchError ? error.reason : "cut off";
    }
    count(-counted);
  }
  throw new FetchError(reason);
}

async function answered(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init).catch(() => {
    throw new FetchError("unreachable");
  });
  if (!response.ok) throw new FetchError("missing");
  return response;
}

async function read(response: Response, size: number, count: Count): Promise<ArrayBuffer> {
  if (response.body === null) return response.arrayBuffer();
  const reader = response.body.getReader();
  const bytes = new Uint8Array(size);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > size) throw new FetchError("damaged"); // longer than it should be
    bytes.set(value, at);
    at += value.length;
    count(value.length);
  }
  if (at < size) throw new FetchError("cut off");
  return bytes.buffer;
}

/**
 * Where the page may not hash by itself (plain http, not localhost) the browser does, at the price
 * of handing over the file in one piece, without progress.
 */
function integrity({ sha256 }: KnownFile): string {
  if (crypto.subtle) return "";
  const bytes = sha256.match(/../g)!.map((pair) => String.fromCharCode(parseInt(pair, 16)));
  return `sha256-${btoa(bytes.join(""))}`;
}

async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
