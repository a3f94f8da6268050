/**
 * `node build.mjs SITE on|off` writes SITE/service-worker.js: the worker that keeps the book for
 * reading offline, with the list of files it keeps, or the one that removes an earlier worker.
 */

import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { build } from "esbuild";
import { injectManifest } from "workbox-build";

const [site, mode] = process.argv.slice(2);
const here = import.meta.dirname;
const target = join(site, "service-worker.js");

await build({
  entryPoints: [join(here, mode === "on" ? "worker.ts" : "remove.ts")],
  outfile: target,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  define: { "process.env.NODE_ENV": '"production"' },
});

if (mode === "on") {
  const part = `${target}.part`;
  const { warnings } = await injectManifest({
    swSrc: target,
    swDest: part,
    globDirectory: site,
    globPatterns: ["**/*.{html,css,js,json,svg,woff2,xml}"],
    globIgnores: ["**/*.{br,gz,map}", "assets/{python,data}/**", "assets/javascripts/lunr/**", "404.html"],
    dontCacheBustURLsMatching: /(?:[.-][0-9a-f]{8,64}|-[0-9A-Z]{8})\.[0-9A-Za-z.]+$/,
    maximumFileSizeToCacheInBytes: 4_000_000,
    manifestTransforms: [asServed],
  });
  if (warnings.length > 0) throw new Error(warnings.join("\n"));
  const { renameSync } = await import("node:fs");
  rmSync(target);
  renameSync(part, target);
}

/** Pages under the address that readers use; scripts with the hash that they must have. */
function asServed(entries) {
  const manifest = entries
    .filter(({ url }) => url !== "service-worker.js")
    .map(({ url, revision }) => ({
      url: url.replace(/(^|\/)index\.html$/, "$1") || "./",
      revision,
      ...(url.endsWith(".js") && { integrity: `sha256-${sha256(join(site, url))}` }),
    }))
    .sort((a, b) => (a.url < b.url ? -1 : 1));
  return { manifest, warnings: [] };
}

function sha256(path) {
  return createHash("sha256").update(readFileSync(path)).digest("base64");
}
