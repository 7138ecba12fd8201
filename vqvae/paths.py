"""Where things are kept on this machine: what ships, full data sets, caches, visitors' runs."""

import os
from pathlib import Path

import platformdirs

APP_NAME = "vqvae-explorer"

ASSETS = Path(__file__).parent / "assets"


def data_folder() -> Path:
    """Where full data sets are: `VQVAE_DATA`, else the user's cache folder."""
    named = os.environ.get("VQVAE_DATA")
    return Path(named) if named else Path(platformdirs.user_cache_dir(APP_NAME)) / "data"


def cache_folder(name: str) -> Path:
    """A folder of that name in the user's cache; it need not be there."""
    return Path(platformdirs.user_cache_dir(APP_NAME)) / name


def runs_folder() -> Path:
    """Where runs and visitors' checkpoints are: `VQVAE_RUNS`, else the user's data folder."""
    named = os.environ.get("VQVAE_RUNS")
    return Path(named).absolute() if named else Path(platformdirs.user_data_dir(APP_NAME)) / "runs"
