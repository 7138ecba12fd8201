"""What many visitors of one server wait for, and what each page costs it: python tests/benchmarks/visitors.py

Visitors speak Streamlit's own protocol, as a browser does: they say who they are, open pages with either model over
their WebSocket, fetch what they are told to, and keep both, so that it is not sent again. What a page's scripts report
later is left out, and clients and server share the machine. Seconds of the server's processor come from /proc; a page
is opened by several visitors in turn, since that clock ticks a hundredth.
"""

import argparse
import asyncio
import json
import os
import random
import re
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from common import ROOT, Yardstick, median, table
from replicas import free_port, wait_for
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

PATIENCE = 300.0  # seconds, until all is up or a page is there
PAGES = ("", "draw", "generate", "codebook", "map", "train")
MODELS = ("default", "tutorial")
PAUSE = 2.0, 6.0  # seconds that a visitor looks at a page
FETCHING = ("vqvae_carrier", "vqvae_sheet")  # components that fetch what they are given the address of, at once
TICKS = os.sysconf("SC_CLK_TCK")


class Opened(NamedTuple):
    """A page that a visitor has opened."""

    seconds: float  # until all of it was there
    sent: int  # bytes that came over the WebSocket
    fetched: int  # bytes that came otherwise


class Visitor:
    """A browser tab without a browser: a token, a WebSocket, and the large messages that it keeps."""

    def __init__(self, port: int):
        self.port, self.token = port, secrets.token_hex(16)
        self.kept: set[str] = set()  # hashes of messages, and addresses

    async def arrive(self, page: str = "", model: str = MODELS[0]) -> Opened:
        """Connect, open a page, and say who one is, upon which the page runs again."""
        self.socket = await connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            subprotocols=["streamlit"],
            max_size=None,
            open_timeout=PATIENCE,
            ping_interval=None,
        )
        first, asked = await self._run(page, model)
        said, _ = await self._run(page, model, asked)
        return Opened(first.seconds + said.seconds, first.sent + said.sent, first.fetched + said.fetched)

    async def open(self, page: str, model: str) -> Opened:
        """Open another page of the same session."""
        opened, _ = await self._run(page, model)
        return opened

    async def leave(self) -> None:
        await self.socket.close()

    async def _run(self, page: str, model: str, asked: str | None = None) -> tuple[Opened, str]:
        """Run a page to its end, and whose token is asked for by which widget, if any is."""
        message, began, sent, who = BackMsg(), time.perf_counter(), 0, ""
        message.rerun_script.page_name = page
        message.rerun_script.query_string = f"model={model}"
        message.rerun_script.cached_message_hashes.extend(one for one in self.kept if not one.startswith("/"))
        if asked:
            state = message.rerun_script.widget_states.widgets.add()
            state.id, state.json_value = asked, json.dumps({"token": self.token})
        await self.socket.send(message.SerializeToString())
        fetching: list[asyncio.Task[int]] = []
        while True:
            data = await asyncio.wait_for(self.socket.recv(decode=False), PATIENCE)
            sent += len(data)
            said = ForwardMsg.FromString(data)
            if said.metadata.cacheable:
                self.kept.add(said.hash)
            if said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY and said.HasField("script_finished"):
                break
            component = said.delta.new_element.bidi_component
            if component.component_name == "vqvae_visitor":
                who = component.id
            elif component.component_name in FETCHING:
                for address in set(re.findall(r"/media/[0-9a-f]+\.?\w*", component.json)) - self.kept:
                    self.kept.add(address)
                    fetching.append(asyncio.create_task(asyncio.to_thread(self._fetch, address)))
            elif said.delta.new_element.WhichOneof("type") == "exception":
                raise RuntimeError(f"{page}: {said.delta.new_element.exception.message}")
        fetched = sum(await asyncio.gather(*fetching))
        return Opened(time.perf_counter() - began, sent, fetched), who

    def _fetch(self, address: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{address}", timeout=PATIENCE) as answer:
            return len(answer.read())


class Server(NamedTuple):
    port: int
    process: int

    @property
    def processor(self) -> float:
        """Seconds of processor that it has used, all threads, without its children."""
        said = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(said[11]) + int(said[12])) / TICKS

    @property
    def resident(self) -> float:
        """MB of memory."""
        said = Path(f"/proc/{self.process}/statm").read_text().split()
        return int(said[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def server(root: Path, folder: Path) -> Iterator[Server]:
    """The explorer in this folder of source, with a folder of runs of its own."""
    port = free_port()
    options = ["--server.headless=true", "--server.fileWatcherType=none", f"--server.port={port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *options],
        cwd=root,
        env={**os.environ, "VQVAE_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"},
        stdout=open(folder / "server.log", "w"),  # noqa: SIM115 the child's from now on
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield Server(port, process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """A run on the same machine, with as many threads as it likes."""
    command = ["-m", "vqvae", "train", "--dataset", "digits", "--epochs", "10000", "--out"]
    process = subprocess.Popen(
        [sys.executable, *command, str(folder / "mine.safetensors")], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def shares(seconds: list[float]) -> list[str]:
    """What half of them, 95 of 100, and all do not exceed."""
    return [f"{sorted(seconds)[min(len(seconds) - 1, int(part * len(seconds)))]:.2f}" for part in (0.5, 0.95, 1)]


async def warm_up(at: Server) -> None:
    one = Visitor(at.port)
    await one.arrive()
    for _ in range(2):
        for model in MODELS:
            for page in PAGES:
                await one.open(page, model)
    await one.leave()


async def pages(at: Server, times: int) -> list[tuple[str, ...]]:
    """What each page costs, opened by visitors who were sent nothing of it, one after another, and then once more."""
    visitors, rows = [Visitor(at.port) for _ in range(times)], []
    for one in visitors:
        await one.arrive("notes")
    for model in MODELS:
        for page in PAGES:
            for one in visitors:
                one.kept.clear()
            before = at.processor
            opened = [await one.open(page, model) for one in visitors]
            costs = (at.processor - before) / times
            again = [await one.open(page, model) for one in visitors[:3]]
            rows.append(
                (
                    f"{page or 'home'}, {model}",
                    f"{1000 * costs:.0f}",
                    f"{1000 * median([one.seconds for one in opened]):.0f}",
                    f"{median([one.sent for one in opened]) / 1000:.0f}",
                    f"{median([one.fetched for one in opened]) / 1000:.0f}",
                    f"{median([one.sent + one.fetched for one in again]) / 1000:.0f}",
                )
            )
    for one in visitors:
        await one.leave()
    return rows


async def arrivals(at: Server, count: int, within: float) -> tuple[list[Visitor], list[float]]:
    """Visitors who come within some seconds, each to some page, and how long each waited for all of it."""
    chance, visitors = random.Random(0), [Visitor(at.port) for _ in range(count)]

    async def come(one: Visitor, after: float, page: str, model: str) -> float:
        await asyncio.sleep(after)
        return (await one.arrive(page, model)).seconds

    coming = [
        come(one, within * place / count, chance.choice(PAGES), chance.choice(MODELS))
        for place, one in enumerate(visitors)
    ]
    return visitors, list(await asyncio.gather(*coming))


async def looking(visitors: list[Visitor], seconds: float) -> list[float]:
    """Visitors who open a page every few seconds; how long each of these took."""
    until, waited = time.perf_counter() + seconds, []

    async def look(one: Visitor, chance: random.Random) -> None:
        await asyncio.sleep(chance.uniform(0, PAUSE[1]))
        while time.perf_counter() < until:
            waited.append((await one.open(chance.choice(PAGES), chance.choice(MODELS))).seconds)
            await asyncio.sleep(chance.uniform(*PAUSE))

    await asyncio.gather(*(look(one, random.Random(place)) for place, one in enumerate(visitors)))
    return waited


async def sessions(at: Server, count: int) -> list[tuple[int, float]]:
    """Short visits, one after another: memory after each thirtieth of them."""
    chance, memory = random.Random(0), [(0, at.resident)]
    for place in range(1, count + 1):
        one = Visitor(at.port)
        await one.arrive(chance.choice(PAGES), chance.choice(MODELS))
        await one.open(chance.choice(PAGES), chance.choice(MODELS))
        await one.leave()
        if place % max(1, count // 10) == 0:
            memory.append((place, at.resident))
    return memory


async def measure(at: Server, options: argparse.Namespace) -> None:
    await warm_up(at)
    header = ("page, model", "CPU ms", "ms", "KB sent", "KB fetched", "KB again")
    print(table(header, await pages(at, options.times)), flush=True)
    if options.visitors:
        before, began = at.processor, time.perf_counter()
        visitors, waited = await arrivals(at, options.visitors, options.within)
        rows = [("arrivals", len(waited), *shares(waited))]
        waited = await looking(visitors, options.seconds)
        rows.append(("pages opened", len(waited), *shares(waited)))
        if options.training:
            with tempfile.TemporaryDirectory() as folder, training(Path(folder)):
                await asyncio.sleep(10)
                waited = await looking(visitors, options.seconds)
            rows.append(("beside a run", len(waited), *shares(waited)))
        busy = (at.processor - before) / (time.perf_counter() - began)
        for one in visitors:
            await one.leave()
        print(f"\n{options.visitors} visitors; the server took {busy:.2f} cores and has {at.resident:.0f} MB.")
        print(table(("seconds of", "count", "p50", "p95", "most"), rows), flush=True)
    if options.sessions:
        memory = await sessions(at, options.sessions)
        print("\n" + table(("sessions", "MB"), [(count, f"{size:.0f}") for count, size in memory]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="source of the server, such as a worktree's")
    parser.add_argument("--times", type=int, default=10, help="visitors who open each page in turn (%(default)s)")
    parser.add_argument("--visitors", type=int, default=0, help="at the same time, such as 50 (none)")
    parser.add_argument("--seconds", type=float, default=60, help="that they look around for (%(default)s)")
    parser.add_argument("--within", type=float, default=10, help="seconds, they arrive (%(default)s)")
    parser.add_argument("--training", action="store_true", help="look around again beside a training run")
    parser.add_argument("--sessions", type=int, default=0, help="short visits, to see memory, such as 300 (none)")
    options = parser.parse_args()
    yardstick = Yardstick()
    yardstick()
    with tempfile.TemporaryDirectory() as folder, server(options.root, Path(folder)) as at:
        asyncio.run(measure(at, options))
    yardstick()
    print(f"\n{yardstick.line}")


if __name__ == "__main__":
    main()
