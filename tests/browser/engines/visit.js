// What the smoke run does on each page, in every engine: move the first slider of each widget and
// wait for its views to change; run the first cell and wait for it to finish. Runs in the page.
async function visit() {
  const until = (condition, what) =>
    new Promise((resolve, reject) => {
      const end = performance.now() + 90_000;
      const look = () => {
        const value = condition();
        if (value) resolve(value);
        else if (performance.now() > end) reject(new Error(`waited in vain for ${what}`));
        else requestAnimationFrame(look);
      };
      look();
    });
  const picture = (widget) =>
    [...widget.querySelectorAll("[data-view]")].map((view) => view.innerHTML).join("");

  const moved = [];
  for (const widget of document.querySelectorAll("llmdeep-widget")) {
    const name = widget.getAttribute("name");
    const slider = widget.querySelector("input[type=range][name]");
    if (slider === null) continue;
    const before = picture(widget);
    slider.value = slider.value === slider.max ? slider.min : slider.max;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    slider.dispatchEvent(new Event("change", { bubbles: true }));
    await until(() => picture(widget) !== before, `${name} to follow its slider`);
    moved.push(name);
  }

  const cell = document.querySelector("llmdeep-cell:not([data-kind=exercise])");
  if (cell !== null) {
    const run = await until(
      () => cell.querySelector("[data-action=run]:not([hidden]):not(:disabled)"),
      "the Run button",
    );
    run.click();
    await until(() => ["idle", "error"].includes(cell.dataset.state), "the first cell to finish");
    if (cell.dataset.state === "error") throw new Error(cell.querySelector("[data-output]").innerText);
  }
  return { moved, cell: cell !== null, views: document.querySelectorAll("[data-view]").length };
}
