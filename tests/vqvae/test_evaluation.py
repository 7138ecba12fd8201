import math

import pytest
import torch

from vqvae import checkpoint, data
from vqvae.data import Digits
from vqvae.evaluation import evaluate, perplexity, psnr, reconstructions
from vqvae.model import ModelConfig
from vqvae.paths import ASSETS


@pytest.fixture
def many(digits) -> Digits:
    """More images than go through a model at once."""
    return digits.take(torch.arange(600) % len(digits))


def test_figures_are_means_over_the_whole_data_set(make_model, many):
    model = make_model()
    assert len(many) > model.config.images_at_once
    figures = evaluate(model, many, variance=0.2)
    difference = (model.reconstruct(many.images) - many.images).double()
    mse = float(difference.square().mean())
    assert figures.mse == pytest.approx(mse)
    assert figures.nmse == pytest.approx(mse / 0.2)
    assert figures.psnr == pytest.approx(10 * math.log10(1 / mse))
    assert (figures.dataset, figures.split, figures.images) == ("digits", "all", 600)


def test_usage_is_counted_over_the_whole_data_set(make_model, many):
    model = make_model()
    figures = evaluate(model, many, variance=0.2)
    counts = torch.bincount(model.encode(many.images).flatten(), minlength=model.config.num_embeddings)
    share = counts[counts > 0] / counts.sum()
    assert figures.codes_used == len(share)
    assert figures.perplexity == pytest.approx(float((-share * share.log()).sum().exp()), rel=1e-5)


def test_perplexity_over_ink_cells_leaves_out_those_whose_patch_is_blank(make_model, many):
    model = make_model()
    with torch.no_grad():  # codes out of encodings, so that several are in use
        model.vq_layer.embeddings.weight.copy_(model.latents(many.images)[:12, :, 3, 3])
    figures = evaluate(model, many, variance=0.2)
    codes, on_ink = model.encode(many.images), []
    for n, row, column in torch.cartesian_prod(*map(torch.arange, codes.shape)).tolist():
        # two convolutions of kernel 3 and stride 2, each padded by 1: a cell sees 7 x 7 pixels from 4 r - 3 on
        top, left = max(0, 4 * row - 3), max(0, 4 * column - 3)
        if many.pixels[n, :, top : 4 * row + 4, left : 4 * column + 4].any():
            on_ink.append(int(codes[n, row, column]))
    assert 0 < len(on_ink) < codes.numel()
    assert figures.ink_perplexity == pytest.approx(perplexity(torch.bincount(torch.tensor(on_ink), minlength=12)))
    assert figures.ink_perplexity != pytest.approx(figures.perplexity)


def test_without_ink_the_perplexity_over_ink_cells_is_one(make_model):
    blank = Digits(torch.zeros(2, 1, 28, 28, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "digits", "all")
    assert evaluate(make_model(), blank, variance=0.2).ink_perplexity == 1


def test_a_model_of_three_channels_and_one_code_can_be_measured(make_model, rng):
    model = make_model(ModelConfig(channels=3, height=8, width=12, num_embeddings=1))
    pixels = torch.randint(256, (5, 3, 8, 12), generator=rng, dtype=torch.uint8)
    figures = evaluate(model, Digits(pixels, torch.zeros(5, dtype=torch.int64), "digits", "all"), variance=0.1)
    assert figures.perplexity == figures.codes_used == 1


def test_even_use_of_all_codes_has_their_number_as_perplexity():
    assert perplexity(torch.full((128,), 7)) == pytest.approx(128)


def test_use_of_one_code_has_perplexity_one():
    assert perplexity(torch.tensor([0, 9, 0])) == perplexity(torch.tensor([0, 0])) == 1


def test_perplexity_is_that_of_the_sums_and_not_the_mean_over_batches():
    batches = torch.tensor([[8, 0], [0, 8]])
    assert perplexity(batches.sum(0)) == pytest.approx(2)
    assert sum(map(perplexity, batches)) / 2 == 1


def test_psnr_is_in_decibels_below_a_peak_of_one():
    assert psnr(0.01) == pytest.approx(20)
    assert psnr(0) == math.inf


def test_no_images_are_refused(make_model, digits):
    with pytest.raises(ValueError, match="expected at least one image to evaluate on, got none"):
        evaluate(make_model(), digits.take(slice(0)), variance=0.1)


def test_images_of_another_size_are_refused(make_model, digits):
    with pytest.raises(ValueError, match=r"expected images of shape \(B, 1, 32, 32\), got \(60, 1, 28, 28\)"):
        evaluate(make_model(ModelConfig(height=32, width=32)), digits, variance=0.1)


# The shipped files


@pytest.mark.parametrize("name", checkpoint.SHIPPED)
def test_a_shipped_model_evaluates_to_its_stored_figures(name, full_test_set):
    shipped = checkpoint.load(checkpoint.SHIPPED[name])
    (stored,) = shipped.measured
    measured = evaluate(shipped.model, full_test_set, shipped.variance)
    assert measured[:3] == stored[:3]  # the same images
    assert measured[3:] == pytest.approx(stored[3:], rel=1e-3)


@pytest.mark.parametrize(
    ("name", "nmse", "codes"), [("default", 0.031, 128), ("tutorial", 0.045, 1), ("plane", 0.06, 32)]
)
def test_a_shipped_model_is_as_good_as_promised(name, nmse, codes):
    (stored,) = checkpoint.load(checkpoint.SHIPPED[name]).measured
    assert (stored.dataset, stored.split, stored.images) == ("mnist", "test", 10_000)
    assert stored.nmse <= nmse
    assert stored.codes_used >= codes


def test_the_colour_model_that_ships_evaluates_to_its_stored_figures():
    shipped = checkpoint.load(ASSETS / "photos.safetensors")
    (stored,) = shipped.measured
    measured = evaluate(shipped.model, data.load("photos", "test"), shipped.variance)
    assert measured[:3] == stored[:3] == ("photos", "test", 500)
    assert measured[3:] == pytest.approx(stored[3:], rel=1e-3)
    assert stored.nmse < 0.09


def test_reconstructions_are_measured_one_by_one(make_model, digits):
    model = make_model()
    codes = model.encode(digits.images)
    made = reconstructions(model, digits, codes, variance=0.1)
    decoded = model.decode(codes)
    for index in (0, 31, 59):
        error = float((decoded[index] - digits.images[index]).square().mean()) / 0.1
        assert float(made.nmse[index]) == pytest.approx(error, rel=1e-4)
        shown = (decoded[index].clamp(0, 1) * 255).round()
        assert torch.equal(made.pixels[index].float(), shown)


def test_codes_of_other_images_are_refused(make_model, digits):
    model = make_model()
    with pytest.raises(ValueError, match="codes of 60 images"):
        reconstructions(model, digits, model.encode(digits.images[:3]), variance=0.1)
