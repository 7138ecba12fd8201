"""What deploy/ says in several files is the same in all; that it works is for tests/benchmarks/replicas.py to show."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
NGINX, COMPOSE, DOCKERFILE = (
    (ROOT / "deploy" / name).read_text() for name in ("nginx.conf", "compose.yaml", "Dockerfile")
)


def test_nginx_knows_each_replica_that_compose_starts():
    started = re.findall(r"ipv4_address: ([\d.]+)", COMPOSE)
    port = re.search(r"--server\.port=(\d+)", DOCKERFILE)[1]
    addresses = {f"{address}:{port}" for address in started}
    assert len(addresses) == len(started) == COMPOSE.count("<<: *replica")
    for block in (r"server ([\d.:]+)", r"~([\d\\.:]+)\$"):  # upstreams, and the map of who has answered
        assert {found.replace("\\", "") for found in re.findall(block, NGINX)} == addresses


def test_an_upload_that_the_app_allows_passes_nginx():
    allowed = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["server"]["maxUploadSize"]
    (passed,) = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert allowed < int(passed) < allowed + 10
