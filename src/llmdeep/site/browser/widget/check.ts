/**
 * What a control refuses, said at once and in the words of `llmdeep.widgets._controls`, which has
 * the last word: whatever passes here is checked again by Python before it is used.
 */

import type { ControlData, Value } from "./panel";

export type Checked = { ok: true; value: Value } | { ok: false; problem: string };

/** The value behind what was typed, chosen, or written in a link. */
export function check(control: ControlData, raw: Value): Checked {
  switch (control.kind) {
    case "file":
      return checkFile(control, raw as File | string | null);
    case "toggle":
      if (typeof raw === "boolean") return { ok: true, value: raw };
      if (raw === "true" || raw === "false") return { ok: true, value: raw === "true" };
      return problem(`${quoted(String(raw))} is neither true nor false.`);
    case "choice":
      if (control.options?.includes(String(raw))) return { ok: true, value: String(raw) };
      return problem(`${quoted(String(raw))} is not one of ${control.options?.join(", ")}.`);
    case "text":
      return checkText(control, String(raw));
    default:
      return checkNumber(control, String(raw));
  }
}

function checkFile({ accept = "", max_bytes: most }: ControlData, file: File | string | null): Checked {
  if (file === null) return { ok: true, value: null };
  if (typeof file === "string") return problem("This wants a file; choose one with the button."); // from a link
  const endings = accept.split(",");
  if (!endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
    return problem(`${quoted(file.name)} is not a ${endings.join(" or ")} file.`);
  }
  if (file.size > (most ?? Infinity)) return problem(`${grouped(file.size)} bytes are too many; at most ${grouped(most!)} fit here.`);
  return { ok: true, value: file };
}

function checkText(control: ControlData, text: string): Checked {
  const { min_length: least = 1, max_length: most = Infinity } = control;
  if ([...text.trim()].length < least) {
    return problem(least === 1 ? "Type something here." : `Type at least ${least} characters.`);
  }
  const length = [...text].length; // code points, as Python counts them
  if (length > most) return problem(`${grouped(length)} characters are too many; at most ${grouped(most)} fit here.`);
  if (/\p{Cs}/u.test(text)) return problem("This text holds half of a character; paste it again.");
  return { ok: true, value: text };
}

function checkNumber(control: ControlData, text: string): Checked {
  const typed = text.trim().replace("−", "-");
  if (typed === "") return problem("This wants a number.");
  if (/^[+-]?nan$/i.test(typed)) return problem("“NaN” stands for no number; this control wants one.");
  const infinite = /^([+-]?)inf(inity)?$/i.exec(typed);
  if (!infinite && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(typed)) return problem(`${quoted(text)} is not a number.`);
  const value = infinite ? (infinite[1] === "-" ? -Infinity : Infinity) : Number(typed);
  const [low, high] = limits(control);
  if (value < low) return problem(`${shown(value)} is too small; the smallest here is ${shown(low)}.`);
  if (value > high) return problem(`${shown(value)} is too large; the largest here is ${shown(high)}.`);
  if (!Number.isFinite(value)) return problem("An infinite number is of no use here.");
  const whole = control.integer || control.kind === "seed" || control.kind === "steps";
  if (whole && !Number.isInteger(value)) return problem(`${shown(value)} is not a whole number.`);
  if (control.integer && control.values && !control.values.includes(value)) {
    return problem(`${shown(value)} is not one of ${control.values.map(shown).join(", ")}.`);
  }
  return { ok: true, value };
}

function limits(control: ControlData): [number, number] {
  if (control.kind === "steps") return [0, (control.count ?? 1) - 1];
  if (control.kind === "seed") return [0, control.maximum ?? Infinity];
  return [control.minimum ?? -Infinity, control.maximum ?? Infinity];
}

function problem(text: string): Checked {
  return { ok: false, problem: text };
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? grouped(value) : String(Number(value.toPrecision(6)));
}

function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function quoted(text: string): string {
  return text.length > 40 ? `“${text.slice(0, 40)}…”` : `“${text}”`;
}
