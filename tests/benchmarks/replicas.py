"""What many visitors notice when a replica dies: python tests/benchmarks/replicas.py

Three servers behind nginx, by deploy/nginx.conf on addresses of this machine. Visitors open a page over its WebSocket
and fetch the pictures that it names; in the middle one server is killed with -9. Promised: who was on another one
notices nothing, and who was on it has the page again, pictures included, after connecting anew. Needs nginx.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import NamedTuple

from common import ROOT, median, table
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 300.0  # seconds, until all is up or a page is there
RETRY = 0.5  # seconds between two attempts to connect anew, as a browser makes them
ADDRESSES = ("172.28.5.11:8501", "172.28.5.12:8501", "172.28.5.13:8501")  # of deploy/nginx.conf


class Answer(NamedTuple):
    status: int
    cookie: str | None


class Visitor:
    """A browser tab without a browser: a cookie, a WebSocket, and the pictures of the page."""

    def __init__(self, port: int, page: str):
        self.port, self.page = port, page
        self.replica: str | None = None
        self.pictures: set[str] = set()
        self.lost = 0  # pictures that could not be fetched
        self.moved: list[float] = []  # seconds from a lost connection to the page with its pictures

    async def arrive(self) -> None:
        answer = await asyncio.to_thread(self._get, f"/{self.page}")
        assert answer.status == 200, f"the page answered {answer.status}"
        self.replica = answer.cookie or self.replica
        self.socket = await self._connect()
        await self.look()

    async def look(self) -> None:
        """Run the page and fetch its pictures."""
        message = BackMsg()
        message.rerun_script.page_name = self.page
        await self.socket.send(message.SerializeToString())
        self.pictures.clear()
        while True:
            data = await asyncio.wait_for(self.socket.recv(decode=False), PATIENCE)
            self.pictures |= {found.decode() for found in re.findall(rb"/media/[0-9a-f]+\.\w+", data)}
            said = ForwardMsg.FromString(data)
            if said.WhichOneof("type") == "script_finished":
                break
        answers = [await asyncio.to_thread(self._get, picture) for picture in sorted(self.pictures)]
        self.lost += sum(answer.status != 200 for answer in answers)

    async def stay(self, until: asyncio.Event) -> None:
        """Wait and listen; come back where the connection is lost."""
        while not until.is_set():
            try:
                await asyncio.wait_for(self.socket.recv(decode=False), 0.5)
            except TimeoutError:
                continue
            except ConnectionClosed:
                await self._come_back()

    async def _come_back(self) -> None:
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE:
            try:
                self.socket = await self._connect()
                await self.look()
            except (OSError, ConnectionClosed, InvalidStatus):
                await asyncio.sleep(RETRY)
            else:
                self.moved.append(time.monotonic() - began)
                return

    async def _connect(self) -> ClientConnection:
        socket = await connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            additional_headers={"Cookie": f"replica={self.replica}"} if self.replica else {},
            subprotocols=["streamlit"],
            max_size=None,
            open_timeout=PATIENCE,
        )
        self.replica = _replica(socket.response.headers.get_all("Set-Cookie")) or self.replica
        return socket

    def _get(self, path: str) -> Answer:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}")
        if self.replica:
            request.add_header("Cookie", f"replica={self.replica}")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                answer.read()
                return Answer(answer.status, _replica(answer.headers.get_all("Set-Cookie") or []))
        except urllib.error.HTTPError as error:
            return Answer(error.code, None)


def _replica(cookies: list[str]) -> str | None:
    said = [SimpleCookie(cookie)["replica"].value for cookie in cookies if cookie.startswith("replica=")]
    return said[-1] if said else None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def replicas(folder: Path) -> Iterator[tuple[int, list[subprocess.Popen]]]:
    """The port of nginx, and the servers behind it, which share the folder of runs."""
    ports, port = [free_port() for _ in ADDRESSES], free_port()
    environment = {**os.environ, "VQVAE_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    options = ["--server.headless=true", "--server.fileWatcherType=none", "--server.port"]
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options, str(own)],
            cwd=ROOT,
            env=environment,
            stdout=open(folder / f"{own}.log", "w"),  # noqa: SIM115 the child's from now on
            stderr=subprocess.STDOUT,
        )
        for own in ports
    ]
    said = (ROOT / "deploy/nginx.conf").read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    for address, own in zip(ADDRESSES, ports, strict=True):
        here = f"127.0.0.1:{own}"
        said = said.replace(address, here).replace(address.replace(".", "\\."), here.replace(".", "\\."))
    (folder / "replicas.conf").write_text(said)
    (folder / "nginx.conf").write_text(
        f"worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n"
        f"events {{ worker_connections 4096; }}\nhttp {{ access_log {folder}/access.log; "
        f"client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; include {folder}/replicas.conf; }}\n"
    )
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    nginx = None
    try:
        subprocess.run([*command, "-t", "-q"], check=True)
        nginx = subprocess.Popen(command)
        for own in [*ports, port]:
            wait_for(f"http://127.0.0.1:{own}/_stcore/health")
        yield port, servers
    finally:
        processes = [process for process in (nginx, *servers) if process]
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def wait_for(address: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


async def visit(port: int, servers: list[subprocess.Popen], options: argparse.Namespace) -> list[Visitor]:
    visitors = [Visitor(port, options.page) for _ in range(options.visitors)]
    began = time.monotonic()
    for some in range(0, len(visitors), 10):
        await asyncio.gather(*(visitor.arrive() for visitor in visitors[some : some + 10]))
    spread = Counter(visitor.replica for visitor in visitors)
    print(
        f"{len(visitors)} visitors after {time.monotonic() - began:.0f} s; by replica: {dict(sorted(spread.items()))}"
    )
    there, over = Counter(visitor.replica for visitor in visitors)["2"], asyncio.Event()
    staying = [asyncio.create_task(visitor.stay(over)) for visitor in visitors]
    await asyncio.sleep(1)
    servers[1].send_signal(signal.SIGKILL)
    servers[1].wait()
    began = time.monotonic()
    while sum(bool(visitor.moved) for visitor in visitors) < there and time.monotonic() < began + PATIENCE:
        await asyncio.sleep(0.2)
    over.set()
    await asyncio.gather(*staying)
    print(f"Killed replica 2, on which were {there}.")
    for some in range(0, len(visitors), 10):  # all are still served, and each page's pictures are where it is
        await asyncio.gather(*(visitor.look() for visitor in visitors[some : some + 10]))
    return visitors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=150)
    parser.add_argument("--page", default="map", help="that they open (%(default)s)")
    options = parser.parse_args()
    if shutil.which("nginx") is None:
        sys.exit("expected nginx on this machine: apt-get install nginx-light")
    with tempfile.TemporaryDirectory() as folder, replicas(Path(folder)) as (port, servers):
        os.chmod(folder, 0o755)  # nginx's workers may be somebody else
        visitors = asyncio.run(visit(port, servers, options))
    moved = [visitor for visitor in visitors if visitor.moved]
    rows = [
        ("connections lost", sum(len(visitor.moved) for visitor in visitors)),
        ("visitors who have moved", len(moved)),
        ("and are on replica 2 nevertheless", sum(visitor.replica == "2" for visitor in visitors)),
        ("pictures of a visitor's page, fewest", min(len(visitor.pictures) for visitor in visitors)),
        ("pictures that could not be fetched", sum(visitor.lost for visitor in visitors)),
        ("seconds until the page was there again, median", f"{median([m for v in moved for m in v.moved]):.1f}"),
        ("and at most", f"{max(m for v in moved for m in v.moved):.1f}"),
    ]
    print(table(("what", "how much"), rows))


if __name__ == "__main__":
    main()
