"""What a reader does with a figure or a cell, for the tests of the whole book."""

import json
import re

from playwright.sync_api import Locator, Page, TimeoutError, expect

from llmdeep.data_files import path

LIVE = 60_000  # milliseconds within which even a busy machine has started Python

WEIGHTS = path("models/storybook-draft") / "model.safetensors"  # a file of the reader's own

PICTURE = """(widget) =>
  [...widget.querySelectorAll("[data-view]")].map((view) => view.outerHTML).join("")"""

# What to type into a box that is empty as the figure begins.
CONFIG = json.dumps(
    {
        "model_type": "gpt2",
        "n_embd": 768,
        "n_layer": 6,
        "n_head": 12,
        "n_positions": 1024,
        "n_ctx": 1024,
        "vocab_size": 50257,
    }
)
PARTS_OF_NAMES = {"tensor": "1", "contains": "7"}
TYPED = PARTS_OF_NAMES | dict.fromkeys(("config", "first_config", "second_config"), CONFIG)

MOVE = """(widget, [name, typed]) => {
  const fields = [...widget.querySelectorAll(`[name="${name}"]`)];
  let field = fields[0];
  if (field.type === "range") {
    const middle = (Number(field.min) + Number(field.max)) / 2;
    field.value = Number(field.value) > middle ? field.min : field.max;
  } else if (field.type === "radio") {
    field = fields.find((one) => !one.checked);
    field.checked = true;
  } else if (field.type === "checkbox") field.checked = !field.checked;
  else if (field.tagName === "SELECT") field.selectedIndex = field.selectedIndex === 0 ? 1 : 0;
  else if (field.type === "number") field.value = Number(field.value) + 1;
  else if (field.value === "") field.value = typed;
  else if (field.tagName === "TEXTAREA") {
    if (/\\d/.test(field.value)) field.value = field.value.replace(/\\d/, (d) => 9 - d);
    else field.value += ` ${typed}`;
  }
  else field.value = field.value.split(" ").reverse().join(" ");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}"""

AT_REST = """() => document.fonts.status === "loaded"
  && !document.querySelector(".md-typeset > [style]")"""

WRITE = """(field, text) => {
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new Event("change", { bubbles: true }));
}"""


def figure(page: Page, name: str) -> Locator:
    return page.locator(f"llmdeep-widget[name={name}]").first


def controls(widget: Locator) -> list[str]:
    names: list[str] = widget.evaluate(
        "(w) => [...new Set([...w.querySelectorAll('.widget-controls [name]')].map((f) => f.name))]"
    )
    return names


def stored_control(widget: Locator) -> str:
    """The first control whose every position is precomputed."""
    name: str = widget.evaluate(
        """async (w) => {
          const file = await fetch(new URL(w.dataset.file, document.baseURI));
          const { panel, states } = await file.json();
          return panel.find(({ name }) => states[name]?.length > 1).name;
        }"""
    )
    return name


def move(widget: Locator, control: str) -> None:
    """Gives a control another value, as a hand would."""
    field = widget.locator(f"[name={control}]").first
    if field.get_attribute("type") == "file":
        return field.set_input_files(WEIGHTS)
    return widget.evaluate(MOVE, [control, TYPED.get(control, "A word.")])


def wait_for_change(widget: Locator, before: str, state: str = "static|live", by: str = "") -> None:
    """Waits until the views differ from `before` and the widget has come to rest."""
    name = widget.get_attribute("name")
    try:
        widget.page.wait_for_function(
            f"([w, before, state]) => new RegExp(`^(${{state}})$`).test(w.dataset.state)"
            f" && ({PICTURE})(w) !== before",
            arg=[widget.element_handle(), before, state],
            timeout=LIVE,
        )
    except TimeoutError:
        same = "unchanged" if picture(widget) == before else "changed"
        raise AssertionError(
            f"{name}, after {by or 'a control'} moved: {widget.get_attribute('data-state')}, "
            f"views {same}"
        ) from None


def wait_until_still(widget: Locator) -> str:
    """Waits until the widget has an answer or has refused; gives its state."""
    expect(widget).to_have_attribute(
        "data-state", re.compile("^(static|live|error)$"), timeout=LIVE
    )
    return widget.get_attribute("data-state") or ""


def wait_until_at_rest(page: Page) -> None:
    """Waits until the page is laid out as it stays: see site/browser/settle.ts and tables.ts."""
    page.wait_for_function(AT_REST)
    page.evaluate("() => new Promise((then) => requestAnimationFrame(() => setTimeout(then)))")


def picture(widget: Locator) -> str:
    markup: str = widget.evaluate(PICTURE)
    return markup


def run(cell: Locator, action: str = "run") -> None:
    """Presses a button of a cell and waits for the cell to come to rest."""
    cell.locator(f"[data-action={action}]").click()
    expect(cell).to_have_attribute("data-state", re.compile("^(idle|error)$"), timeout=LIVE)


def first_cell(page: Page) -> Locator:
    return page.locator("llmdeep-cell:not([data-kind])").first


def text_of(output: Locator) -> str:
    """What an output says, without the layout's white space and the tables folded away."""
    shown = """(output) => {
      const copy = output.cloneNode(true);
      copy.querySelectorAll("details").forEach((folded) => folded.remove());
      return copy.textContent;
    }"""
    return " ".join(output.evaluate(shown).split())
