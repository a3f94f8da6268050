/** Levels of the two colour scales. Their colours are classes (m0 … m63, d0 … d64), so that light
 * and dark pages each have their own; `build.mjs` writes them into the style sheet. */

export const MAGNITUDE_LEVELS = 64;
export const DIVERGING_LEVELS = 65;

export interface ColourScale {
  low: number;
  high: number;
  diverging: boolean;
}

/** The ends of a scale: the author's, or the data's; a diverging one is centred on 0. */
export function colourScale(values: Iterable<number>, diverging: boolean, domain?: ArrayLike<number>): ColourScale {
  let [low, high] = [Number(domain?.[0] ?? NaN), Number(domain?.[1] ?? NaN)];
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (low > high) [low, high] = [0, 1];
  }
  if (diverging) {
    const end = Math.max(Math.abs(low), Math.abs(high)) || 1;
    return { low: -end, high: end, diverging };
  }
  if (!domain && low > 0 && low < 0.2 * high) low = 0;
  // One value alone says nothing about a scale; 0 is the natural other end.
  if (low === high) [low, high] = low === 0 ? [0, 1] : low > 0 ? [0, low] : [low, 0];
  return { low, high, diverging };
}

/** The level of a finite value, clamped to the ends of the scale. */
export function levelOf(value: number, { low, high, diverging }: ColourScale): number {
  const count = levelCount(diverging);
  const fraction = (value - low) / (high - low);
  return Math.max(0, Math.min(count - 1, diverging ? Math.round(fraction * (count - 1)) : Math.floor(fraction * count)));
}

export function levelCount(diverging: boolean): number {
  return diverging ? DIVERGING_LEVELS : MAGNITUDE_LEVELS;
}

export function levelClass(level: number, diverging: boolean): string {
  return `${diverging ? "d" : "m"}${level}`;
}

/**
 * Whether a level is so far from the paper that text on it must turn: white on light pages, black on
 * dark ones. The scales are made so that this holds for both, with a contrast of 4.5 : 1 throughout.
 */
export function isStrong(level: number, diverging: boolean): boolean {
  return diverging ? Math.abs(level - (DIVERGING_LEVELS - 1) / 2) >= 20 : level >= 35;
}
