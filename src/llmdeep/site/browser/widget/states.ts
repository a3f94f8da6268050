/**
 * The stored answers of a figure: the views after one control was moved to a point of its grid,
 * computed by the build with the same Python. `site/states.py` writes the file and describes it.
 */

import type { View } from "../views/types";
import type { ControlData, Params, Value } from "./panel";

export interface Source {
  name: string;
  path: string;
  line: number;
  code: string;
}

export interface WidgetFile {
  name: string;
  title: string;
  notice: string;
  panel: ControlData[];
  views: Stored[];
  states: Record<string, { value: Value; patch: Patch }[]>;
  bound: { range: number; relative: number; number: number };
  sources: Source[];
}

export interface States {
  /** The answer for exactly these parameters, if it is stored. */
  exact(params: Params): View[] | undefined;
  /** The nearest stored answer, if a single control stands between two points of its grid. */
  nearest(params: Params): { views: View[]; control: ControlData; value: Value } | undefined;
}

export async function readWidgetFile(response: Response): Promise<WidgetFile> {
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}`);
  return (await response.json()) as WidgetFile;
}

/** Looks up stored answers; each control's sweep is unfolded when it is first touched, a state when it is wanted. */
export function storedStates(file: WidgetFile): States {
  const decoded = new WeakMap<object, View>(); // unchanged views stay the same object, so nobody redraws them
  const sweeps = new Map<string, Map<Value, Stored[]>>();

  function views(stored: readonly Stored[]): View[] {
    return stored.map((item) => {
      const key = item as object;
      if (!decoded.has(key)) decoded.set(key, decode(item) as View);
      return decoded.get(key)!;
    });
  }

  function sweep(control: string): Map<Value, Stored[]> {
    let found = sweeps.get(control);
    if (!found) {
      found = new Map();
      let current: Stored = file.views;
      for (const { value, patch } of file.states[control] ?? []) {
        current = apply(current, patch);
        found.set(value, current as Stored[]);
      }
      sweeps.set(control, found);
    }
    return found;
  }

  function moved(params: Params): ControlData[] {
    return file.panel.filter((control) => params[control.name] !== control.default);
  }

  return {
    exact(params) {
      const [control, another] = moved(params);
      if (!control) return views(file.views);
      const stored = another ? undefined : sweep(control.name).get(params[control.name]!);
      return stored && views(stored);
    },
    nearest(params) {
      const [control, another] = moved(params);
      const wanted = control && params[control.name];
      if (!control || another || typeof wanted !== "number") return undefined;
      let best: Value | undefined;
      for (const value of sweep(control.name).keys()) {
        if (best === undefined || Math.abs(Number(value) - wanted) < Math.abs(Number(best) - wanted)) best = value;
      }
      return best === undefined ? undefined : { views: views(sweep(control.name).get(best)!), control, value: best };
    },
  };
}

type Stored = unknown;
type Patch = { [key: string]: unknown };

function apply(before: Stored, patch: Patch): Stored {
  if ("=" in patch) return patch["="];
  if ("+" in patch) {
    const array = before as StoredSteps;
    const differences = patch["+"] as number[];
    return { ...array, steps: array.steps.map((step, i) => (typeof step === "string" ? step : step + differences[i]!)) };
  }
  const keys = Object.keys(patch);
  if (keys.length === 0) return before;
  const now = (Array.isArray(before) ? [...before] : { ...(before as object) }) as Record<string, unknown>;
  for (const key of keys) now[key] = apply(now[key], patch[key] as Patch);
  return now;
}

interface StoredSteps {
  steps: (number | string)[];
  step: [factor: number, exponent: number];
  shape?: number[];
}

interface StoredNumbers {
  numbers: (number | string)[];
  shape?: number[];
}

function decode(stored: Stored): unknown {
  if (Array.isArray(stored)) return stored.map(decode);
  if (typeof stored !== "object" || stored === null) return stored;
  if ("steps" in stored) return shaped(fromSteps(stored as StoredSteps), (stored as StoredSteps).shape);
  if ("numbers" in stored) {
    const { numbers, shape } = stored as StoredNumbers;
    return shaped(Float64Array.from(numbers, Number), shape);
  }
  if ("$number" in stored) return Number(stored.$number);
  return Object.fromEntries(Object.entries(stored).map(([key, item]) => [key, decode(item)]));
}

function fromSteps({ steps, step: [factor, exponent] }: StoredSteps): Float64Array {
  const power = 10 ** Math.abs(exponent); // dividing by 1000 is exact where multiplying by 0.001 is not
  return Float64Array.from(steps, (step) => (exponent < 0 ? (Number(step) * factor) / power : Number(step) * factor * power));
}

function shaped(flat: Float64Array, shape?: number[]): unknown {
  if (!shape) return flat;
  const [rows = 0, columns] = shape;
  if (columns === undefined) return flat[0];
  return Array.from({ length: rows }, (_, row) => flat.subarray(row * columns, (row + 1) * columns));
}
