/**
 * The book's type, from the packages of fontsource, made small for the web: the weights and features
 * that the style sheets use and nothing else. Cuts the four files a page needs from 191 kB to 107 kB.
 */

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import subsetFont from "subset-font";

const SUBSETS = ["latin", "latin-ext", "greek"];
const FAMILIES = {
  "source-serif-4": { styles: ["normal", "italic"], features: ["kern", "liga", "mark", "mkmk", "ccmp", "locl"] },
  inter: { styles: ["normal"], features: ["kern", "liga", "calt", "tnum", "mark", "mkmk", "ccmp", "locl"] },
  "jetbrains-mono": { styles: ["normal"], features: ["mark", "mkmk", "ccmp"] }, // ligatures would hide what is typed
};
const WEIGHTS = { min: 400, max: 700, default: 400 };

/** The @font-face rules of all families, for files in ../fonts/. */
export function fontFaces(packages) {
  return faces(packages).map(({ rule }) => rule).join("\n");
}

/** Write all files and their licences into `folder`; what was made before is taken from `cache`. */
export async function writeFonts(packages, folder, cache) {
  rmSync(folder, { recursive: true, force: true });
  for (const place of [folder, cache]) mkdirSync(place, { recursive: true });
  for (const face of faces(packages)) writeFileSync(join(folder, face.name), await reduced(face, cache));
  for (const family of Object.keys(FAMILIES)) cpSync(join(packages, "@fontsource-variable", family, "LICENSE"), join(folder, `${family}.LICENSE.txt`));
}

function faces(packages) {
  return Object.entries(FAMILIES).flatMap(([family, { styles, features }]) => {
    const folder = join(packages, "@fontsource-variable", family);
    return styles.flatMap((style) => {
      const sheet = readFileSync(join(folder, style === "italic" ? "wght-italic.css" : "wght.css"), "utf8");
      return SUBSETS.flatMap((subset) => {
        const name = `${family}-${subset}-wght-${style}.woff2`;
        const rule = sheet.match(new RegExp(`@font-face \\{[^}]*/${name}\\)[^}]*\\}`))?.[0];
        if (rule === undefined) {
          if (subset === "latin") throw new Error(`@fontsource-variable/${family} has no ${name} any more.`);
          return []; // not every family has Greek
        }
        const ours = rule
          .replace(`./files/${name}`, `../fonts/${name}`)
          .replace("woff2-variations", "woff2")
          .replace(/font-weight: [\d ]+;/, `font-weight: ${WEIGHTS.min} ${WEIGHTS.max};`);
        return [{ name, path: join(folder, "files", name), features, range: rule.match(/unicode-range: ([^;]+);/)[1], rule: ours }];
      });
    });
  });
}

async function reduced({ path, features, range }, cache) {
  const original = readFileSync(path);
  const options = { targetFormat: "woff2", keepFeatures: features, variationAxes: { wght: WEIGHTS }, noHinting: true };
  const key = createHash("sha256").update(original).update(JSON.stringify([options, range])).digest("hex").slice(0, 20);
  const kept = join(cache, `${key}.woff2`);
  if (!existsSync(kept)) writeFileSync(kept, await subsetFont(original, characters(range), options));
  return readFileSync(kept);
}

/** All characters of a CSS unicode-range. */
function characters(range) {
  return range
    .split(",")
    .map((part) => {
      const [first, last = first] = part.trim().slice("U+".length).split("-").map((code) => parseInt(code, 16));
      return Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)).join("");
    })
    .join("");
}
