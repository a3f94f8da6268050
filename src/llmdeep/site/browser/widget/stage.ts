/** Where a figure's views, messages and progress appear. Nothing below them jumps. */

import { renderReport, type Report } from "../words";
import { adoptViews, updateViews } from "../views/live";
import type { View } from "../views/types";

export interface Stage {
  /** Takes note of the views that the page shows as it comes. */
  adopt(views: readonly View[]): void;
  draw(views: readonly View[]): void;
  /** While steady the figure may grow but not shrink, so that nothing below follows a drag. */
  steady(on: boolean): void;
  /** Shows that the picture is not yet the answer. */
  pending(on: boolean): void;
  /** What went wrong, in place; without a report, nothing did. */
  message(report?: Report): void;
  /** One line for eyes and screen readers alike. */
  say(text: string): void;
  /** A bar of known (0 to 1) or unknown length while something takes long. */
  progress(share: number | "unknown" | undefined): void;
  dispose(): void;
}

const FLICKER = 200; // milliseconds in which an answer counts as immediate

export function bindStage(host: Element, id: string): Stage {
  const place = host.querySelector<HTMLElement>("[data-views]")!;
  const notice = host.querySelector<HTMLElement>("[data-message]")!;
  const status = host.querySelector<HTMLElement>("[data-status]")!;
  let dimming: ReturnType<typeof setTimeout> | undefined;
  let waiting = false;
  let bar: HTMLProgressElement | undefined;
  let keeping = false;
  // Out of sight and with every new layout of the page it takes its own height again.
  const sight = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) || release());
  sight.observe(place);
  addEventListener("resize", release);
  // Watched, because to ask for it after a change would lay the page out once more.
  let height = place.getBoundingClientRect().height;
  const size = new ResizeObserver(([entry]) => (height = entry!.borderBoxSize[0]!.blockSize));
  size.observe(place);

  function draw(views: readonly View[]): void {
    if (keeping) place.style.minHeight = `${height}px`;
    else release();
    updateViews(place, views, id);
    if (waiting) dimSoon();
  }

  function steady(on: boolean): void {
    keeping = on;
  }

  function release(): void {
    place.style.minHeight = "";
  }

  function pending(on: boolean): void {
    waiting = on;
    place.setAttribute("aria-busy", String(on));
    if (on) return dimSoon();
    clearTimeout(dimming);
    place.removeAttribute("data-pending");
  }

  function dimSoon(): void {
    clearTimeout(dimming);
    dimming = setTimeout(() => place.setAttribute("data-pending", ""), FLICKER);
  }

  function message(report?: Report): void {
    notice.hidden = !report;
    notice.innerHTML = report ? renderReport(report) : "";
  }

  function say(text: string): void {
    if (status.textContent !== text) status.textContent = text;
  }

  function progress(share: number | "unknown" | undefined): void {
    if (share === undefined) {
      bar?.remove();
      bar = undefined;
      return;
    }
    if (!bar) {
      bar = document.createElement("progress");
      bar.setAttribute("aria-label", "Progress");
      status.after(bar);
    }
    if (share === "unknown") bar.removeAttribute("value");
    else bar.value = share;
  }

  function dispose(): void {
    clearTimeout(dimming);
    sight.disconnect();
    size.disconnect();
    removeEventListener("resize", release);
  }

  return { adopt: (views) => adoptViews(place, views), draw, steady, pending, message, say, progress, dispose };
}
