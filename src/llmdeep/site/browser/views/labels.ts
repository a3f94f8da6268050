/** How much room text takes, before any browser has measured it. */

/** Width of a digit or an average letter of the interface face at 12 px. */
export const CHARACTER = 6.5;
const WIDE_CHARACTER = 12;

/** The width of text at 12 px; East Asian characters and emoji are about twice as wide. */
export function textWidth(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + (character > "\u2e80" ? WIDE_CHARACTER : CHARACTER), 0);
}

/** The width of a number at 12 px, whose digits are all as wide as the widest. */
export function numberWidth(text: string): number {
  return Array.from(text).reduce((sum, character) => sum + (/[.,]/.test(character) ? 3.6 : 7.4), 0);
}

/** At most `most` characters, the last an ellipsis if some were cut. */
export function shorten(text: string, most: number): string {
  const characters = Array.from(text);
  return characters.length > most ? `${characters.slice(0, most - 1).join("")}…` : text;
}

/** A space at either end of a token is part of it, and must be seen; so must line ends and tabs. */
export function visibleSpace(text: string): string {
  return text.replace(/\n/g, "↵").replace(/\t/g, "⇥").replace(/^ +| +$/g, (run) => "·".repeat(run.length));
}
