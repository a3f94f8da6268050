/**
 * The data that the book's code reads: models, vocabularies. Each is fetched when code first asks
 * for it, never before, verified against the manifest's SHA-256, and kept for the visit, so that a
 * restarted worker gets it again without a second download.
 */

import { FetchError, verified, type KnownFile, type Reason } from "./fetching";

/** Written by `llmdeep.site.data`: for each file below the package the one that is served. */
interface Manifest {
  files: Record<string, KnownFile>;
}

export interface DataFile {
  path: string; // below the package llmdeep
  bytes: ArrayBuffer;
}

/** How far a download is, in bytes. */
export interface Progress {
  name: string;
  loaded: number;
  total: number;
}

export type OnProgress = (progress: Progress) => void;

/** Carries one sentence for the reader. */
export class DataUnavailable extends Error {}

const FOLDER = new URL("../data/", import.meta.url);

interface Download {
  files: Promise<DataFile[]>;
  listeners: Set<OnProgress>;
  controller: AbortController;
}

const downloads = new Map<string, Download>();
const complete = new Map<string, DataFile[]>();

/**
 * The files of `name`, a file or a folder; those who ask at the same time share one download.
 *
 * @throws DataUnavailable
 */
export async function data(name: string, onProgress: OnProgress): Promise<DataFile[]> {
  const kept = complete.get(name);
  if (kept) return kept;
  let download = downloads.get(name);
  if (!download) {
    const controller = new AbortController();
    const listeners = new Set<OnProgress>();
    const tell: OnProgress = (progress) => listeners.forEach((listener) => listener(progress));
    const files = fetchAll(name, tell, controller).finally(() => downloads.delete(name));
    download = { files, listeners, controller };
    downloads.set(name, download);
  }
  download.listeners.add(onProgress);
  const files = await download.files;
  complete.set(name, files);
  return files;
}

/** What has arrived during this visit, by name. */
export function arrived(): ReadonlyMap<string, DataFile[]> {
  return complete;
}

/** Ends all downloads. */
export function abandon(): void {
  for (const { controller } of downloads.values()) controller.abort();
}

async function fetchAll(
  name: string,
  tell: OnProgress,
  controller: AbortController,
): Promise<DataFile[]> {
  const { signal } = controller;
  try {
    const { files } = await manifest(signal);
    const wanted = Object.entries(files).filter(([p]) => p === name || p.startsWith(`${name}/`));
    if (wanted.length === 0) {
      throw new DataUnavailable(`There is no “${name}” among the files of this copy of the book.`);
    }
    const total = wanted.reduce((sum, [, file]) => sum + file.size, 0);
    let loaded = 0;
    const count = (bytes: number): void => tell({ name, loaded: (loaded += bytes), total });
    count(0);
    return await Promise.all(
      wanted.map(async ([path, file]) => ({
        path,
        bytes: await verified(new URL(file.name, FOLDER).href, file, count, { signal }),
      })),
    );
  } catch (error) {
    controller.abort(); // the rest is of no use
    if (error instanceof FetchError) throw new DataUnavailable(sentence(name, error.reason));
    throw error;
  }
}

async function manifest(signal: AbortSignal): Promise<Manifest> {
  const url = new URL("manifest.json", FOLDER);
  const response = await fetch(url, { cache: "no-cache", signal }).catch(() => {
    signal.throwIfAborted();
    throw new FetchError("unreachable");
  });
  if (!response.ok) throw new FetchError("missing");
  return (await response.json()) as Manifest;
}

function sentence(name: string, reason: Reason): string {
  const what = {
    missing: `“${name}” could not be loaded: the site does not have it where it should be.`,
    unreachable: `“${name}” could not be loaded: there seems to be no connection.`,
    "cut off": `“${name}” did not arrive in full: the connection broke off.`,
    damaged: `“${name}” arrived damaged, so it is not used.`,
  };
  return what[reason];
}
