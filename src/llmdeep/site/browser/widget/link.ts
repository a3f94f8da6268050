/**
 * A figure in a URL: `#w=attention_scores&mask=causal`, `w=NAME.2` for its second figure on the
 * page, `code` for edited code. Code from a link fills the editor and is never run by itself.
 */

import type { Params } from "./panel";

export interface FigureLink {
  widget: string;
  ordinal: number; // 1 for the first figure of this widget on the page
  params: Record<string, string>;
  code?: Record<string, string>; // source name → edited code
  problem?: string;
}

export const LONGEST_CODE = 8192; // characters of the link

export function writeLink(widget: string, ordinal: number, params: Params, code: Record<string, string> = {}): FigureHash {
  const search = new URLSearchParams({ w: ordinal > 1 ? `${widget}.${ordinal}` : widget });
  for (const [name, value] of Object.entries(params)) search.set(name, String(value));
  const edited = Object.keys(code).length > 0;
  const packed = edited ? toBase64(JSON.stringify(code)) : "";
  const tooLong = packed.length > LONGEST_CODE;
  if (edited && !tooLong) search.set("code", packed);
  return { hash: `#${search}`, codeLeftOut: tooLong };
}

/** The figure a hash asks for; undefined for a hash that is about something else. */
export function readLink(hash: string): FigureLink | undefined {
  if (!hash.startsWith("#w=")) return undefined;
  const { w = "", code, ...params } = Object.fromEntries(new URLSearchParams(hash.slice(1)));
  const [widget = "", ordinal = "1"] = w.split(".");
  const link: FigureLink = { widget, ordinal: Number(ordinal) || 1, params };
  if (code === undefined) return link;
  if (code.length > LONGEST_CODE) return { ...link, problem: "The code in this link is too long to be taken from a link." };
  const read = fromBase64(code);
  return read ? { ...link, code: read } : { ...link, problem: "The code in this link is damaged, so it was left out." };
}

interface FigureHash {
  hash: string;
  codeLeftOut: boolean;
}

function toBase64(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function fromBase64(text: string): Record<string, string> | undefined {
  try {
    const bytes = Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const entries = Object.entries(value as object);
    return entries.every(([, code]) => typeof code === "string") ? Object.fromEntries(entries) : undefined;
  } catch {
    return undefined;
  }
}
