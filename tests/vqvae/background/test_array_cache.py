"""A cache that forgives everything."""

import time

import numpy as np
import pytest

from vqvae.background.array_cache import ArrayCache

KEY = "0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path) -> ArrayCache:
    return ArrayCache(tmp_path / "maps")


def test_a_stored_map_comes_back(cache):
    positions = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    assert cache.load(KEY, (7, 2)) is None
    assert cache.store(KEY, positions)
    assert np.array_equal(cache.load(KEY, (7, 2)), positions)
    assert cache.load(KEY, (8, 2)) is None


@pytest.mark.parametrize("keep", [0, 10, -40])
def test_a_torn_file_counts_as_none(cache, keep):
    cache.store(KEY, np.zeros((50, 2), dtype=np.float32))
    path = cache.folder / f"{KEY}.npz"
    path.write_bytes(path.read_bytes()[:keep])
    assert cache.load(KEY, (50, 2)) is None
    assert cache.store(KEY, np.ones((50, 2), dtype=np.float32))
    assert cache.load(KEY, (50, 2)).all()


def test_a_file_of_pickles_is_not_opened(cache, tmp_path):
    cache.folder.mkdir()
    np.savez(cache.folder / f"{KEY}.npz", **{KEY: np.array([[object(), object()]], dtype=object)})
    assert cache.load(KEY, (1, 2)) is None


def test_the_least_recently_used_maps_go_first(tmp_path):
    cache = ArrayCache(tmp_path, max_files=2)
    for number in range(2):
        cache.store(f"{number}" * 24, np.zeros((3, 2), dtype=np.float32))
        time.sleep(0.02)
    assert cache.load("0" * 24, (3, 2)) is not None
    time.sleep(0.02)
    cache.store("2" * 24, np.zeros((3, 2), dtype=np.float32))
    assert cache.load("1" * 24, (3, 2)) is None
    assert cache.load("0" * 24, (3, 2)) is not None


def test_the_cache_stays_below_its_size(tmp_path):
    cache = ArrayCache(tmp_path, max_bytes=2_000)
    noise = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    for number in range(4):
        cache.store(f"{number}" * 24, noise)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.npz")) <= 2_000


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache = ArrayCache(tmp_path / "file" / "maps")
    assert not cache.store(KEY, np.zeros((3, 2), dtype=np.float32))
    assert cache.load(KEY, (3, 2)) is None
    with cache.lock(KEY):
        pass
