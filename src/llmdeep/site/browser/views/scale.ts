/** From an axis and its data to places on the page and ticks with their text. */

import { extent, nice, tickStep, ticks } from "d3-array";
import { format, precisionFixed } from "d3-format";
import { formatNumber, isYears, tenToThe } from "./numbers";
import type { Axis, Places } from "./types";

export interface Tick {
  /** Where, as a fraction of the axis from its start. */
  at: number;
  text: string;
}

export interface Scale {
  /** The place of a value as a fraction of the axis; NaN where it has none. */
  at(value: number | string): number;
  ticks: readonly Tick[];
  /** The width of one category or bar, as a fraction of the axis. */
  band: number;
  /** Names of the categories; undefined on axes of numbers. */
  categories?: readonly string[];
  /** Ends of the axis: two numbers, or none on an axis of categories. */
  domain: readonly number[];
  /** A value as text, precise enough to tell neighbours apart. */
  text(value: number | string): string;
  /** How many values a log axis could not place: zeros and below. */
  dropped: number;
}

export interface Wishes {
  /** Numbers that must be inside though no mark has them, e.g. the foot of a bar. */
  include?: readonly number[];
  /** Extend to round numbers. */
  round: boolean;
  /** Room at both ends, as a fraction of the range, but never across 0. */
  padding: number;
  /** About how many ticks. */
  count: number;
}

/** The scale of an axis over the places its marks use. */
export function scaleOf(axis: Axis, places: readonly Places[], wishes: Wishes): Scale {
  const named = places.some(isNames) || (axis.domain !== undefined && isNames(axis.domain));
  if (named || axis.scale === "category") return categories(axis, places);
  const values = [...places.flatMap((place) => Array.from(place as ArrayLike<number>)), ...(wishes.include ?? [])];
  return axis.scale === "log" ? logarithmic(axis, values, wishes) : linear(axis, values, wishes);
}

export function isNames(places: Places): places is readonly string[] {
  return places.length > 0 && typeof places[0] === "string";
}

function linear(axis: Axis, values: readonly number[], { round, padding, count }: Wishes): Scale {
  const given = givenDomain(axis);
  let [low, high] = given ?? (extent(values.filter(Number.isFinite)) as [number, number]);
  if (low === undefined || high === undefined) [low, high] = [0, 1];
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
  if (!given) {
    const room = (high - low) * padding;
    [low, high] = [low >= 0 ? Math.max(0, low - room) : low - room, high <= 0 ? Math.min(0, high + room) : high + room];
    if (round && low > 0 && low < 0.6 * high) low = 0;
  }
  const [start, end] = !given && round ? nice(low, high, count) : [low, high];
  const place = (value: number) => (value - start) / (end - start);
  const whole = values.length > 0 && end - start >= 2 && values.every((value) => !Number.isFinite(value) || Number.isInteger(value));
  const shown = ticks(start, end, count).filter((value) => !whole || Number.isInteger(value));
  const years = isYears(axis.label) || (!axis.unit && start >= 1900 && end <= 2100);
  const texts = tickTexts(shown, whole ? Math.max(1, tickStep(start, end, count)) : tickStep(start, end, count), years);
  return {
    at: (value) => (typeof value === "number" ? place(value) : NaN),
    ticks: shown.map((value, index) => ({ at: place(value), text: texts[index]! })),
    band: 1 / Math.max(1, new Set(values).size),
    domain: [start, end],
    text: (value) => (years ? String(value) : formatNumber(value as number)),
    dropped: 0,
  };
}

function logarithmic(axis: Axis, values: readonly number[], { round, padding, count }: Wishes): Scale {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const dropped = values.filter((value) => value <= 0).length;
  const given = givenDomain(axis);
  const [smallest = 1, largest = 1] = extent(positive);
  let [low, high] = given ?? [smallest, largest];
  if (low <= 0) low = Math.min(smallest, high);
  if (low >= high) [low, high] = [low / 2, low * 2];
  if (!given && padding) [low, high] = [low * (low / high) ** padding, high * (high / low) ** padding];
  if (!given && round && !padding && high / low > 3) {
    low = 10 ** Math.floor(Math.log10(low) + 0.3);
    high = 10 ** Math.ceil(Math.log10(high) - 0.3);
    [low, high] = [Math.min(low, smallest), Math.max(high, largest)];
  }
  const place = (value: number) => Math.log(value / low) / Math.log(high / low);
  const shown = logTicks(low, high, positive, count);
  const asPower = shown.some((value) => value >= 1e5 || value < 1e-3);
  return {
    at: (value) => (typeof value === "number" && value > 0 ? place(value) : NaN),
    ticks: shown.map((value) => ({
      at: place(value),
      text: asPower ? powerText(value) : formatNumber(value),
    })),
    band: 1 / Math.max(1, new Set(values).size),
    domain: [low, high],
    text: (value) => formatNumber(value as number),
    dropped,
  };
}

/** Powers of two where the data are, else 1-2-5 over a short range, else powers of ten. */
function logTicks(low: number, high: number, values: readonly number[], count: number): number[] {
  const inside = (value: number) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9);
  const binary = values.length > 1 && values.every((value) => Number.isInteger(Math.log2(value)) && value >= 1);
  const base = binary && high / low > 4 ? 2 : 10;
  const first = Math.floor(Math.log(low) / Math.log(base) - 1e-9);
  const last = Math.ceil(Math.log(high) / Math.log(base) + 1e-9);
  const powers = Array.from({ length: last - first + 1 }, (_, i) => base ** (first + i)).filter(inside);
  if (base === 2 || powers.length > 3) {
    const every = Math.ceil(powers.length / (base === 2 ? 10 : count + 2));
    return powers.filter((_, index) => index % every === 0);
  }
  const steps = powers.length > 2 ? [1, 3] : [1, 2, 5];
  const fine = Array.from({ length: last - first + 1 }, (_, i) => steps.map((step) => clean(step * 10 ** (first + i))))
    .flat()
    .filter(inside);
  return fine.length > 1 ? fine : ticks(low, high, count);
}

function categories(axis: Axis, places: readonly Places[]): Scale {
  const all = [...(axis.domain ? Array.from<number | string>(axis.domain) : []), ...places.flatMap((place) => Array.from<number | string>(place))];
  const names = [...new Set(all.map(nameOf))];
  const index = new Map(names.map((name, i) => [name, i]));
  const n = Math.max(1, names.length);
  const every = Math.ceil(n / 24);
  return {
    at: (value) => ((index.get(nameOf(value)) ?? NaN) + 0.5) / n,
    ticks: names.map((text, i) => ({ at: (i + 0.5) / n, text })).filter((_, i) => i % every === 0),
    band: 1 / n,
    categories: names,
    domain: [],
    text: nameOf,
    dropped: 0,
  };
}

function nameOf(value: number | string): string {
  return typeof value === "number" ? formatNumber(value) : value;
}

function givenDomain(axis: Axis): [number, number] | undefined {
  if (!axis.domain || axis.domain.length < 2) return undefined;
  const [first, second] = [Number(axis.domain[0]), Number(axis.domain[axis.domain.length - 1])];
  return Number.isFinite(first) && Number.isFinite(second) ? [Math.min(first, second), Math.max(first, second)] : undefined;
}

/** The same decimals for all ticks; k, M, G … from ten thousand up, powers of ten far out. */
function tickTexts(values: readonly number[], step: number, years: boolean): string[] {
  if (years) return values.map(String);
  const largest = Math.max(...values.map(Math.abs), 0);
  if (largest >= 1e15 || (largest > 0 && largest < 1e-3)) return values.map((value) => formatNumber(value, 3));
  if (largest >= 1e4) return values.map((value) => (value === 0 ? "0" : format("~s")(clean(value))));
  return values.map((value) => format(`,.${precisionFixed(step)}f`)(value));
}

function powerText(value: number): string {
  const power = Math.floor(Math.log10(value) + 1e-9);
  const factor = clean(value / 10 ** power);
  if (power === 0) return formatNumber(factor);
  return factor === 1 ? tenToThe(power) : `${formatNumber(factor, 3)}×${tenToThe(power)}`;
}

function clean(value: number): number {
  return Number(value.toPrecision(12));
}
