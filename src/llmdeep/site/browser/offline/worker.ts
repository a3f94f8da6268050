/**
 * The service worker: after one visit the book can be read offline.
 *
 * Pages, and whatever else may change, come from the network while it answers. Files named by their
 * hash never change and come from the cache. The files of Python and of the models are kept once
 * they have been used, and passed on untouched: a response that is rewritten loses the browser's
 * compiled code.
 */

import { PrecacheController, type PrecacheEntry } from "workbox-precaching";

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: PrecacheEntry[] };

const PATIENCE = 4000; // milliseconds a page may take before the kept copy is shown instead
const ON_USE = /\/assets\/(python|data)\//; // folders of files that a manifest.json lists

const kept = new PrecacheController();
kept.addToCacheList(self.__WB_MANIFEST);

self.addEventListener("install", (event) => {
  event.waitUntil(kept.install(event));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(kept.activate(event).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(self.registration.scope)) return;
  url.search = "";
  url.hash = "";
  const folder = ON_USE.exec(url.pathname)?.[1];
  if (folder) {
    event.respondWith(onUse(event, url, folder));
  } else if (kept.getCacheKeyForURL(url.href) === url.href) {
    event.respondWith(cacheFirst(request, url));
  } else {
    event.respondWith(networkFirst(request, url));
  }
});

/** For files named by their hash: their cache key is their address, without a revision. */
async function cacheFirst(request: Request, url: URL): Promise<Response> {
  return (await kept.matchPrecache(url.href)) ?? fetch(request);
}

async function networkFirst(request: Request, url: URL): Promise<Response> {
  const copy = await kept.matchPrecache(url.href);
  const fresh = fetch(request);
  if (copy === undefined) return fresh;
  const tooLate = new Promise<Response>((resolve) => setTimeout(() => resolve(copy), PATIENCE));
  return Promise.race([fresh.catch(() => copy), tooLate]);
}

/**
 * The manifest is asked for afresh; the files it names carry their hash. They are kept while they
 * are on their way to the page, which shows how far they are.
 */
async function onUse(event: FetchEvent, url: URL, folder: string): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(`llmdeep-${folder}-${self.registration.scope}`);
  const copy = request.cache === "reload" ? undefined : await cache.match(url.href);
  const changes = url.pathname.endsWith("/manifest.json");
  if (copy !== undefined && !changes) return copy;
  try {
    const fresh = await fetch(request);
    if (fresh.ok) event.waitUntil(keep(cache, url, fresh.clone(), changes));
    return fresh;
  } catch (error) {
    if (copy !== undefined) return copy;
    throw error;
  }
}

/** A response that breaks off is not kept. */
async function keep(cache: Cache, url: URL, fresh: Response, changes: boolean): Promise<void> {
  const manifest = changes ? await fresh.clone().text() : undefined;
  await cache.put(url.href, fresh);
  if (manifest !== undefined) await forgetOthers(cache, manifest);
}

/** Drops the files of an earlier build: those that the manifest no longer names. */
async function forgetOthers(cache: Cache, manifest: string): Promise<void> {
  for (const { url } of await cache.keys()) {
    const name = url.slice(url.lastIndexOf("/") + 1);
    if (name !== "manifest.json" && !manifest.includes(`${name}"`)) {
      await cache.delete(url);
    }
  }
}
