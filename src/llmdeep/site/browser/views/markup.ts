/** Markup as strings: well-formed XML that is HTML too, with everything from outside escaped. */

export type Attributes = Record<string, string | number | boolean | undefined>;

const REPLACEMENTS: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text fit for element content and attribute values; characters XML forbids become U+FFFD. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => REPLACEMENTS[character]!).replace(FORBIDDEN, "\ufffd");
}

// What XML 1.0 has no place for: control characters, lone halves of a surrogate pair, two non-characters.
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

// Without these, HTML would read <p/> as an opening tag.
const VOID = new Set(["br", "circle", "col", "ellipse", "image", "input", "line", "path", "rect", "stop", "use"]);

/**
 * One element. `children` are markup already (use `escape` for text); attributes are escaped here,
 * left out when undefined or false, and doubled (`hidden="hidden"`) when true.
 */
export function element(name: string, attributes: Attributes = {}, ...children: readonly string[]): string {
  let head = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    head += ` ${key}="${value === true ? key : typeof value === "number" ? compact(value) : escape(value)}"`;
  }
  return VOID.has(name) ? `${head}/>` : `${head}>${children.join("")}</${name}>`;
}

/** A coordinate with at most two decimals, as short as it can be written. */
export function compact(value: number): string {
  return String(Math.round(value * 100) / 100);
}

/** A fraction of the width or height, as a percentage with at most three decimals. */
export function percent(fraction: number): string {
  return `${Math.round(fraction * 1e5) / 1e3}%`;
}

/** Pieces of text joined as prose: "a", "a and b", "a, b and c". */
export function enumerate(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}
