/** What a figure does once somebody touches it. Loaded on first need, with all it leads to. */

import { runtime } from "../runtime/client";
import { attachReadout } from "../views/readout";
import { loaded } from "../words";
import { startAnswers } from "./answers";
import { check } from "./check";
import type { CodePanel } from "./code";
import { codeMarkup } from "./code_markup";
import { bindControls } from "./controls";
import { LONGEST_CODE, readLink, writeLink } from "./link";
import { player } from "./play";
import { bindStage } from "./stage";
import { readWidgetFile } from "./states";

export interface Engine {
  /** Something happened to a form element; `final` once the reader let go of it. */
  input(field: Element, final: boolean): void;
  /** A button of the figure was pressed. */
  act(action: string, button: HTMLElement): void;
  /** Opens the figure as the URL's hash says, if it says anything about this figure. */
  follow(hash: string): Promise<void>;
  dispose(): void;
}

const TYPING = 300; // milliseconds without a keystroke before text is worth computing

let instances = 0;

/** `response` brings the widget file. */
export async function startEngine(host: HTMLElement, response: Response): Promise<Engine> {
  const file = await readWidgetFile(response);
  const { name, panel } = file;
  const key = `${name}-${++instances}`;
  const id = host.id || key;
  const controls = bindControls(host, panel);
  const stage = bindStage(host, id);
  const answers = startAnswers(host, key, file, controls, stage, (traceback) => code?.mark(traceback));
  const endReadout = attachReadout(host.querySelector<HTMLElement>("[data-views]")!, () => answers.shown().views);
  const steps = panel.find((control) => control.kind === "steps");
  const lastStep = (steps?.count ?? 0) - 1;
  const playing = player(() => goTo(currentStep() + 1), answers.waiting, showPlaying);
  const codePlace = host.querySelector<HTMLElement>("[data-code]")!;
  let code: CodePanel | undefined; // once its editor is there
  let typing: ReturnType<typeof setTimeout> | undefined;
  let frame = 0;

  function input(field: Element, final: boolean): void {
    const control = controls.of(field);
    if (!control) return;
    if (control === steps) playing.pause();
    stage.steady(control.kind === "slider" || control.kind === "steps");
    clearTimeout(typing);
    const reading = controls.read(field, final);
    if (reading === "refused") answers.refuse();
    else if (control.kind === "text" && !final) typing = setTimeout(() => update(true), TYPING);
    else if (reading === "changed" || (reading === "same" && final)) update(final);
  }

  /** At most one answer a frame: more can't be seen. */
  function update(final: boolean): void {
    cancelAnimationFrame(frame);
    if (final) void answers.answer(true);
    else frame = requestAnimationFrame(() => void answers.answer(false));
  }

  function act(action: string, button: HTMLElement): void {
    switch (action) {
      case "play":
        if (currentStep() === lastStep) goTo(0);
        return playing.toggle();
      case "step-back":
        playing.pause();
        return void goTo(currentStep() - 1);
      case "step-forward":
        playing.pause();
        return void goTo(currentStep() + 1);
      case "new-seed":
        return newSeed(button.dataset.for!);
      case "clear-file":
        controls.set(button.dataset.for!, null);
        return update(true);
      case "retry":
        return void answers.answer(true);
      case "reset":
        return reset();
      case "stop":
        playing.pause();
        return void runtime.stop();
      case "code":
        return void toggleCode();
      case "code-run":
        return void openedCode().then((panel) => panel?.runEdits());
      case "code-reset":
        code?.restore();
        return run({}, false);
      case "link":
        return void copyLink();
      case "data":
        return void download((files) => [`${name}.json`, "application/json", files.asJson(about(), answers.shown().views)]);
      case "data-csv":
        return void download((files) => [`${name}.csv`, "text/csv", files.asCsv(answers.shown().views)]);
      case "picture":
        return void download((files) => [`${name}.svg`, "image/svg+xml", files.asSvg(host)]);
    }
  }

  function currentStep(): number {
    return steps ? Number(controls.params[steps.name]) : 0;
  }

  function goTo(step: number): boolean {
    if (!steps || step < 0 || step > lastStep) return false;
    controls.set(steps.name, step);
    stage.steady(true);
    update(true);
    return true;
  }

  function showPlaying(now: boolean): void {
    const button = host.querySelector('[data-action="play"]');
    button?.setAttribute("aria-label", now ? "Pause" : "Play");
    button?.setAttribute("title", now ? "Pause" : "Play");
    button?.toggleAttribute("data-playing", now);
  }

  function newSeed(control: string): void {
    const most = panel.find((one) => one.name === control)?.maximum ?? 999_999;
    controls.set(control, Math.floor(Math.random() * (most + 1)));
    update(true);
  }

  function reset(): void {
    playing.pause();
    stage.steady(false);
    for (const control of panel) controls.set(control.name, control.default);
    code?.restore();
    run({}, false);
    stage.say("The figure is as it began.");
  }

  /** Answers with the code as edited; `live` by Python, which somebody who presses Run expects. */
  function run(edits: Record<string, string>, live: boolean): void {
    answers.edit(edits);
    host.toggleAttribute("data-edited", Object.keys(edits).length > 0);
    void answers.answer(true, live);
  }

  async function follow(hash: string): Promise<void> {
    const link = readLink(hash);
    if (link?.widget !== name || figures()[link.ordinal - 1] !== host) return;
    const problems = link.problem ? [link.problem] : [];
    for (const [parameter, raw] of Object.entries(link.params)) {
      const control = panel.find((one) => one.name === parameter);
      const checked = control && check(control, raw);
      if (checked?.ok) controls.set(parameter, checked.value);
      else problems.push(control && checked ? `${control.label}: ${checked.problem}` : `There is no control “${parameter}” here.`);
    }
    host.scrollIntoView({ block: "start" });
    if (link.code) void toggleCode(link.code);
    await answers.answer(true);
    if (problems.length > 0) stage.message({ summary: `Not everything in the link could be used. ${problems.join(" ")}` });
  }

  async function toggleCode(fromLink?: Record<string, string>): Promise<void> {
    const opening = !!codePlace.hidden || fromLink !== undefined;
    showCode(opening);
    if (!opening) return;
    if (!codePlace.firstChild) codePlace.innerHTML = codeMarkup(id, file.sources);
    const panel = await openedCode();
    if (fromLink) panel?.fill(fromLink);
    panel?.focus();
  }

  /** The code panel with its editor, which a press of Run may have to wait for. */
  async function openedCode(): Promise<CodePanel | undefined> {
    const module = await loaded(import("./code"), "The editor", stage.say);
    if (module) code ??= module.openCode(codePlace, file.sources, (edits) => run(edits, true));
    else showCode(false);
    return code;
  }

  function showCode(open: boolean): void {
    host.querySelector('[data-action="code"]')?.setAttribute("aria-expanded", String(open));
    codePlace.hidden = !open;
  }

  /** Those of this widget on the page. */
  function figures(): Element[] {
    return [...document.querySelectorAll(`llmdeep-widget[name="${name}"]`)];
  }

  async function copyLink(): Promise<void> {
    const [files, others] = [true, false].map((wanted) => controls.moved().filter(({ kind }) => (kind === "file") === wanted));
    const moved = Object.fromEntries(others!.map((control) => [control.name, controls.params[control.name]!]));
    const { hash, codeLeftOut } = writeLink(name, figures().indexOf(host) + 1, moved, code?.edited() ?? {});
    const link = new URL(hash, location.href).href;
    history.replaceState(history.state, "", link);
    const copied = await copy(link);
    const rest = (codeLeftOut ? ` Your code is left out: a link holds ${LONGEST_CODE / 1024} kB of it.` : "") + (files!.length ? " Your file is left out: it stays with you." : "");
    stage.say((copied ? "The link is copied." : "The browser did not let the link be copied; it stands above.") + rest);
    if (!copied) stage.message({ summary: link });
  }

  async function download(make: (files: Files) => [name: string, type: string, content: string | undefined]): Promise<void> {
    const files = await loaded(import("./download"), "The part that saves files", stage.say);
    if (!files) return;
    const [filename, type, content] = make(files);
    if (content !== undefined) files.save(filename, type, content);
    stage.say(content === undefined ? "This figure has no picture to save; its numbers are under Data." : `${filename} is saved.`);
  }

  function about(): Record<string, unknown> {
    const { params, edits, exact, complete } = answers.shown();
    const rounded = exact ? undefined : { bound: file.bound, why: "precomputed with the book" };
    const stopped = complete ? undefined : true;
    const parameters = Object.fromEntries(Object.entries(params).map(([key, value]) => [key, value instanceof File ? value.name : value]));
    return { widget: name, title: file.title, parameters, edits, rounded, stopped, page: location.href };
  }

  function dispose(): void {
    playing.pause();
    clearTimeout(typing);
    cancelAnimationFrame(frame);
    answers.dispose();
    stage.dispose();
    endReadout();
    code?.dispose();
  }

  return { input, act, follow, dispose };
}

type Files = typeof import("./download");

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no permission, or a page that isn't secure
  }
}
