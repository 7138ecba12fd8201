"""Networks after DeepMind's own, against the same sums written plainly."""

import pytest
import torch
from torch import nn

from tests.vqvae.foreign import plain
from vqvae.foreign import Foreign, Settings, recognise

ZALANDO, LASKIN, KUMAR = "zalandoresearch/pytorch-vq-vae", "MishaLaskin/vqvae", "ritheshkumar95/pytorch-vqvae"


def images(count: int, C: int, side: int) -> torch.Tensor:
    return torch.rand(count, C, side, side, generator=torch.Generator().manual_seed(7))


def agrees(foreign: Foreign, theirs: plain.Pass, x: torch.Tensor, scale: float) -> None:
    torch.testing.assert_close(foreign.model.latents(x), theirs.latents, atol=1e-5, rtol=1e-5)
    assert torch.equal(foreign.model.encode(x), theirs.codes)
    assert len(theirs.codes.unique()) == len(foreign.model.codebook)
    torch.testing.assert_close(foreign.model.decode(theirs.codes), theirs.drawn / scale + 0.5, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("C", "side"), [(1, 28), (3, 32)])
def test_zalandos_network_gives_the_same_codes_and_pictures(C, side):
    x = images(3, C, side)
    tensors = plain.random(plain.zalando_shapes(C))
    tensors = plain.among_latents(plain.zalando, tensors, x - 0.5, "_vq_vae._embedding.weight")
    foreign = recognise(tensors)
    agrees(foreign, plain.zalando(tensors, x - 0.5), x, scale=1)
    assert foreign.origin.family == ZALANDO
    assert foreign.assumed == (f"images of {side} x {side} pixels", "pixels from -0.5 to 0.5")


def test_laskins_network_is_the_same_one_on_pixels_from_minus_one_to_one():
    x = images(3, 3, 32)
    tensors = plain.random(plain.zalando_shapes())
    tensors = plain.among_latents(plain.zalando, tensors, 2 * x - 1, "_vq_vae._embedding.weight")
    foreign = recognise(plain.laskin_names(tensors))
    agrees(foreign, plain.zalando(tensors, 2 * x - 1), x, scale=2)
    assert foreign.origin.family == LASKIN
    assert foreign.assumed == ("images of 32 x 32 pixels", "pixels from -1 to 1")


def test_kumars_network_with_its_batch_norm_folded_gives_the_same_codes_and_pictures():
    x = images(3, 3, 32)
    tensors = plain.among_latents(plain.kumar, plain.kumar_random(), 2 * x - 1, "codebook.embedding.weight")
    foreign = recognise(tensors)
    agrees(foreign, plain.kumar(tensors, 2 * x - 1), x, scale=2)
    assert foreign.origin.family == KUMAR
    assert not [layer for layer in foreign.model.modules() if isinstance(layer, nn.BatchNorm2d)]


def test_a_residual_layer_that_stands_twice_in_its_list_acts_twice():
    x = images(2, 3, 32)
    once = plain.random(plain.zalando_shapes(layers=1))
    twice = once | {name.replace("layers.0", "layers.1"): tensor for name, tensor in once.items()}
    twice = plain.among_latents(plain.zalando, twice, x - 0.5, "_vq_vae._embedding.weight")
    agrees(recognise(twice), plain.zalando(twice, x - 0.5), x, scale=1)
    assert not torch.equal(recognise(once).model.latents(x), recognise(twice).model.latents(x))


def test_buffers_of_training_by_moving_averages_are_left_out():
    tensors = plain.random(plain.zalando_shapes())
    ema = {"_vq_vae._ema_cluster_size": torch.zeros(11), "_vq_vae._ema_w": torch.zeros(11, 5)}
    foreign = recognise(tensors | ema)
    assert foreign.origin.tensors.keys() == tensors.keys()


def test_settings_are_taken_and_not_said_to_be_assumed():
    tensors = plain.random(plain.zalando_shapes())
    foreign = recognise(tensors, Settings(height=16, width=24, scale=2.0, normalise=True))
    assert foreign.assumed == ()
    assert (foreign.model.config.image_shape, foreign.model.config.grid) == ((3, 16, 24), (4, 6))
    x = torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(foreign.model.latents(x).norm(dim=1), torch.ones(2, 4, 6))
    torch.testing.assert_close(foreign.model.codebook.norm(dim=1), torch.ones(11))


def test_one_side_alone_stands_for_both():
    assert recognise(plain.random(plain.zalando_shapes()), Settings(height=16)).model.image_shape == (3, 16, 16)


def test_names_that_a_wrapper_lengthened_are_known():
    tensors = plain.random(plain.zalando_shapes())
    wrapped = {f"module.{name}": tensor for name, tensor in tensors.items()}
    assert recognise(wrapped).origin.family == ZALANDO


def test_an_encoder_has_a_gradient_to_its_pixels():
    model = recognise(plain.kumar_random()).model
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    model.encoder(x - model.config.offset)[0, :, 4, 4].sum().backward()
    assert x.grad[0, 0, 16, 16] != 0
    assert x.grad[0, 0, 0, 0] == 0  # beyond what the cell sees
