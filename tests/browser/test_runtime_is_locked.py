"""From Python in the page nothing is in reach: network, storage, the document, JavaScript."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page
from python_page import failure, run, value

OUT_OF_REACH = {
    "the page": "import js\njs.document",
    "fetch": "import js\njs.fetch",
    "self": "import js\njs.self",
    "globalThis": "import js\njs.globalThis",
    "eval": "import js\njs.eval",
    "Function": "import js\njs.Function",
    "code through a constructor": "import js\njs.setTimeout.constructor('return self')()",
    "code through a bound method": "import sys\nsys.stdout.emit.constructor('return self')()",
    "run_js": "from pyodide.code import run_js\nrun_js('1 + 1')",
    "pyodide's own interface": "import pyodide_js",
    "its parts": "import pyodide_js._api",
    "XMLHttpRequest": "from pyodide.http import open_url\nopen_url('index.html')",
    "sockets": "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=1)",
    "urllib": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1/')",
    "processes": "import subprocess\nsubprocess.run(['ls'])",
    "threads": "import threading\nthreading.Thread(target=print).start()",
}


@pytest.mark.parametrize("code", OUT_OF_REACH.values(), ids=OUT_OF_REACH.keys())
def test_from_python_it_is_out_of_reach(page: Page, code: str) -> None:
    assert failure(page, code)["kind"] == "error"


def test_what_js_offers_is_two_timers(page: Page) -> None:
    names = value(page, "import js\nsorted(js.object_keys())")
    assert names == "['clearTimeout', 'setTimeout']"


def test_a_timer_does_not_run_text(page: Page) -> None:
    assert value(page, "import js\njs.setTimeout('postMessage(1)', 0)") == "0"


@pytest.fixture(scope="module")
def in_worker(page: Page) -> Callable[[str], Any]:
    """Evaluates JavaScript in the worker, over the debugger, since nothing else can."""
    run(page, "1")
    session = page.context.new_cdp_session(page)
    targets: list[str] = []
    answers: list[dict[str, Any]] = []
    session.on("Target.attachedToTarget", lambda event: targets.append(event["sessionId"]))

    def hear(event: dict[str, str]) -> None:
        message = json.loads(event["message"])
        if "id" in message:  # others tell what happens in the worker
            answers.append(message)

    session.on("Target.receivedMessageFromTarget", hear)
    attach = {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False}
    session.send("Target.setAutoAttach", attach)

    def in_worker(expression: str) -> Any:
        answers.clear()
        parameters = {"expression": expression, "returnByValue": True}
        message = {"id": 1, "method": "Runtime.evaluate", "params": parameters}
        session.send(
            "Target.sendMessageToTarget",
            {"sessionId": targets[0], "message": json.dumps(message)},
        )
        while not answers:
            page.evaluate("0")  # lets events in
        return answers[0]["result"]["result"].get("value")

    return in_worker


GONE = [
    *("fetch", "XMLHttpRequest", "WebSocket", "WebSocketStream", "EventSource", "WebTransport"),
    *("Request", "Response", "caches", "indexedDB", "cookieStore", "navigator", "location"),
    *("Worker", "SharedWorker", "importScripts", "postMessage", "BroadcastChannel", "FileReader"),
    *("FileReaderSync", "FontFace", "fonts", "Notification", "eval", "self", "close", "Blob"),
    *("OffscreenCanvas", "createImageBitmap", "File", "URL", "trustedTypes", "scheduler"),
]


def test_the_worker_has_no_network_no_storage_and_no_workers_left(
    in_worker: Callable[[str], Any],
) -> None:
    left = f"{json.dumps(GONE)}.filter((name) => globalThis[name] !== undefined)"
    assert in_worker(left) == []
    assert in_worker("typeof setTimeout") == "function"


@pytest.mark.parametrize("kind", ["function", "async function", "function*", "async function*"])
def test_the_worker_makes_no_code_from_text(in_worker: Callable[[str], Any], kind: str) -> None:
    attempt = f"""(() => {{
      try {{
        return (({kind} () {{}}).constructor)("return 1");
      }} catch (error) {{
        return error.message;
      }}
    }})()"""
    assert in_worker(attempt) == "JavaScript cannot be made from text here."
