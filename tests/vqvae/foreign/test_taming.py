"""VQGAN's networks, against the same sums written plainly, and against diffusers' own."""

from dataclasses import replace

import pytest
import torch

from tests.vqvae.foreign import plain
from tests.vqvae.foreign.test_deepmind_style import agrees, images
from vqvae.foreign import Settings, recognise
from vqvae.foreign.taming import COMPVIS, DIFFUSERS, LLAMAGEN

CODEBOOK = "quantize.embedding.weight"
SMALL = Settings(height=16, width=24)


def tensors_of(sizes: plain.Vqgan = plain.Vqgan(), seed: int = 0) -> plain.Tensors:  # noqa: B008, a constant
    return plain.random(sizes.shapes(), seed)


def pictures(C: int = 3) -> torch.Tensor:
    return images(2, C, 24)[:, :, :16]


def as_diffusers_saved_before(tensors: plain.Tensors) -> plain.Tensors:
    """With the names that attention had until 2023."""
    now, before = ("to_q", "to_k", "to_v", "to_out.0"), ("query", "key", "value", "proj_attn")
    names = {name: name for name in tensors}
    for new, old in zip(now, before, strict=True):
        names = {name: called.replace(f".{new}.", f".{old}.") for name, called in names.items()}
    return {called: tensors[name] for name, called in names.items()}


@pytest.mark.parametrize(
    "sizes",
    [
        plain.Vqgan(),
        plain.Vqgan(C=1, widths=(32, 32, 64), blocks=2, attended=()),
        plain.Vqgan(widths=(64, 32), attended=(0, 1)),
    ],
    ids=["attention below", "three levels, none", "attention everywhere"],
)
def test_compviss_network_gives_the_same_codes_and_pictures(sizes):
    x = pictures(sizes.C)
    tensors = plain.among_latents(plain.vqgan, tensors_of(sizes), 2 * x - 1, CODEBOOK)
    foreign = recognise(tensors, SMALL)
    agrees(foreign, plain.vqgan(tensors, 2 * x - 1), x, scale=2)
    assert foreign.origin.family == COMPVIS.family
    assert foreign.assumed == ("pixels from -1 to 1",)


def test_llamagens_network_brings_latents_and_codes_to_length_one():
    x = pictures()
    tensors = plain.among_latents(plain.vqgan, tensors_of(), 2 * x - 1, CODEBOOK)
    theirs = plain.llamagen_names(tensors) | {"quantize.codebook_used": torch.zeros(65_536)}
    foreign = recognise(theirs, SMALL)
    agrees(foreign, plain.vqgan(tensors, 2 * x - 1, unit_length=True), x, scale=2)
    assert foreign.origin.family == LLAMAGEN.family
    assert foreign.assumed == ("pixels from -1 to 1", "latents and codes of length 1")
    assert "quantize.codebook_used" not in foreign.origin.tensors


def test_llamagens_network_without_that_is_compviss():
    x = pictures()
    tensors = plain.among_latents(plain.vqgan, tensors_of(), 2 * x - 1, CODEBOOK)
    foreign = recognise(plain.llamagen_names(tensors), replace(SMALL, normalise=False))
    agrees(foreign, plain.vqgan(tensors, 2 * x - 1), x, scale=2)


@pytest.mark.parametrize("rename", [dict, as_diffusers_saved_before])
def test_diffusers_own_model_gives_the_same_codes_and_pictures(rename):
    diffusers = pytest.importorskip("diffusers")
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        theirs = diffusers.VQModel(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
            up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
            layers_per_block=2,
            latent_channels=4,
            num_vq_embeddings=12,
            vq_embed_dim=3,
        ).eval()
        x = pictures()
        latents = theirs.encode(2 * x - 1).latents
        theirs.quantize.embedding.weight.copy_(latents.transpose(0, 1).flatten(1).t()[::16][:12])
        _, _, (_, _, codes) = theirs.quantize(latents)
        drawn = theirs.decode(latents).sample
    foreign = recognise(rename(theirs.state_dict()), SMALL)
    agrees(foreign, plain.Pass(latents, codes.view(2, 8, 12), drawn), x, scale=2)
    assert foreign.origin.family == DIFFUSERS.family
    assert foreign.assumed == ("pixels from -1 to 1", "normalisation in 32 groups")


def test_what_only_training_needed_is_left_out():
    tensors = tensors_of()
    more = {"loss.discriminator.main.0.weight": torch.zeros(3), "quantize.embedding.cluster_size": torch.zeros(12)}
    assert recognise(tensors | more).origin.tensors.keys() == tensors.keys()


def test_images_are_taken_to_have_the_published_size():
    foreign = recognise(tensors_of(plain.Vqgan(widths=(32, 32, 32, 32), attended=(3,))))
    assert foreign.model.config.image_shape == (3, 256, 256)
    assert foreign.model.config.grid == (32, 32)
    assert foreign.assumed[0] == "images of 256 x 256 pixels"


def test_images_are_taken_to_be_smaller_where_attention_would_be_too_wide():
    tensors = tensors_of(plain.Vqgan(attended=(0, 1)))
    assert recognise(tensors).model.image_shape == (3, 64, 64)
    with pytest.raises(ValueError, match="attention at 128 x 128 pixels compares 16384 places with each other"):
        recognise(tensors, Settings(height=128))


def test_few_large_pictures_pass_at_once_where_maps_are_wide():
    narrow = recognise(tensors_of(plain.Vqgan(attended=())), Settings(height=128)).model.config
    wide = recognise(tensors_of(plain.Vqgan(widths=(128, 64), attended=())), Settings(height=128)).model.config
    assert (narrow.features, wide.features) == (64, 128)
    assert wide.images_at_once == 2**25 // (128 * 128 * 128)
    assert wide.images_at_once < narrow.images_at_once


def test_an_encoder_with_attention_has_a_gradient_to_every_pixel():
    model = recognise(tensors_of(), SMALL).model
    x = torch.rand(1, 3, 16, 24, requires_grad=True)
    model.encoder(x - 0.5)[0, :, 0, 0].sum().backward()
    assert (x.grad != 0).all()


# What is refused


def refused(tensors: plain.Tensors, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        recognise(tensors, SMALL)
    assert len(str(caught.value)) < 300


def test_each_missing_tensor_is_named():
    tensors = plain.llamagen_names(tensors_of())
    for name in tensors:
        refused({other: tensor for other, tensor in tensors.items() if other != name}, f"{name} is missing")


def test_levels_that_do_not_come_back_to_the_images_size_are_refused():
    tensors = tensors_of()
    for part in ("weight", "bias"):
        del tensors[f"decoder.up.1.upsample.conv.{part}"]
    refused(tensors, "expected as many levels that double the size as halve it")


def test_channels_that_do_not_come_in_groups_are_refused():
    refused(
        tensors_of(plain.Vqgan(widths=(48, 64))),
        "expected channels in 32 groups at encoder.down.0.block.0.norm1, got 48",
    )


def test_an_autoencoder_without_codes_is_refused():
    tensors = tensors_of()
    del tensors[CODEBOOK]
    refused(tensors, "quantize.embedding.weight is missing")
