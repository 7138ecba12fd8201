"""A real app in a real browser: `streamlit run` on a free port, Chromium through Playwright.

Every page made here fails its test on an uncaught error or a console error, and may speak to the app alone: this
browser knows no other address than this machine's, and a request to another origin fails the test as well.

What needs no server gets none: `bench` is the Draw page's workbench in an empty page, in a third of the time.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from pages.ui.components import canvas, interpolation
from pages.ui.components.shared import module
from tests.browser.hand import DIGIT, described, show
from vqvae import data
from vqvae.checkpoint import SHIPPED, load

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TIMEOUT = 120_000  # milliseconds for anything a page is waited for: the machine may be busy
DESKTOP = {"width": 1280, "height": 800}
NOWHERE = "http://127.0.0.1:9"  # no server is there; an origin that has storage and a clipboard nevertheless
EMPTY = """<!doctype html><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">"""

# What Streamlit does with a component on mount, in an empty page; `update` is what it does with new data.
MOUNT = """async ({ html, css, js }) => {
  document.body.innerHTML = "<div id='host'></div>";
  const root = document.querySelector("#host").attachShadow({ mode: "open" });
  root.innerHTML = `<style>:host { --st-text-color: #000; --st-background-color: #fff;
    --st-secondary-background-color: #eee; --st-border-color: #ccc; --st-primary-color: #07c; }${css}</style>${html}`;
  [window.answers, window.asked] = [[], []];
  const render = (await import(URL.createObjectURL(new Blob([js], { type: "text/javascript" })))).default;
  window.update = (data) =>
    render({ data, parentElement: root, setStateValue: (_, value) => window.answers.push(value),
      setTriggerValue: (name, value) => window.asked.push([name, value]) });
}"""


def missing(what: str) -> None:
    """Skip where a browser cannot be had, fail where one was promised (`CI=true`)."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and CI=true asks for the browser tests")
    pytest.skip(f"{what}: browser tests skipped")


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        missing("Playwright is not installed (pip install -r tests/requirements.txt)")
    if CHROMIUM is None:
        missing("Chromium is not installed (apt-get install chromium)")
    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as playwright:
        alone = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", alone])
        yield chromium
        chromium.close()


class Server(NamedTuple):
    """The app as it runs."""

    address: str  # such as "http://127.0.0.1:8601"
    process: subprocess.Popen


@contextmanager
def running_app(
    log: Path, environment: dict[str, str] | None = None, *owners: str, port: int | None = None
) -> Iterator[Server]:
    """A server of its own for the app, on a free port unless one is given, with what its owner names in the command.

    What it caches lies beside its log, so that no test finds what another run of the tests computed.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = port or free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true"]
    command += [f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]
    command += ["--", *owners] if owners else []
    with open(log, "w") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"XDG_CACHE_HOME": str(log.parent / "cache")} | (environment or {}),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_healthy(process, address, log)
            yield Server(address, process)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(process: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the app did not start:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one app shared by all tests."""
    with running_app(tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running.address


class Watch:
    """What pages may not do: uncaught errors, console errors, requests to another origin."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []

    def follow(self, context, origin: str) -> Callable[[], None]:
        """Watch every page of a browser context; only `origin` may be spoken to. Returns what ends the watch."""
        allowed = urlsplit(origin).netloc

        def note(request) -> None:
            address = urlsplit(request.url)
            if address.netloc != allowed and address.scheme not in ("data", "blob"):
                self.foreign.append(request.url)

        def note_sockets(page) -> None:
            page.on("websocket", note)

        heard = {
            "request": note,
            "page": note_sockets,
            "weberror": lambda error: self.errors.append(f"uncaught: {error.error}"),
            "console": self._listen,
        }
        for event, listener in heard.items():
            context.on(event, listener)
        for page in context.pages:
            note_sockets(page)

        def leave() -> None:
            for event, listener in heard.items():
                context.remove_listener(event, listener)
            for page in context.pages:
                page.remove_listener("websocket", note)

        return leave

    def _listen(self, message) -> None:
        # A page at /draw makes Streamlit look for its server below /draw first: a 404 before it finds it at the root.
        # And the server lets go of a page's files as it is left, while they may still be fetched; where one is missed,
        # the page asks for it again (test_pages.py).
        url = message.location.get("url", "")
        if message.type == "error" and "/_stcore/" not in url and not ("/media/" in url and "404" in message.text):
            self.errors.append(f"console: {message.text} {url}")

    def check(self) -> None:
        assert not self.foreign, f"requests to another origin: {self.foreign}"
        assert not self.errors, f"errors in the browser: {self.errors}"


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test at its end for what the pages it follows did wrong."""
    watch = Watch()
    yield watch
    watch.check()


class Pages:
    """Pages of one browser, each in a context of its own, used again by one test after another.

    A page that showed the app before shows it in half the time: its scripts are compiled. Whoever gets one is a first
    visitor nevertheless: cookies, what the tab and the browser store, the media and routes of a test go with its end.
    """

    def __init__(self, browser) -> None:
        self._browser = browser
        self._idle: dict[str, list] = {}

    def take(self, address: str, viewport: dict[str, int] = DESKTOP, **options):
        """A page of a context with these options, Playwright's `new_context`'s; returned by `give_back`."""
        idle = self._idle.setdefault(repr((address, options)), [])
        if not idle:
            context = self._browser.new_context(base_url=address, viewport=viewport, **options)
            context.set_default_timeout(TIMEOUT)
            return context.new_page(), idle
        page = idle.pop()
        page.set_viewport_size(viewport)
        return page, idle

    def give_back(self, page, idle: list, address: str) -> None:
        page.unroute_all()
        page.route("**/*", lambda route: route.fulfill(body=EMPTY, content_type="text/html"))
        page.goto(f"{address}/empty")
        page.evaluate("localStorage.clear(), sessionStorage.clear()")
        page.unroute_all()
        page.context.clear_cookies()
        page.emulate_media(color_scheme="null", reduced_motion="null")
        idle.append(page)


@pytest.fixture(scope="session")
def pages(browser) -> Pages:
    return Pages(browser)


@contextmanager
def visitors(pages: Pages, watch: Watch, address: str) -> Iterator[Callable]:
    """A function that opens a watched page of the app at `address` in a context of its own, so as a new visitor.

    Its arguments are Playwright's `new_context`'s; relative addresses such as page.goto("/draw") are the app's.
    """
    opened = []

    def open_page(**options):
        page, idle = pages.take(address, **options)
        opened.append((page, idle, watch.follow(page.context, address)))
        return page

    yield open_page
    for page, idle, leave in opened:
        leave()
        pages.give_back(page, idle, address)


@pytest.fixture
def new_page(pages: Pages, server: str, watch: Watch) -> Iterator[Callable]:
    """A function that opens a page of the shared app as a new visitor."""
    with visitors(pages, watch, server) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def shared_tab(pages: Pages, server: str) -> Iterator[tuple]:
    """A page that the tests of a module share, and the watch over it."""
    watch = Watch()
    with visitors(pages, watch, server) as open_page:
        yield open_page(), watch


@pytest.fixture
def tab(shared_tab: tuple) -> Iterator:
    """The module's page as the test before left it: `begin(tab, "/map")` makes it a first visitor's."""
    page, watch = shared_tab
    page.set_viewport_size(DESKTOP)
    yield page
    errors, watch.errors = watch.errors, []
    assert not errors
    watch.check()


@pytest.fixture
def page(new_page: Callable):
    """A watched page of 1280 x 800; `page.goto("/draw")` opens the app's Draw page."""
    return new_page()


@pytest.fixture
def mount(pages: Pages, watch: Watch) -> Iterator[Callable]:
    """A function that mounts a component, named by its folder, in an empty page of a context of its own.

    `page.evaluate("(data) => update(data)", data)` gives it new data; `answers` and `asked` hold what it told Python.
    """
    with visitors(pages, watch, NOWHERE) as open_page:

        def mount(folder: Path, html: str | None = None, css: str | None = None, **options):
            html, css = (
                given or (folder / f"{folder.name}.{kind}").read_text()
                for given, kind in ((html, "html"), (css, "css"))
            )
            page = open_page(**options)
            page.route(f"{NOWHERE}/", lambda route: route.fulfill(body=EMPTY, content_type="text/html"))
            page.goto("/")
            page.evaluate(MOUNT, {"html": html, "css": css, "js": module(folder / f"{folder.name}.js")})
            return page

        yield mount


@pytest.fixture
def empty_bench(mount: Callable) -> Callable:
    """A function that mounts the workbench before it has a model."""
    return lambda **options: mount(canvas.FOLDER, **options)


@pytest.fixture
def bench(empty_bench: Callable) -> Callable:
    """A function that opens the workbench as the Draw page shows it to a first visitor, without a server."""

    def open_bench(**options):
        page = empty_bench(**options)
        pixels = data.load(data.EMBEDDED, "all").pixels[DIGIT]
        show(page, load(SHIPPED["default"]), pixels=pixels.permute(1, 2, 0).flatten().tolist(), example=True)
        return page

    return open_bench


@pytest.fixture
def between(mount: Callable) -> Callable:
    """A function that opens the interpolation from a first visitor's digit to one far from it, without a server."""

    def open_between(**options):
        page = mount(interpolation.FOLDER, **options)
        digits = data.load(data.EMBEDDED, "all").pixels
        numbers = DIGIT, (DIGIT + len(digits) // 2) % len(digits)
        ends = [{"name": f"digit {number}", "pixels": digits[number].flatten().tolist()} for number in numbers]
        page.evaluate("(data) => update(data)", {"model": described(load(SHIPPED["default"])), "ends": ends})
        return page

    return open_between
