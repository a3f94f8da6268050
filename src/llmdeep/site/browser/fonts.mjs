/**
 * The book's type, from the packages of fontsource and KaTeX, made small for the web: the weights and
 * features that the style sheets use, and each font cut in two. The first part holds the characters
 * of nearly every page; the rest is fetched by the page that shows one of its characters. Cuts what
 * the first screens of a chapter need from 200 kB to 77 kB.
 */

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import subsetFont from "subset-font";

const SUBSETS = ["latin", "latin-ext", "greek"];
const BOTH = { min: 400, max: 700, default: 400 };
const REGULAR = 400; // what is bold in these is rare, and slanted or thickened by the browser
const FAMILIES = [
  { family: "source-serif-4", style: "normal", weights: BOTH, features: ["kern", "liga", "mark", "mkmk", "ccmp", "locl"] },
  { family: "source-serif-4", style: "italic", weights: REGULAR, features: ["kern", "liga", "mark", "mkmk", "ccmp", "locl"] },
  { family: "inter", style: "normal", weights: BOTH, features: ["kern", "tnum", "mark", "mkmk", "ccmp", "locl"] },
  { family: "jetbrains-mono", style: "normal", weights: REGULAR, features: ["mark", "mkmk", "ccmp"], lacks: "ᵀ" }, // ligatures would hide what is typed
];

const ASCII = String.fromCodePoint(...Array.from({ length: 95 }, (_, i) => 0x20 + i));
const LETTERS = ASCII.replace(/[^A-Za-z]/g, "");
const GREEK = "αβγδεζηθικλμνξπρστφχψω";
const USUAL = `\t\n${ASCII}\u00a0°·×±¹²³µ½¶äëöüéèç\u2009\u200b\u2061\u2062\u2063‖†•–—‘’“”…′−${GREEK}ΓΔΘΛΣΦΩᵀ`;
const DELIMITERS = "()[]{}⌊⌋|∑∏∫√";
const USUAL_IN_FORMULAS = {
  "Main-Regular": `${ASCII}\u00a0\u200b×ˉ·…′∂∇−∞∣∥∈≈≤≥≪≫⊙⊤⋅⋯→←±∘∝ℓ⌊⌋ΔΘΣΦ`,
  "Main-Bold": "01",
  "Math-Italic": `${LETTERS}${GREEK}ϕϵ`,
  "AMS-Regular": "ENRZ",
  "Caligraphic-Regular": "DLNO",
  "Size1-Regular": DELIMITERS,
  "Size2-Regular": DELIMITERS,
  "Size3-Regular": DELIMITERS,
  "Size4-Regular": DELIMITERS,
};
const LAST = 0x10ffff;

/** The @font-face rules of text and code, for files in ../fonts/. */
export function fontFaces(packages) {
  return faces(packages).map(({ rule }) => rule).join("\n");
}

/** Write all fonts of text and code, and their licences, into `folder`; what was made before is in `cache`. */
export async function writeFonts(packages, folder, cache) {
  rmSync(folder, { recursive: true, force: true });
  for (const place of [folder, cache]) mkdirSync(place, { recursive: true });
  for (const face of faces(packages)) writeFileSync(join(folder, face.name), await reduced(face, cache));
  for (const { family } of FAMILIES) cpSync(join(packages, "@fontsource-variable", family, "LICENSE"), join(folder, `${family}.LICENSE.txt`));
}

/** KaTeX's style sheet and fonts, in the one format every browser of today reads, into `folder`. */
export async function writeKatex(packages, folder, cache) {
  rmSync(folder, { recursive: true, force: true });
  for (const place of [join(folder, "fonts"), cache]) mkdirSync(place, { recursive: true });
  const from = join(packages, "katex/dist");
  const sheet = readFileSync(join(from, "katex-swap.min.css"), "utf8").replace(/,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, "");
  const rules = /@font-face\{[^}]*url\(fonts\/KaTeX_([\w-]+)\.woff2\)[^}]*\}/g;
  writeFileSync(join(folder, "katex.css"), sheet.replace(rules, katexFaces));
  for (const [, name] of sheet.matchAll(rules)) {
    const file = `KaTeX_${name}.woff2`;
    cpSync(join(from, "fonts", file), join(folder, "fonts", file));
    const usual = USUAL_IN_FORMULAS[name];
    if (usual) writeFileSync(join(folder, "fonts", `KaTeX_${name}.usual.woff2`), await reduced({ path: join(from, "fonts", file), characters: codes(usual) }, cache));
  }
  cpSync(join(packages, "katex/LICENSE"), join(folder, "LICENSE.txt"));
}

/** KaTeX's rule for a face, as two where the face has a usual part. */
function katexFaces(rule, name) {
  const usual = USUAL_IN_FORMULAS[name];
  if (!usual) return rule;
  const within = codes(usual);
  const rest = Array.from({ length: LAST + 1 }, (_, code) => code).filter((code) => !within.includes(code));
  const limited = (text, characters) => text.replace("}", `;unicode-range:${range(characters)}}`);
  return limited(rule.replace(".woff2", ".usual.woff2"), within) + limited(rule, rest);
}

function faces(packages) {
  return FAMILIES.flatMap(({ family, style, weights, features, lacks = "" }) => {
    const folder = join(packages, "@fontsource-variable", family);
    const sheet = readFileSync(join(folder, style === "italic" ? "wght-italic.css" : "wght.css"), "utf8");
    return SUBSETS.flatMap((subset) => {
      const file = `${family}-${subset}-wght-${style}.woff2`;
      const rule = sheet.match(new RegExp(`@font-face \\{[^}]*/${file}\\)[^}]*\\}`))?.[0];
      if (rule === undefined) {
        if (subset === "latin") throw new Error(`@fontsource-variable/${family} has no ${file} any more.`);
        return []; // not every family has Greek
      }
      const covered = expanded(rule.match(/unicode-range: ([^;]+);/)[1]).filter((code) => !codes(lacks).includes(code));
      const usual = codes(USUAL);
      return ["usual", "rest"].flatMap((part) => {
        const characters = covered.filter((code) => usual.includes(code) === (part === "usual"));
        const name = `${family}-${style}-${subset}.${part}.woff2`;
        const ours = rule
          .replace(`./files/${file}`, `../fonts/${name}`)
          .replace("woff2-variations", "woff2")
          .replace(/unicode-range: [^;]+;/, `unicode-range: ${range(characters)};`)
          .replace(/font-weight: [\d ]+;/, `font-weight: ${weights === BOTH ? `${BOTH.min} ${BOTH.max}` : weights};`);
        return characters.length ? [{ name, path: join(folder, "files", file), characters, options: { keepFeatures: features, variationAxes: { wght: weights } }, rule: ours }] : [];
      });
    });
  });
}

async function reduced({ path, characters, options }, cache) {
  const original = readFileSync(path);
  const all = { targetFormat: "woff2", noHinting: true, ...options };
  const key = createHash("sha256").update(original).update(JSON.stringify([all, characters])).digest("hex").slice(0, 20);
  const kept = join(cache, `${key}.woff2`);
  if (!existsSync(kept)) writeFileSync(kept, await subsetFont(original, characters.map((code) => String.fromCodePoint(code)).join(""), all));
  return readFileSync(kept);
}

function codes(text) {
  return [...new Set(Array.from(text, (character) => character.codePointAt(0)))].sort((a, b) => a - b);
}

/** A CSS unicode-range as code points. */
function expanded(text) {
  return text.split(",").flatMap((part) => {
    const [first, last = first] = part.trim().slice("U+".length).split("-").map((code) => parseInt(code, 16));
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Code points, in order, as a CSS unicode-range. */
function range(characters) {
  const parts = [];
  for (const code of characters) {
    const last = parts.at(-1);
    if (last?.[1] === code - 1) last[1] = code;
    else parts.push([code, code]);
  }
  const hex = (code) => code.toString(16).toUpperCase();
  return parts.map(([first, last]) => (first === last ? `U+${hex(first)}` : `U+${hex(first)}-${hex(last)}`)).join(", ");
}
