"""What is recognised and what is refused, in words."""

import pytest
import torch

from tests.vqvae.foreign import plain
from vqvae.foreign import NOTHING_SET, Settings, recognise

STACK = "_encoder._residual_stack._layers"


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return plain.random(plain.zalando_shapes())


def refused(tensors: dict, message: str, settings: Settings = NOTHING_SET) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        recognise(tensors, settings)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "tensors",
    [{}, {"weight": torch.zeros(3)}, {"encoder.0.weight": torch.zeros(3, 3)}, {"encoder." * 50_000: torch.zeros(1)}],
    ids=["none", "one", "some encoder's", "a very long name"],
)
def test_tensors_of_no_known_family_are_nobodys(tensors):
    assert recognise(tensors) is None


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("quantize_t.embed", "VQ-VAE-2, which has two grids of codes"),
        ("quantize.quant_resi.qresi_ls.0.weight", "VAR’s tokenizer, which has grids of codes on several scales"),
        ("quantizer.vq.layers.3._codebook.embed", "residual quantisation, which has several codes a cell"),
        ("quantize.proj.weight", "VQGAN with Gumbel softmax, which chooses codes by logits"),
    ],
)
def test_a_model_of_several_grids_is_refused_by_its_name(name, what):
    refused({name: torch.zeros(2, 2), "encoder.conv_in.weight": torch.zeros(2, 2)}, what)


def test_each_missing_tensor_is_named(tensors):
    for name in tensors:
        refused({other: tensor for other, tensor in tensors.items() if other != name}, f"{name} is missing")


def test_a_tensor_that_belongs_to_nothing_is_named(tensors):
    refused(tensors | {"head.weight": torch.zeros(1)}, "'head.weight' does not belong to it")
    tensors[f"{STACK}.7._block.1.weight"] = tensors.pop(f"{STACK}.1._block.1.weight")
    del tensors[f"{STACK}.1._block.3.weight"]
    refused(tensors, f"'{STACK}.7._block.1.weight' does not belong to it")


@pytest.mark.parametrize("shape", [(), (3,), (0, 5), (8, 4, 4), (9, 4, 4, 4), (8, 4, 3, 3), (8, 0, 4, 4)])
def test_a_tensor_of_another_shape_is_named(shape, tensors):
    refused(tensors | {"_encoder._conv_2.weight": torch.zeros(shape)}, "expected _encoder._conv_[23].*, got ")


def test_a_picture_comes_out_in_the_channels_in_which_it_goes_in(tensors):
    refused(tensors | {"_decoder._conv_trans_2.weight": torch.zeros(4, 1, 4, 4)}, "expected _decoder._conv_trans_2")


def test_images_of_many_channels_are_refused():
    refused(plain.random(plain.zalando_shapes(C=5)), "expected 1 to 4 channels, got 5")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(value, tensors):
    tensors["_pre_vq_conv.bias"][1] = value
    refused(tensors, "expected finite numbers, got NaN or infinity in _pre_vq_conv.bias")


def test_weights_that_scale_beyond_float32_are_refused():
    tensors = plain.laskin_names(plain.random(plain.zalando_shapes()))
    tensors["encoder.conv_stack.0.weight"].fill_(3e38)
    refused(tensors, "expected weights that are finite in float32")


@pytest.mark.parametrize("make", [lambda t: t.long(), lambda t: t.to_sparse(), lambda t: t.to("meta")])
def test_what_is_no_plain_tensor_of_floats_is_refused(make, tensors):
    tensors["_pre_vq_conv.bias"] = make(tensors["_pre_vq_conv.bias"])
    refused(tensors, "expected _pre_vq_conv.bias as a dense tensor of floats")


def test_a_variance_below_zero_counts_as_none():
    tensors = plain.kumar_random()
    tensors["encoder.1.running_var"].fill_(-1)
    assert torch.isfinite(recognise(tensors).model.latents(torch.rand(1, 3, 32, 32))).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"height": 30}, "expected a height of images divisible by 4, got 30"),
        ({"height": 0}, "expected the height of images in pixels, got 0"),
        ({"height": 32.0}, "expected the height of images in pixels, got 32.0"),
        ({"height": 2048, "width": 2048}, "expected images of at most 1048576 pixels, got 2048 x 2048"),
        ({"height": 2048}, "expected images of at most 1048576 pixels, got 2048 x 2048"),
        ({"scale": 0}, "expected a scale of pixels above 0"),
        ({"scale": float("nan")}, "expected a scale of pixels above 0"),
        ({"scale": True}, "expected a scale of pixels above 0"),
        ({"normalise": 1}, "expected whether codes are normalised, true or false, got 1"),
    ],
)
def test_settings_that_no_model_can_have_are_refused(settings, message, tensors):
    with pytest.raises(ValueError, match=message):
        recognise(tensors, Settings(**settings))
