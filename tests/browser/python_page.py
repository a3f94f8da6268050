"""Speaks to Python in a page through `window.runtime`, for the tests of the runtime."""

from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Page

WIDGET = "softmax_scaling"

RUN = """async ([code, page]) => {
  const output = [];
  const result = await runtime.run(page, code, (stream, text) => output.push([stream, text]));
  return { ...result, output };
}"""
RENDER = """async ([widget, params, edits]) => {
  const result = await runtime.render("figure", widget, params, edits);
  const { rendered } = result;
  if (rendered) rendered.arrays = rendered.arrays.map((numbers) => Array.from(numbers));
  return result;
}"""


def run(page: Page, code: str, name: str = "page") -> dict[str, Any]:
    """What `runtime.run` gives, and its `output` as pairs of stream and text."""
    result: dict[str, Any] = page.evaluate(RUN, [code, name])
    return result


def value(page: Page, code: str) -> str:
    """The text of the code's value; it must not fail."""
    result = run(page, code)
    assert result["ok"], result["failure"]
    text: str = result["value"]["text"]
    return text


def failure(page: Page, code: str) -> dict[str, Any]:
    """How the code failed; it must."""
    result = run(page, code)
    assert not result["ok"], result
    found: dict[str, Any] = result["failure"]
    return found


def render(
    page: Page, params: Mapping[str, Any] | None = None, edits: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What `runtime.render` gives for WIDGET, its arrays as lists."""
    result: dict[str, Any] = page.evaluate(RENDER, [WIDGET, params or {}, edits or {}])
    return result
