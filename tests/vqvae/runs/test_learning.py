"""The recording of learning in the plane is what a Training of the same recipe does, look by look."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vqvae import data
from vqvae.evaluation import evaluate
from vqvae.receptive_field import background_cells, receptive_field
from vqvae.runs import learning
from vqvae.runs.learning import RECIPES, SHIPPED, load, look, moments, record, save
from vqvae.training import Training


@pytest.fixture
def quick(digits):
    """Recipes of a few steps, and what was recorded of them."""
    recipes = {name: replace(recipe, batch_size=10, epochs=1) for name, recipe in RECIPES.items()}
    return recipes, record(digits, digits, recipes)


@pytest.mark.parametrize("name", RECIPES)
def test_every_look_is_at_a_training_of_that_recipe(quick, digits, name):
    recipes, recorded = quick
    training = Training(digits, recipes[name])
    for step, seen in zip(recorded.steps, recorded.looks[name], strict=True):
        while training.step_count < step:
            training.step()
        model = training.model
        assert torch.equal(torch.from_numpy(seen.codebook), model.vq_layer.codebook)
        codes = model.encode(digits.images).flatten()
        assert np.array_equal(seen.counts, torch.bincount(codes, minlength=len(seen.counts)).numpy())
        blank = background_cells(digits.pixels, receptive_field(model), model.config.grid).flatten()
        assert np.array_equal(seen.ink_counts, torch.bincount(codes[~blank], minlength=len(seen.counts)).numpy())
        vectors = model.latents(digits.images).permute(0, 2, 3, 1).flatten(0, 2)
        used = int(codes[0])
        assert seen.means[used] == pytest.approx(vectors[codes == used].mean(0).numpy(), abs=1e-5)
        dead = seen.counts == 0
        assert np.array_equal(seen.means[dead], seen.codebook[dead])
        assert seen.nmse == pytest.approx(evaluate(model, digits, training.variance).nmse, rel=1e-4)
    assert training.finished


def test_all_recipes_begin_alike(quick):
    _, recorded = quick
    first, *others = (looks[0] for looks in recorded.looks.values())
    for other in others:
        assert np.array_equal(other.latents, first.latents)
        assert np.array_equal(other.codebook, first.codebook)


def test_moments_are_closer_together_at_the_start_and_reach_the_end():
    steps = moments(1_407)
    assert (steps[0], steps[-1]) == (0, 1_407)
    gaps = np.diff(steps)
    assert gaps.min() > 0
    assert gaps[:10].mean() < gaps[-10:].mean() / 5


def test_a_recording_comes_back_from_its_file(quick, tmp_path):
    _, recorded = quick
    save(recorded, tmp_path / "learning")
    found = load(tmp_path / "learning")
    assert replace(found, looks={}) == replace(recorded, looks={})
    for name, looks in recorded.looks.items():
        for kept, seen in zip(found.looks[name], looks, strict=True):
            assert np.array_equal(kept.counts, seen.counts)
            assert np.array_equal(kept.ink_counts, seen.ink_counts)
            assert kept.latents == pytest.approx(seen.latents, abs=2e-3, rel=1e-3)  # half precision


def test_a_damaged_file_is_one_sentence_and_none_is_none(tmp_path):
    assert load(tmp_path / "nothing") is None
    (tmp_path / "damaged").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"damaged is damaged .* python -m vqvae learning"):
        load(tmp_path / "damaged")


def test_the_shipped_recording_is_small_and_begins_where_its_recipes_do():
    assert SHIPPED.stat().st_size < 1_000_000
    shipped = load()
    assert shipped.recipes == RECIPES
    assert shipped.trained_on == "60,000 training digits of MNIST"
    digits = data.load(data.EMBEDDED, "all")
    assert shipped.looked_at == digits.evenly(learning.LOOKED_AT).described
    for name, recipe in RECIPES.items():
        fresh = look(Training(digits, recipe), digits.evenly(learning.LOOKED_AT))
        first = shipped.looks[name][0]
        assert first.latents == pytest.approx(fresh.latents, abs=2e-3, rel=1e-3)
        assert first.codebook == pytest.approx(fresh.codebook, abs=2e-3, rel=1e-3)
        assert np.abs(first.counts - fresh.counts).sum() <= 4  # ties may fall otherwise on another machine


def test_in_the_shipped_recording_replacement_brings_codes_to_life_that_the_others_leave_dead():
    used = {name: [int((look.counts > 0).sum()) for look in looks] for name, looks in load().looks.items()}
    revived = [n for n, count in enumerate(used["ema-revival"]) if count > 2 * max(used["gradient"][n], used["ema"][n])]
    assert len(revived) > 3
    assert used["ema"][-1] < used["ema-revival"][-1] == RECIPES["ema-revival"].num_embeddings
