/** Typesetting by KaTeX, at build time and, in a chunk of its own, in the browser. */

import katex from "katex";

/**
 * A formula as HTML with MathML beside it.
 *
 * @throws Error naming the formula and what KaTeX says of it.
 */
export function typeset(tex: string, display: boolean): string {
  try {
    return katex.renderToString(tex, { displayMode: display, output: "htmlAndMathml", throwOnError: true, strict: "error", trust: refuse, maxExpand: 1000, maxSize: 50 });
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^KaTeX parse error: /, "").replace(/^LaTeX-incompatible input and strict mode is set to 'error': /, "") : String(error);
    throw new Error(`The formula ${display ? "$$" : "$"}${tex}${display ? "$$" : "$"} can't be typeset: ${reason}`);
  }
}

/** Links, pictures and raw HTML have no place in a formula. */
function refuse({ command }: { command: string }): never {
  throw new Error(`${command} is not allowed.`);
}
