"""Maps: what they lay out, that a seed fixes them, and a cache that forgives everything."""

import threading
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.manifold import trustworthiness

from vqvae.__main__ import main
from vqvae.analysis import projection
from vqvae.analysis.encoding import encode
from vqvae.analysis.neighbours import Neighbours, between, nearest_digits
from vqvae.analysis.projection import MapRuns, MapSettings, content_key
from vqvae.background.array_cache import ArrayCache
from vqvae.background.jobs import CancelledError
from vqvae.data import to_unit

KEY = "0123456789abcdef01234567"


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture(scope="module")
def blobs() -> tuple[np.ndarray, np.ndarray]:
    points, labels = make_blobs(120, 20, centers=4, cluster_std=0.5, random_state=0)
    return points.astype(np.float32), labels


@pytest.fixture
def cache(tmp_path) -> ArrayCache:
    return ArrayCache(tmp_path / "maps")


def vectors(model, digits, space, points=40):
    settings = MapSettings(space, points=points)
    chosen = projection.points_of(settings, len(digits), model.config.cells, model.config.num_embeddings)
    return chosen, projection.vectors_of(model, digits, encode(model, digits), space, chosen)


def test_codes_lie_at_the_vectors_of_the_codebook(model, digits):
    _, laid = vectors(model, digits, "codes")
    assert np.array_equal(laid, model.vq_layer.codebook.numpy())


def test_digits_lie_at_their_quantised_latents(model, digits):
    chosen, laid = vectors(model, digits, "quantised")
    codes = model.encode(digits.images)[chosen.indices]
    assert np.array_equal(laid, model.vq_layer.lookup(codes).flatten(1).numpy())


def test_digits_lie_at_their_latents(model, digits):
    chosen, laid = vectors(model, digits, "continuous")
    expected = model.latents(to_unit(digits.pixels[chosen.indices])).flatten(1).numpy()
    assert np.allclose(laid, expected, atol=1e-5)


def test_a_histogram_counts_each_digits_codes(model, digits):
    chosen, laid = vectors(model, digits, "histogram")
    codes = model.encode(digits.images)[chosen.indices]
    for row, grid in zip(laid, codes, strict=True):
        counts = torch.bincount(grid.flatten(), minlength=model.config.num_embeddings)
        assert np.allclose(row**2 * model.config.cells, counts.numpy(), atol=1e-4)


def test_a_cell_lies_at_its_own_latent(model, digits):
    chosen, laid = vectors(model, digits, "cells")
    latents = model.latents(digits.images)
    columns = model.config.grid[1]
    for row, image, cell in zip(laid, chosen.indices, chosen.cells, strict=True):
        assert np.allclose(row, latents[image, :, cell // columns, cell % columns].numpy(), atol=1e-5)


def test_a_smaller_map_shows_digits_of_the_larger_one():
    small, large = (
        set(projection.points_of(MapSettings(points=count), 500, 49, 128).indices.tolist()) for count in (50, 200)
    )
    assert len(small) == 50
    assert small < large


@pytest.mark.parametrize(
    "wrong", [{"space": "pixels"}, {"method": "umap"}, {"points": 0}, {"neighbourhood": 1}, {"seed": -1}]
)
def test_settings_say_what_they_expect(wrong):
    with pytest.raises(ValueError, match="expected"):
        MapSettings(**wrong)


def test_tsne_keeps_neighbours(blobs):
    points, labels = blobs
    positions = projection.tsne(points, 15, 0)
    assert positions.shape == (120, 2)
    assert positions.dtype == np.float32
    assert trustworthiness(points, positions, n_neighbors=12) > 0.9
    nearest = np.square(positions[:, None] - positions[None]).sum(-1) + np.diag(np.full(120, np.inf))
    assert (labels[nearest.argmin(1)] == labels).all()


def test_a_seed_fixes_the_map_and_another_shakes_it(blobs):
    first, second, other = (projection.tsne(blobs[0], 15, seed) for seed in (3, 3, 4))
    assert np.array_equal(first, second)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_handful_of_points_is_laid_out_too(count):
    points = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    positions = projection.tsne(points, 30, 0)
    assert positions.shape == (count, 2)
    assert np.isfinite(positions).all()


def test_points_that_do_not_differ_are_laid_out_too():
    assert np.isfinite(projection.tsne(np.ones((30, 4), dtype=np.float32), 5, 0)).all()


def test_a_run_tells_how_far_it_is_and_can_be_stopped(blobs):
    heard = []

    def watch(progress, sketch):
        heard.append(progress)
        assert sketch.shape == (120, 2)
        return progress < 0.3

    with pytest.raises(CancelledError):
        projection.tsne(blobs[0], 15, 0, watch)
    assert heard == sorted(heard)
    assert 0.3 <= heard[-1] < 0.4


def test_a_key_changes_with_the_model_the_pixels_and_the_settings(digits):
    keys = {
        content_key("aaaa", digits, MapSettings()),
        content_key("bbbb", digits, MapSettings()),
        content_key("aaaa", digits.take(torch.arange(59)), MapSettings()),
        content_key("aaaa", digits, MapSettings(seed=1)),
    }
    assert len(keys) == 4
    assert content_key("aaaa", digits, MapSettings()) in keys


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


@pytest.fixture
def at_once(monkeypatch) -> None:
    """t-SNE has tests of its own: for those of runs, the first two dimensions are a map."""

    def lay_out(vectors, _neighbourhood, _seed, watch):
        if not watch(1.0, vectors[:, :2]):
            raise CancelledError
        return vectors[:, :2]

    monkeypatch.setattr(projection, "tsne", lay_out)


@pytest.mark.usefixtures("at_once")
def test_two_who_ask_for_the_same_map_compute_it_once(cache, blobs):
    runs, calls = MapRuns(cache), []

    def slowly():
        calls.append(threading.get_ident())
        time.sleep(0.2)
        return blobs[0]

    first = runs.start(KEY, slowly, MapSettings(), "ann")
    second = runs.start(KEY, slowly, MapSettings(), "bob")
    assert first is second
    first.join(60)
    assert len(calls) == 1
    assert first.result.shape == (120, 2)
    assert np.array_equal(runs.find(KEY, 120), first.result)


@pytest.mark.usefixtures("at_once")
def test_another_process_waits_and_takes_over_what_was_computed(cache, blobs):
    """Two sets of runs on one folder, as two processes have them: the lock is the same."""
    here = MapRuns(cache).start(KEY, lambda: blobs[0], MapSettings(), "ann")
    there = MapRuns(cache).start(KEY, lambda: blobs[0], MapSettings(), "bob")
    here.join(60)
    there.join(60)
    assert np.array_equal(here.result, there.result)
    assert 0.0 in (here.progress, there.progress)  # one of them never ran t-SNE


@pytest.mark.usefixtures("at_once")
def test_a_run_goes_on_until_the_last_visitor_leaves(cache, blobs):
    runs, gate = MapRuns(cache), threading.Event()

    def later():
        gate.wait(30)
        return blobs[0]

    run = runs.start(KEY, later, MapSettings(), "ann")
    runs.start(KEY, later, MapSettings(), "bob")
    run.leave("ann")
    assert not run.cancelled
    run.leave("bob")
    assert run.cancelled
    gate.set()
    run.join(60)
    assert run.result is None
    assert run.error is None
    again = runs.start(KEY, later, MapSettings(), "cy")
    assert again is not run
    again.join(60)
    assert again.result is not None


def test_what_goes_wrong_in_a_run_is_said_in_it(cache):
    run = MapRuns(cache).start(KEY, lambda: 1 / 0, MapSettings(), "ann")
    run.join(60)
    assert "ZeroDivisionError" in run.error


def test_who_waited_for_a_failed_run_hears_of_it_before_it_is_tried_again(cache):
    runs = MapRuns(cache)
    failed = runs.start(KEY, lambda: 1 / 0, MapSettings(), "ann")
    failed.join(60)
    assert runs.start(KEY, lambda: 1 / 0, MapSettings(), "ann") is failed
    failed.leave("ann")
    assert runs.start(KEY, lambda: 1 / 0, MapSettings(), "ann") is not failed


def test_shipped_maps_are_found_by_content_and_damaged_files_are_passed_over(tmp_path):
    (tmp_path / "a.maps.npz").write_bytes(b"torn")
    np.savez(tmp_path / "b.maps.npz", **{KEY: np.ones((4, 2), dtype=np.float32)})
    assert projection.shipped(KEY, 4, tmp_path).shape == (4, 2)
    assert projection.shipped("f" * 24, 4, tmp_path) is None


def test_nearest_digits_are_those_of_the_quantised_latents(model, digits):
    codes = model.encode(digits.images)
    latents = model.vq_layer.lookup(codes).flatten(1)
    distances = (latents - latents[17]).square().sum(1)
    found = nearest_digits(model, codes[17], codes, 10)
    assert float(found.distances[0]) == pytest.approx(0, abs=1e-6)
    assert np.allclose(found.distances, distances.sort().values[:10], rtol=1e-3, atol=1e-4)


def test_a_drawing_lies_near_the_neighbours_that_are_nearest():
    positions = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    neighbours = Neighbours(torch.arange(3), torch.tensor([1.0, 4.0, 4.0]).double())
    assert np.allclose(between(positions, neighbours), [10 / 6, 10 / 6], atol=1e-4)
    same = Neighbours(torch.arange(3), torch.tensor([0.0, 4.0, 4.0]).double())
    assert np.allclose(between(positions, same), [0, 0], atol=1e-3)


def test_the_command_names_the_shipped_models_where_it_is_asked_for_others(capsys):
    assert main(["map", "unheard-of"]) == 1
    assert "expected shipped checkpoints out of default, tutorial" in capsys.readouterr().err
