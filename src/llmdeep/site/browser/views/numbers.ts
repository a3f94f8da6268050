/** Numbers for people: true minus signs, grouped thousands, powers of ten where they must be. */

import { format } from "d3-format";
import { escape } from "./markup";

/**
 * A number with `digits` significant ones, trailing zeros dropped: "0.1235", "1,024", "1.2×10⁻⁵".
 * Whole numbers below 10¹⁵ are written out; NaN, "nothing here", is an en dash.
 */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return formatter(",d")(value);
  if (size >= 1e7 || size < 1e-4) return powerOfTen(value, digits);
  return formatDecimals(value, Math.max(0, digits - 1 - exponent(size)), true);
}

/** A number with a fixed number of decimals; `trim` drops trailing zeros. */
export function formatDecimals(value: number, decimals: number, trim = false): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  return formatter(`,.${Math.min(decimals, 20)}${trim ? "~" : ""}f`)(value);
}

/** How many decimals a column of numbers wants so that each keeps about `digits` significant ones. */
export function columnDecimals(values: readonly number[], digits: number): number {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  if (sizes.length === 0) return 0;
  const room = Math.max(0, digits - 1 - exponent(Math.max(...sizes)));
  const needed = sizes.map((size) => (formatDecimals(size, room, true).split(".")[1] ?? "").length);
  return Math.max(...needed);
}

/** Formatted numbers of one column: the same decimals for all, unless they differ too much in size. */
export function formatColumn(values: readonly number[], digits: number): string[] {
  const sizes = values.filter((value) => Number.isFinite(value) && value !== 0).map(Math.abs);
  const alike = sizes.length > 0 && Math.max(...sizes) < 1e7 && Math.max(...sizes) / Math.min(...sizes) < 10 ** digits;
  if (!alike || values.every((value) => !Number.isFinite(value) || Number.isInteger(value))) {
    return values.map((value) => formatNumber(value, digits));
  }
  const decimals = columnDecimals(values, digits);
  return values.map((value) => (value === 0 ? "0" : formatDecimals(value, decimals)));
}

/** A number of a read-out or a sentence, with its unit. */
export function withUnit(value: number, unit: string | undefined, digits = 4): string {
  const text = formatNumber(value, digits);
  return unit && text !== "–" ? `${text}${unit === "%" ? "" : " "}${unit}` : text;
}

/** Whether the numbers of an axis or column of this name are years, which take no comma. */
export function isYears(name: string | undefined): boolean {
  return /\byears?\b/i.test(name ?? "");
}

/** Formatted text as HTML: exponents in <sup>, which every font can draw. */
export function superscripts(text: string): string {
  return escape(text).replace(SUPERSCRIPTS, (run) => `<sup>${plainDigits(run)}</sup>`);
}

/** Formatted text as the content of an SVG <text>. */
export function superscriptsInSvg(text: string): string {
  return escape(text).replace(SUPERSCRIPTS, (run) => `<tspan class="sup" dy="-0.45em">${plainDigits(run)}</tspan>`);
}

/** 10ⁿ, the exponent in superscript characters. */
export function tenToThe(power: number): string {
  return `10${String(power).replace(/[-\d]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)]!))}`;
}

const SUPERSCRIPTS = /[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+/g;

function plainDigits(run: string): string {
  return run.replace(/./g, (c) => (c === "⁻" ? "−" : String("⁰¹²³⁴⁵⁶⁷⁸⁹".indexOf(c))));
}

function powerOfTen(value: number, digits: number): string {
  const [mantissa, power] = value.toExponential(Math.max(0, digits - 1)).split("e") as [string, string];
  const short = formatDecimals(Number(mantissa), digits - 1, true);
  return `${short}×${tenToThe(Number(power))}`;
}

/** Making a formatter costs far more than using it. */
function formatter(specifier: string): (value: number) => string {
  let made = formatters.get(specifier);
  if (!made) formatters.set(specifier, (made = format(specifier)));
  return made;
}

const formatters = new Map<string, (value: number) => string>();

function exponent(size: number): number {
  return Number(size.toExponential().split("e")[1]);
}
