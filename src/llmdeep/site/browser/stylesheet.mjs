/**
 * `node stylesheet.mjs SITE` puts the style sheets of a finished site into one, SITE/assets/styles.HASH.css,
 * and points every page there: one request before the first paint instead of four.
 *
 * The theme has rules for tabs, versions, blogs, dozens of admonitions, right-to-left pages. What can
 * match nothing here is left out: a selector that names a class, or an attribute's value, which no
 * page and no script of the theme mentions anywhere; then custom properties that nothing asks for. The
 * book's own sheet and KaTeX's are taken whole: their class names are put together while drawing.
 */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

import { generate, parse, walk } from "css-tree";

const site = process.argv[2];
const assets = join(site, "assets");
const THEME = join(assets, "stylesheets");
const LINK = /<link rel="stylesheet" href="([^"]+)">\n?/g;

const pages = read(".html");
const scripts = read(".js");
const words = new Set([...pages, ...scripts.filter(({ path }) => path.startsWith(join(assets, "javascripts")))].flatMap(({ text }) => text.match(/[\w-]+/g) ?? []));

const sheets = linked(pages[0]);
for (const page of pages) if (linked(page).join() !== sheets.join()) fail(`${page.path} has other style sheets than ${pages[0].path}.`);

const trees = sheets.map((path) => moved(path.startsWith(THEME) ? used(parsed(path)) : parsed(path), dirname(path)));
const css = withoutUnasked(trees);
const name = `styles.${createHash("sha256").update(css).digest("hex").slice(0, 12)}.css`;
writeFileSync(join(assets, name), css);
for (const { path, text } of pages) {
  const [[, href]] = text.matchAll(LINK);
  const link = `<link rel="stylesheet" href="${href.replace(/assets\/.*/, `assets/${name}`)}">\n`;
  let first = true;
  writeFileSync(path, text.replace(LINK, () => (first ? ((first = false), link) : "")));
}
for (const path of sheets) for (const file of [path, `${path}.map`]) rmSync(file, { force: true });

function read(suffix) {
  const names = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(suffix));
  return names.sort().map((name) => ({ path: join(site, name), text: readFileSync(join(site, name), "utf8") }));
}

/** The style sheets that a page names, as paths. */
function linked({ text }) {
  return Array.from(text.matchAll(LINK), ([, href]) => join(assets, href.replace(/.*assets\//, "")));
}

function parsed(path) {
  return parse(readFileSync(path, "utf8"), { parseValue: false, parseCustomProperty: false });
}

/** Without the rules that can match nothing. */
function used(tree) {
  walk(tree, {
    visit: "Rule",
    leave(rule, item, list) {
      if (rule.prelude.type !== "SelectorList") return;
      rule.prelude.children = rule.prelude.children.filter(mayMatch);
      if (rule.prelude.children.isEmpty) list.remove(item);
    },
  });
  walk(tree, {
    visit: "Atrule",
    leave(rule, item, list) {
      if (rule.block?.children.isEmpty) list.remove(item);
    },
  });
  return tree;
}

/** What stands in :is(), :not() and their like is not asked: one of several may do, or none. */
function mayMatch(selector) {
  return selector.children.toArray().every((part) => {
    if (part.type === "ClassSelector") return words.has(part.name);
    if (part.type === "AttributeSelector" && part.value !== null) return (part.value.value ?? part.value.name).match(/[\w-]+/g)?.every((word) => words.has(word)) ?? true;
    return true;
  });
}

/** With the addresses of fonts and pictures as they are seen from assets/. */
function moved(tree, from) {
  walk(tree, {
    visit: "Declaration",
    enter({ value }) {
      value.value = value.value.replace(/url\((["']?)(?!data:|#)([^"')]+)\1\)/g, (_, quote, url) => `url(${relative(assets, join(from, url)).replaceAll(sep, "/")})`);
    },
  });
  return tree;
}

/** The sheets as text, without custom properties that neither they nor a script asks for. */
function withoutUnasked(trees) {
  for (;;) {
    const text = trees.map((tree) => generate(tree)).join("");
    const asked = new Set([text.match(/(?<=var\(\s*)--[\w-]+/g), ...scripts.map(({ text }) => text.match(/--[\w-]+/g))].flatMap((found) => found ?? []));
    let gone = 0;
    for (const tree of trees) {
      walk(tree, {
        visit: "Declaration",
        leave({ property }, item, list) {
          if (!property.startsWith("--") || asked.has(property)) return;
          list.remove(item);
          gone += 1;
        },
      });
    }
    if (gone === 0) return text; // what went may have asked for others
  }
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
