import pytest
import torch

from tests import tutorial
from vqvae.model import STRIDE, VQVAE, ModelConfig, losses

SIZES = [
    ModelConfig(),
    ModelConfig(channels=3, height=12, width=20, num_embeddings=7, embedding_dim=3),
    ModelConfig(height=STRIDE, width=STRIDE, num_embeddings=1, embedding_dim=1),
]
every_size = pytest.mark.parametrize("config", SIZES, ids=["tutorial", "three channels", "smallest"])


def images(config: ModelConfig, count: int = 3) -> torch.Tensor:
    return torch.rand(count, *config.image_shape, generator=torch.Generator().manual_seed(2))


# Shapes


@every_size
def test_images_become_a_grid_of_codes_and_images_again(config, make_model):
    model, x = make_model(config), images(config)
    codes = model.encode(x)
    assert codes.shape == (3, config.height // 4, config.width // 4) == (3, *config.grid)
    assert codes.dtype == torch.int64
    assert 0 <= codes.min()
    assert codes.max() < config.num_embeddings
    assert model.decode(codes).shape == model.reconstruct(x).shape == x.shape
    assert model.latents(x).shape == (3, config.embedding_dim, *config.grid)
    assert config.cells == codes[0].numel()


@every_size
def test_training_passes_have_the_shapes_of_their_images(config, make_model):
    x = images(config) - config.offset
    output = make_model(config)(x)
    assert output.reconstruction.shape == x.shape
    assert output.latents.shape == output.quantized.vectors.shape == (3, config.embedding_dim, *config.grid)


def test_no_images_give_no_codes(make_model):
    model = make_model()
    assert model.encode(images(model.config, 0)).shape == (0, *model.config.grid)
    assert model.reconstruct(images(model.config, 0)).shape == (0, *model.config.image_shape)


def test_a_grid_of_any_size_can_be_decoded(make_model):
    assert make_model().decode(torch.zeros(1, 3, 5, dtype=torch.int64)).shape == (1, 1, 12, 20)


@pytest.mark.parametrize(("K", "bits"), [(1, 0), (2, 1), (128, 7), (129, 8)])
def test_a_code_takes_whole_bits(K, bits):
    assert ModelConfig(num_embeddings=K).bits_per_code == bits


# The tutorial's


def test_the_state_dict_is_the_tutorials_thirteen_tensors():
    expected = {name: value.shape for name, value in tutorial.VQVAE().state_dict().items()}
    assert {name: value.shape for name, value in VQVAE().state_dict().items()} == expected
    assert len(expected) == 13


def test_a_pass_is_the_tutorials(make_model):
    model = make_model(ModelConfig())
    reference = tutorial.VQVAE()
    reference.load_state_dict(model.state_dict())
    x = images(model.config) - 0.5
    reconstruction, vq_loss = reference(x)
    output = model(x)
    torch.testing.assert_close(output.reconstruction, reconstruction)
    terms = losses(output, x, variance=0.1)
    torch.testing.assert_close(terms.codebook + 0.25 * terms.commitment, vq_loss)
    torch.testing.assert_close(terms.total(0.25), (reconstruction - x).square().mean() / 0.1 + vq_loss)


def test_the_codebook_starts_as_standard_normal_numbers(make_model):
    codebook = make_model(ModelConfig(num_embeddings=1000)).vq_layer.codebook
    assert abs(codebook.mean()) < 0.03
    assert abs(codebook.std() - 1) < 0.03


# There and back


def test_images_in_unit_range_and_a_training_pass_take_the_same_codes(make_model):
    model = make_model()
    x = images(model.config)
    output = model(x - model.config.offset)
    codes = model.encode(x)
    assert torch.equal(codes, output.quantized.codes)
    torch.testing.assert_close(model.latents(x), output.latents)
    torch.testing.assert_close(model.decode(codes), output.reconstruction + model.config.offset)


def test_decoding_vectors_of_codes_is_decoding_the_codes(make_model):
    model = make_model()
    codes = model.encode(images(model.config))
    assert torch.equal(model.decode_vectors(model.vq_layer.lookup(codes)), model.decode(codes))


def test_many_images_give_what_each_gives_alone(make_model):
    config = ModelConfig(height=256, width=256, num_embeddings=12, embedding_dim=5)
    model, x = make_model(config), images(config, 8)
    assert config.images_at_once < len(x)
    assert torch.equal(model.encode(x), torch.cat([model.encode(image[None]) for image in x]))


def test_public_methods_need_no_gradients(make_model):
    model = make_model().requires_grad_(True)
    assert not model.reconstruct(images(model.config)).requires_grad


# What is refused


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"height": 30}, "expected a height divisible by 4, got 30"),
        ({"width": 27}, "expected a width divisible by 4, got 27"),
        ({"height": 0}, "expected a height divisible by 4, got 0"),
        ({"height": 28.0}, r"expected height to be a whole number, got 28\.0"),
        ({"channels": 2}, "expected 1 or 3 channels, got 2"),
        ({"channels": True}, "expected channels to be a whole number, got True"),
        ({"num_embeddings": 0}, "expected at least one code of one dimension, got K = 0, D = 16"),
        ({"embedding_dim": -1}, "expected at least one code of one dimension, got K = 128, D = -1"),
        ({"offset": float("nan")}, "expected the offset to be a number up to 1000, got nan"),
        ({"offset": "0.5"}, "expected the offset to be a number up to 1000, got '0.5'"),
    ],
)
def test_sizes_that_no_model_has_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**sizes)


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 3, 28, 28), (2, 1, 28, 32)])
@pytest.mark.parametrize("method", ["encode", "latents", "reconstruct"])
def test_images_of_another_shape_are_refused(method, shape, make_model):
    with pytest.raises(ValueError, match=r"expected images of shape \(B, 1, 28, 28\), got"):
        getattr(make_model(), method)(torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_images_of_another_type_are_refused(dtype, make_model):
    with pytest.raises(TypeError, match=r"expected float32 images in \[0, 1\], got torch\."):
        make_model().encode(torch.zeros(1, 1, 28, 28, dtype=dtype))


@pytest.mark.parametrize("value", [-0.5, 1.01, 255.0, float("nan"), float("inf")])
def test_pixels_out_of_range_are_refused(value, make_model):
    x = torch.zeros(1, 1, 28, 28)
    x[0, 0, 3, 3] = value
    with pytest.raises(ValueError, match="expected pixels from 0 to 1, got"):
        make_model().encode(x)


def test_codes_out_of_range_are_refused(make_model):
    with pytest.raises(ValueError, match="expected codes from 0 to 11, got 0 to 12"):
        make_model().decode(torch.tensor([[[0, 12]]]))


@pytest.mark.parametrize("shape", [(5, 7, 7), (1, 7, 7, 5)])
def test_latents_of_another_shape_are_refused(shape, make_model):
    with pytest.raises(ValueError, match=r"expected latents of shape \(B, 5, h, w\), got"):
        make_model().decode_vectors(torch.zeros(shape))
