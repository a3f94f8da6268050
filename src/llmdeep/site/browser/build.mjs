/**
 * Builds the browser's code and everything it needs:
 *
 *     .cache/browser/prerender.mjs     the renderer for the build (node build.mjs --only=prerender)
 *     docs/assets/llmdeep/             main.js, its lazy chunks, worker.js, search.js, main.css
 *     docs/assets/fonts/, katex/       type for text, code and formulas
 *
 * The result depends on the sources and on package-lock.json only.
 */

import { build } from "esbuild";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";

import { fontFaces, writeFonts, writeKatex } from "./fonts.mjs";
import { scaleSheet } from "./styles/scales.mjs";

const here = import.meta.dirname;
const root = join(here, "../../../..");
const assets = join(root, "docs/assets");
const packages = join(root, "node_modules");
const common = { bundle: true, format: "esm", target: "es2022", logLevel: "warning", legalComments: "none", charset: "utf8", tsconfig: join(here, "tsconfig.json") };

const STYLES_FIRST = ["tokens.css", "views.css"];

const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length);
if (only !== undefined && only !== "prerender") fail(`--only=${only} is not known; there is --only=prerender.`);
need("prerender.ts", "widget/panel.ts", "widget/shell.ts", "widget/states.ts");

await prerender();
if (only === undefined) {
  need("main.ts", "runtime/worker.ts", "search/worker.ts");
  await scripts();
  await styles();
  await writeFonts(packages, join(assets, "fonts"), join(root, ".cache/fonts"));
  await writeKatex(packages, join(assets, "katex"), join(root, ".cache/fonts"));
}

/** The Node program that draws views and formulas while the pages are built. */
async function prerender() {
  await build({ ...common, entryPoints: [join(here, "prerender.ts")], outfile: join(root, ".cache/browser/prerender.mjs"), platform: "node" });
}

/** main.js keeps its name; the chunks it loads and nothing else carry a hash, so they cache for ever. */
async function scripts() {
  const folder = join(assets, "llmdeep");
  rmSync(folder, { recursive: true, force: true });
  const options = { ...common, outdir: folder, minify: true, platform: "browser", entryNames: "[name]" };
  await build({ ...options, entryPoints: [join(here, "main.ts")], splitting: true, chunkNames: "[name]-[hash]" });
  await build({ ...options, entryPoints: [join(here, "runtime/worker.ts")] });
  await build({ ...options, entryPoints: { search: join(here, "search/worker.ts") } });
}

/** All style sheets as one file: the variables first, then the views, then the rest by name. */
function styles() {
  const folder = join(here, "styles");
  const sheets = readdirSync(folder).filter((name) => name.endsWith(".css")).sort();
  const order = [...STYLES_FIRST, ...sheets.filter((name) => !STYLES_FIRST.includes(name))];
  const contents = [fontFaces(packages), scaleSheet(), ...order.map((name) => readFileSync(join(folder, name), "utf8"))].join("\n");
  return build({ stdin: { contents, loader: "css", resolveDir: folder }, outfile: join(assets, "llmdeep/main.css"), bundle: true, minify: true, external: ["*.woff2"], logLevel: "warning", charset: "utf8" });
}

function need(...names) {
  const missing = names.filter((name) => !existsSync(join(here, name)));
  if (missing.length) fail(`The browser's code is incomplete: ${missing.map((name) => relative(root, join(here, name))).join(", ")} ${missing.length === 1 ? "is" : "are"} missing.`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
