/** Tokens in a row, each shaded by its value, with the value or a note under it. */

import { element, escape } from "./markup";
import { formatNumber, superscripts } from "./numbers";
import { colourScale, levelClass, levelOf, isStrong } from "./palette";
import type { Tokens } from "./types";

export function tokensView({ tokens, values, notes, unit, title }: Tokens): string {
  if (tokens.length === 0) return element("p", { class: "empty" }, "There are no tokens.");
  const scale = values ? colourScale(Array.from(values), false, [0, Math.max(0, ...Array.from(values).filter(Number.isFinite)) || 1]) : undefined;
  const items = tokens.map((token, i) => {
    const value = values?.[i];
    const level = scale && value !== undefined && Number.isFinite(value) ? levelOf(value, scale) : undefined;
    const chip = element(
      "span",
      { class: level === undefined ? "chip" : `chip shaded ${levelClass(level, false)}${isStrong(level, false) ? " on-strong" : ""}` },
      element("bdi", {}, visible(token)),
    );
    const number = value === undefined || Number.isNaN(value) ? "" : element("span", { class: "token-value" }, superscripts(formatNumber(value, 3)));
    const under = notes?.[i] ? element("span", { class: "token-note" }, element("bdi", {}, escape(notes[i]))) : number;
    return element("li", {}, chip, under);
  });
  const measure = values && unit ? element("p", { class: "view-unit" }, `Numbers are in ${escape(unit)}.`) : "";
  return element("ol", { class: "tokens", "aria-label": title || "Tokens" }, ...items) + measure;
}

/** The token's text with what can't be seen made visible: spaces, line ends, control characters. */
function visible(token: string): string {
  if (token === "") return unseen("∅");
  // Joiners and direction marks are part of a letter or an emoji, unless there is nothing else.
  if (/^[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]+$/.test(token)) return unseen(Array.from(token, codePoint).join(" "));
  return token.replace(/[\0- \x7f\u00a0]|[^\0- \x7f\u00a0]+/g, (run) => {
    const code = run.charCodeAt(0);
    const sign = SIGNS[run] ?? (code < 0x20 ? String.fromCharCode(0x2400 + code) : undefined);
    return sign === undefined ? escape(run) : unseen(sign);
  });
}

const SIGNS: Record<string, string> = { " ": "·", "\n": "↵", "\t": "⇥", "\x7f": "␡", "\u00a0": "⍽" };

function unseen(sign: string): string {
  return element("span", { class: "unseen" }, sign);
}

function codePoint(character: string): string {
  return `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}
