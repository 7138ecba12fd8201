"""A slider to a picture: how long the ladder takes to show another model, at its first look and after.

The component alone in headless Chromium, its models fetched from a server on this machine. A look begins with the
slider's event and ends with the picture on the canvas. First looks fetch, build and pass; for them the fetching of
neighbours in idle time is left out, which makes most of them into later ones. Run by hand: `python
tests/benchmarks/ladder.py`.
"""

import argparse
import json
import statistics
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from common import Yardstick, table
from playwright.sync_api import sync_playwright

from pages.ui.components import ladder
from pages.ui.components.ladder import Entry, _described, _picture, to_fetch
from pages.ui.components.shared import module
from tests.browser.conftest import CHROMIUM, EMPTY, MOUNT
from vqvae import data
from vqvae.checkpoint import SHIPPED, load
from vqvae.runs.ladder import load as load_ladder

# From the slider's event to the first reconstruction that is another one.
LOOK = """(at) => new Promise((done) => {
  const root = document.querySelector("#host").shadowRoot;
  const [slider, canvas] = ["slider", "reconstruction"].map((part) => root.querySelector(`#right [data-part=${part}]`));
  const put = CanvasRenderingContext2D.prototype.putImageData;
  const begun = performance.now();
  CanvasRenderingContext2D.prototype.putImageData = function (...all) {
    put.apply(this, all);
    if (this.canvas !== canvas) return;
    CanvasRenderingContext2D.prototype.putImageData = put;
    done(performance.now() - begun);
  };
  slider.value = at;
  slider.dispatchEvent(new Event("input"));
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="pages that are opened anew (%(default)s)")
    runs = parser.parse_args().runs
    shipped, yardstick = load_ladder(), Yardstick()
    rungs = shipped.codes if len(shipped.codes) > 1 else shipped.stages
    contents = {f"/{n}": to_fetch(rung) for n, rung in enumerate(rungs)}
    contents["/default"] = to_fetch(load(SHIPPED["default"]))

    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = contents.get(self.path, EMPTY.encode())
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if self.path in contents else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    entries = [Entry(str(n), str(n), "codes", rung, f"/{n}") for n, rung in enumerate(rungs)]
    entries.append(Entry("default", "default", "models", load(SHIPPED["default"]), "/default"))
    shown = {
        "entries": [_described(one) for one in entries],
        "unquantised": None,
        "set": {"serial": "1:0", "left": "default", "right": "0"},
        "picture": _picture("a digit", data.load(data.EMBEDDED, "all").pixels[1234]),
    }
    html, css = ((ladder.FOLDER / f"ladder.{kind}").read_text() for kind in ("html", "css"))
    mounted = {"html": html, "css": css, "js": module(ladder.FOLDER / "ladder.js")}
    first, later = [], []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for _ in range(runs):
            page = chromium.new_page(viewport={"width": 1280, "height": 800})
            page.add_init_script("window.requestIdleCallback = () => {}")
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.evaluate(MOUNT, mounted)
            page.evaluate("(data) => update(data)", json.loads(json.dumps(shown)))
            page.locator("#right [data-codes]").wait_for()
            page.wait_for_timeout(500)
            for looks in (first, later):
                for at in (*range(1, len(rungs)), 0):
                    yardstick()
                    elapsed = page.evaluate(LOOK, at)
                    if looks is later or at:  # the first of all was looked at before
                        looks.append(elapsed)
                    page.wait_for_timeout(300)
            page.close()
        chromium.close()
    server.shutdown()
    print(f"{len(rungs)} rungs, {runs} pages")
    rows = [
        (name, f"{statistics.median(looks):.0f} ms", f"{max(looks):.0f} ms")
        for name, looks in (("first look", first), ("looks after", later))
    ]
    print(table(("from slider to picture", "median", "longest"), rows))
    print(yardstick.line)


if __name__ == "__main__":
    main()
