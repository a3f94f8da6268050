/**
 * The two colour scales as style rules: m0 … m63 for magnitudes, d0 … d64 for signed values. Each
 * sets --level. Magnitudes run from the paper's side to the ink's, so that more always stands out
 * more, on light pages and dark ones; signed values have the paper in the middle, blue below and
 * vermillion above. Mixed in Oklab, where equal steps look equal.
 */

// Stops as [lightness, chroma, hue in degrees] of Oklch; lightness is evenly spaced.
const MAGNITUDE = {
  light: [[0.975, 0.018, 100], [0.85, 0.08, 130], [0.69, 0.1, 172], [0.52, 0.095, 225], [0.38, 0.11, 265], [0.25, 0.09, 285]],
  dark: [[0.27, 0.045, 275], [0.37, 0.1, 265], [0.48, 0.1, 242], [0.592, 0.1, 205], [0.78, 0.125, 150], [0.95, 0.12, 105]],
};
const SIGNED = {
  light: [[0.36, 0.12, 255], [0.53, 0.135, 250], [0.73, 0.09, 245], [0.97, 0.006, 95], [0.75, 0.105, 50], [0.53, 0.145, 40], [0.38, 0.115, 35]],
  dark: [[0.84, 0.085, 235], [0.598, 0.125, 247], [0.45, 0.1, 254], [0.27, 0.008, 265], [0.45, 0.1, 40], [0.6, 0.14, 44], [0.83, 0.095, 62]],
};

export function scaleSheet() {
  const rules = (scheme, prefix) => [...levels("m", 64, MAGNITUDE[scheme], prefix), ...levels("d", 65, SIGNED[scheme], prefix)].join("\n");
  return `${rules("light", "")}\n@media screen {\n${rules("dark", '[data-md-color-scheme="slate"] ')}\n}\n`;
}

/** Colours of a scale in order, as #rrggbb. */
export function colours(scale, scheme) {
  const [count, stops] = scale === "magnitude" ? [64, MAGNITUDE[scheme]] : [65, SIGNED[scheme]];
  return Array.from({ length: count }, (_, level) => colour(stops, level / (count - 1)));
}

function levels(name, count, stops, prefix) {
  return Array.from({ length: count }, (_, level) => `${prefix}.${name}${level} { --level: ${colour(stops, level / (count - 1))}; }`);
}

function colour(stops, at) {
  const place = at * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  const [a, b] = [stops[below], stops[below + 1]].map(toOklab);
  return toHex(a.map((value, i) => value + (b[i] - value) * (place - below)));
}

function toOklab([lightness, chroma, hue]) {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function toHex([l, a, b]) {
  const [x, y, z] = [l + 0.3963377774 * a + 0.2158037573 * b, l - 0.1055613458 * a - 0.0638541728 * b, l - 0.0894841775 * a - 1.291485548 * b].map((v) => v ** 3);
  const linear = [
    4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z,
    -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z,
    -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z,
  ];
  const channel = (v) => (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
  return `#${linear.map((v) => Math.round(255 * Math.min(1, Math.max(0, channel(Math.max(0, v))))).toString(16).padStart(2, "0")).join("")}`;
}
