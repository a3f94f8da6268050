"""What runs too long, too deep or too large is stopped, and the page goes on."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from python_page import failure, run, value

from llmdeep.site.session import MOST_OUTPUT

LOOPS = {
    "a loop": "while True: pass",
    "products": "import numpy as np\na = np.ones((256, 256))\nwhile True: a @ a",
    "sleep": "import time\ntime.sleep(1000)",
    "a generator": "sum(i for i in range(10**12))",
    "a power": "9 ** (9 ** 9)",
    "a sort": "sorted(range(10**7), key=str)",
    "a huge product": "import numpy as np\na = np.ones((1800, 1800))\nwhile True: a = a @ a",
    "swallowing": "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
    "printing": "while True: print('x' * 50)",
}
START_AND_STOP = """async (code) => {
  await runtime.start();
  let began;
  const printing = new Promise((resolve) => (began = resolve));
  const ended = runtime.run("stop", "print('began')\\n" + code, () => began());
  await printing;
  const stopped = await runtime.stop();
  return { stopped, result: await ended };
}"""


@pytest.mark.parametrize("code", LOOPS.values(), ids=LOOPS.keys())
def test_whatever_runs_is_stopped_and_the_page_goes_on(page: Page, code: str) -> None:
    run(page, "kept = 1", "stop")
    outcome = page.evaluate(START_AND_STOP, code)
    assert outcome["stopped"] == {"reset": True}
    assert outcome["result"] == {"ok": False, "failure": {"kind": "stopped", "reset": True}}
    assert run(page, "kept", "stop")["failure"]["type"] == "NameError"
    assert "reset" in page.evaluate("runtime.status().message")
    assert value(page, "1 + 1") == "2"


def test_where_memory_is_shared_a_loop_is_stopped_without_losing_variables(
    open_page: Callable[..., Page], isolated_url: str
) -> None:
    page = open_page()
    page.goto(isolated_url)
    assert page.evaluate("crossOriginIsolated")
    run(page, "kept = 1", "stop")
    outcome = page.evaluate(START_AND_STOP, "while True: pass")
    assert outcome["stopped"] == {"reset": False}
    assert outcome["result"]["failure"] == {"kind": "stopped", "reset": False}
    assert run(page, "kept", "stop")["value"] == {"text": "1"}

    outcome = page.evaluate(START_AND_STOP, LOOPS["swallowing"])
    assert outcome["result"]["failure"] == {"kind": "stopped", "reset": True}
    assert value(page, "1 + 1") == "2"


def test_stop_also_ends_the_cells_that_wait(page: Page) -> None:
    kinds = page.evaluate(
        """async () => {
          await runtime.start();
          const loop = new Promise((began) => {
            const codes = ["print()\\nwhile True: pass", "1", "2"];
            window.cells = codes.map((code) => runtime.run("wait", code, began));
          });
          await loop;
          await runtime.stop();
          return (await Promise.all(cells)).map((result) => result.failure?.kind);
        }"""
    )
    assert kinds == ["stopped", "stopped", "stopped"]


def test_output_without_end_leaves_the_page_awake(page: Page) -> None:
    received = page.evaluate(
        f"""async () => {{
          let length = 0, frames = 0;
          const ended = runtime.run("print", "while True: print('x' * 10)", (stream, text) => {{
            length += text.length;
          }});
          const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
          for (; length < {MOST_OUTPUT}; frames++) await frame();
          await runtime.stop();
          await ended;
          return {{ length, frames }};
        }}"""
    )
    assert MOST_OUTPUT <= received["length"] < MOST_OUTPUT + 200
    assert received["frames"] > 0


def test_an_allocation_without_end_is_a_memory_error_and_python_lives_on(page: Page) -> None:
    run(page, "kept = 1")
    code = "chunks = []\nwhile True: chunks.append(bytearray(16 * 2**20))"
    assert failure(page, code)["type"] == "MemoryError"
    assert 200 < int(value(page, "n = 16 * len(chunks)\nchunks.clear()\nn")) < 512
    assert failure(page, "import numpy as np\nnp.ones(10**8)")["type"] == "MemoryError"
    assert value(page, "kept") == "1"


def test_a_touch_device_gives_python_half_the_memory(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page(has_touch=True, is_mobile=True)
    page.goto(runtime_url)
    assert page.evaluate("matchMedia('(pointer: coarse)').matches")
    fill = "chunks = []\ntry:\n  while True: chunks.append(bytearray(2**20))\n"
    run(page, f"{fill}except MemoryError: pass")
    assert 100 < int(value(page, "n = len(chunks)\nchunks.clear()\nn")) < 256


def test_endless_recursion_is_an_error_and_python_lives_on(page: Page) -> None:
    run(page, "kept = 1")
    assert failure(page, "def f(n): return f(n + 1)\nf(0)")["type"] == "RecursionError"
    assert value(page, "kept") == "1"


@pytest.mark.parametrize(
    "code",
    [
        "class A:\n  def __repr__(self): return repr(self)\nA()",
        "class A:\n  def __getattr__(self, name): return getattr(self, name)\nA().x",
        "x = []\nfor _ in range(10**5): x = [x]\nrepr(x)",
    ],
)
def test_recursion_that_breaks_the_browsers_stack_is_named_so_and_the_page_goes_on(
    page: Page, code: str
) -> None:
    found = failure(page, code)
    assert found["type"] == "RecursionError"
    assert "restarted" in found["message"]
    assert value(page, "1 + 1") == "2"


def test_a_worker_that_dies_is_replaced_and_the_task_it_never_took_is_done(
    open_page: Callable[..., Page], runtime_url: str
) -> None:
    page = open_page()
    page.add_init_script(
        """const post = Worker.prototype.postMessage;
        Worker.prototype.postMessage = function (...message) {
          if (window.kill) { window.kill = false; this.terminate(); }
          return post.apply(this, message);
        };"""
    )
    page.goto(runtime_url)
    assert value(page, "1 + 1") == "2"
    page.evaluate("window.kill = true")
    assert value(page, "2 + 2") == "4"
    assert "reset" in page.evaluate("runtime.status().message")
