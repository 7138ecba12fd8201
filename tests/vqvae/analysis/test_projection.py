"""Maps: what they lay out, and that a seed fixes them."""

import threading
import time

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs
from sklearn.manifold import trustworthiness

from vqvae.__main__ import main
from vqvae.analysis import projection, shipped
from vqvae.analysis.encoding import encode
from vqvae.analysis.projection import MapJobs, MapSettings, content_key
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


def test_a_map_tells_how_far_it_is_and_can_be_stopped(blobs):
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


@pytest.fixture
def at_once(monkeypatch) -> None:
    """t-SNE has tests of its own: for those of jobs, the first two dimensions are a map."""

    def lay_out(vectors, _neighbourhood, _seed, watch):
        if not watch(1.0, vectors[:, :2]):
            raise CancelledError
        return vectors[:, :2]

    monkeypatch.setattr(projection, "tsne", lay_out)


@pytest.mark.usefixtures("at_once")
def test_two_who_ask_for_the_same_map_compute_it_once(cache, blobs):
    jobs, calls = MapJobs(cache), []

    def slowly():
        calls.append(threading.get_ident())
        time.sleep(0.2)
        return blobs[0]

    first = jobs.start(KEY, slowly, MapSettings(), "ann")
    second = jobs.start(KEY, slowly, MapSettings(), "bob")
    assert first is second
    first.join(60)
    assert len(calls) == 1
    assert first.result.shape == (120, 2)
    assert np.array_equal(jobs.find(KEY, 120), first.result)


@pytest.mark.usefixtures("at_once")
def test_another_process_waits_and_takes_over_what_was_computed(cache, blobs):
    """Two sets of jobs on one folder, as two processes have them: the lock is the same."""
    here = MapJobs(cache).start(KEY, lambda: blobs[0], MapSettings(), "ann")
    there = MapJobs(cache).start(KEY, lambda: blobs[0], MapSettings(), "bob")
    here.join(60)
    there.join(60)
    assert np.array_equal(here.result, there.result)
    assert 0.0 in (here.progress, there.progress)  # one of them never ran t-SNE


def test_shipped_maps_are_found_by_content_and_damaged_files_are_passed_over(tmp_path):
    (tmp_path / "a.maps.npz").write_bytes(b"torn")
    np.savez(tmp_path / "b.maps.npz", **{KEY: np.ones((4, 2), dtype=np.float32)})
    assert shipped.find("maps", KEY, (4, 2), tmp_path).shape == (4, 2)
    assert shipped.find("maps", "f" * 24, (4, 2), tmp_path) is None


def test_the_command_names_the_shipped_models_where_it_is_asked_for_others(capsys):
    assert main(["map", "unheard-of"]) == 1
    assert "expected shipped checkpoints out of default, tutorial" in capsys.readouterr().err
