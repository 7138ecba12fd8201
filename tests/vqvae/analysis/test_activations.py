"""One image's way through the model, against the model itself; and Home's picture of it."""

import pytest
import torch

from pages.ui.home.stations import stations_of
from vqvae.analysis.activations import activations
from vqvae.analysis.tiles import tiles
from vqvae.model import VQVAE, ModelConfig, losses

CONFIGS = [ModelConfig(), ModelConfig(3, 32, 48, 37, 5), ModelConfig(num_embeddings=1)]


def model_of(config: ModelConfig) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(config).requires_grad_(False).eval()


@pytest.mark.parametrize("config", CONFIGS)
def test_a_trace_ends_where_the_model_ends(config, rng):
    model = model_of(config)
    image = torch.rand(config.image_shape, generator=rng)
    way = activations(model, image, variance=0.1)
    torch.testing.assert_close(way.reconstruction, model.reconstruct(image.unsqueeze(0))[0])
    assert torch.equal(way.codes, model.encode(image.unsqueeze(0))[0])
    torch.testing.assert_close(way.latents, model.latents(image.unsqueeze(0))[0])
    torch.testing.assert_close(way.vectors, model.vq_layer.lookup(way.codes.unsqueeze(0))[0])


def test_a_trace_has_the_feature_maps_of_every_layer_after_its_relu(rng):
    model = model_of(ModelConfig())
    way = activations(model, torch.rand(1, 28, 28, generator=rng), variance=0.1)
    assert [tuple(maps.shape) for maps in way.encoder] == [(32, 14, 14), (64, 7, 7), (16, 7, 7)]
    assert [tuple(maps.shape) for maps in way.decoder] == [(64, 14, 14), (32, 28, 28)]
    assert all((maps >= 0).all() for maps in (*way.encoder[:-1], *way.decoder))
    torch.testing.assert_close(way.encoder[0], model.encoder.convs[:2](way.image.unsqueeze(0) - 0.5)[0])


def test_a_traces_losses_are_the_models_on_this_image(rng):
    model = model_of(ModelConfig())
    image = torch.rand(1, 28, 28, generator=rng)
    x = image.unsqueeze(0) - 0.5
    assert activations(model, image, variance=0.1).losses == losses(model(x), x, variance=0.1)


@pytest.mark.parametrize("config", CONFIGS)
def test_homes_picture_names_every_code_of_the_grid(config, rng):
    model = model_of(config)
    way = activations(model, torch.rand(config.image_shape, generator=rng), variance=0.1)
    html = stations_of(way, tiles(model), config, nmse=0.5, rows_of_codes=8)
    numbers = "".join(f"<span>{code}</span>" for code in way.codes.flatten().tolist())
    assert numbers in html
    assert f"{config.cells} codes × {config.bits_per_code} bits" in html
