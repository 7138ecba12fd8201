"""A digit out of a picture: photographs made from real digits come back as them, hostile files as one sentence."""

import io
import struct
import tracemalloc
import zlib
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vqvae import data, photo
from vqvae.data import Digits
from vqvae.model import ModelConfig, OtherSizes
from vqvae.photo import PhotoError, centred, take, whole

MNIST = ModelConfig()
CLOSE = 0.015  # mean squared error to the original digit; two different digits are 0.1 apart


def photograph(
    digit: torch.Tensor,
    size: tuple[int, int] = (640, 480),
    side: int = 260,
    at: tuple[float, float] = (0.55, 0.45),
    light: tuple[float, float] = (235, 150),
    noise: float = 4,
    lines: float = 0,
    seed: int = 0,
) -> Image.Image:
    """A digit (1, 28, 28) in dark ink on paper that the light falls on from one corner, as RGB of (height, width)."""
    generator = np.random.default_rng(seed)
    large = Image.fromarray(digit[0].numpy()).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.zeros(size)
    top, left = (int(share * length - side / 2) for share, length in zip(at, size, strict=True))
    ink[top : top + side, left : left + side] = np.asarray(large) / 255
    rows, columns = np.mgrid[: size[0], : size[1]]
    paper = light[0] + (light[1] - light[0]) * (rows / size[0] + columns / size[1]) / 2
    if lines:
        ink = np.maximum(ink, lines * (rows % 48 < 2))
    values = paper * (1 - 0.75 * ink) + generator.normal(0, noise, size)
    tint = np.array([1.0, 0.97, 0.9])  # a warm lamp
    return Image.fromarray((values[..., None] * tint).clip(0, 255).astype(np.uint8))


def as_file(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """Mean squared error of pixels in [0, 1], but for one pixel of shift: rounding the centre can make that."""
    shifted = [one.roll((down, right), (-2, -1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(float((some.double() - other.double()).div(255).square().mean()) for some in shifted)


def test_mnists_own_digits_are_centred_already():
    """The box and the rounding of the centre of mass are MNIST's."""
    digits = data.load(data.EMBEDDED, "all").pixels[::5]
    off = [int((centred(digit, MNIST).int() - digit.int()).abs().max()) for digit in digits]
    assert sum(difference <= 1 for difference in off) >= 0.998 * len(digits)  # some have no pixel in full ink


def test_a_drawing_in_a_corner_comes_to_the_middle_in_the_size_of_mnists(digits: Digits):
    small = torch.zeros(1, 28, 28, dtype=torch.uint8)
    small[:, :14, 14:] = torch.nn.functional.avg_pool2d(digits.pixels[20].float(), 2).byte()
    assert apart(centred(small, MNIST), digits.pixels[20]) < 2 * CLOSE  # half of its pixels are gone


def test_what_is_centred_stays_where_it_is(rng):
    for _ in range(20):
        drawing = torch.zeros(1, 28, 28, dtype=torch.uint8)
        for _ in range(3):
            top, left, height, width = torch.randint(1, 14, (4,), generator=rng).tolist()
            drawing[:, top : top + height, left : left + width] = 255
            drawing[:, top + height, left : left + width] = 40  # a stroke's edges fade
            drawing[:, top - 1, left : left + width] = 40
        once = centred(drawing, MNIST)
        assert torch.equal(centred(once, MNIST), once)


def test_nothing_cannot_be_centred():
    with pytest.raises(PhotoError, match="nothing to centre"):
        centred(torch.zeros(1, 28, 28, dtype=torch.uint8), MNIST)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 48), (1, 8, 64), (1, 4, 4)])
def test_a_digit_takes_the_shape_of_the_model(digits, shape):
    config = ModelConfig(channels=shape[0], height=shape[1], width=shape[2])
    found = take(as_file(photograph(digits.pixels[3])), config)
    assert found.pixels.shape == shape
    assert found.pixels.max() > 200
    assert centred(found.pixels, config).shape == shape


@pytest.mark.parametrize(
    "circumstances",
    [
        {},
        {"noise": 12},
        {"light": (250, 90)},
        {"light": (110, 60)},
        {"side": 120, "at": (0.3, 0.7)},
        {"side": 430, "at": (0.5, 0.5)},
        {"lines": 0.35},
        {"lines": 0.8, "noise": 2},
        {"size": (1100, 1500), "side": 600},
    ],
    ids=str,
)
def test_a_photographed_digit_comes_back_as_the_digit_it_was(digits, circumstances):
    errors = []
    for seed, index in enumerate(range(8, 60, 12)):  # of every other class
        found = take(as_file(photograph(digits.pixels[index], seed=seed, **circumstances), "JPEG"), MNIST)
        errors.append(apart(found.pixels, digits.pixels[index]))
    assert max(errors) < CLOSE, errors


def test_the_steps_lead_from_the_picture_to_the_digit(digits):
    found = take(as_file(photograph(digits.pixels[3])), MNIST)
    names = [step.name for step in found.steps]
    assert names == ["As taken", "Turned", "Grey", "Ink found", "Cut out", "20 × 20", "Centred"]
    assert max(found.steps[5].picture.shape[1:]) == 20
    assert torch.equal(found.steps[-1].picture, found.pixels)
    assert "inverted" in found.steps[3].note


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(digits, orientation):
    upright = photograph(digits.pixels[20])
    undo = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = undo.get(orientation, photo.TURNS.get(orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = as_file(upright.transpose(turn) if turn is not None else upright, "JPEG", exif=exif)
    assert apart(take(content, MNIST).pixels, digits.pixels[20]) < CLOSE


def modes(digit: torch.Tensor) -> dict[str, Image.Image]:
    """The same digit in pictures of every kind."""
    rgb = photograph(digit, noise=0)
    grey = np.asarray(rgb.convert("L"))
    low, high = int(grey.min()), int(grey.max())
    alpha = Image.fromarray((255 - (grey.astype(int) - low) * 255 // (high - low)).astype(np.uint8))
    alpha = alpha.point([max(0, (value - 140) * 255 // 115) for value in range(256)])
    dark, light = (Image.merge("RGBA", [Image.new("L", rgb.size, shade)] * 3 + [alpha]) for shade in (0, 255))
    return {
        "RGB": rgb,
        "L": rgb.convert("L"),
        "16 bit": Image.fromarray(grey.astype(np.uint16) * 257),
        "palette": rgb.quantize(64),
        "bilevel": rgb.convert("L").point([255 * (value > 110) for value in range(256)]).convert("1"),
        "dark ink on nothing": dark,
        "light ink on nothing": light,
        "palette with transparency": dark.quantize(16),
        "grey with alpha": dark.convert("LA"),
        "light on dark": Image.fromarray(255 - np.asarray(rgb)),
    }


@pytest.mark.parametrize("mode", modes(torch.zeros(1, 28, 28, dtype=torch.uint8) + torch.eye(28, dtype=torch.uint8)))
def test_pictures_of_every_mode_are_read(digits, mode):
    assert apart(take(as_file(modes(digits.pixels[20])[mode]), MNIST).pixels, digits.pixels[20]) < CLOSE


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 70}])
def test_webp_is_read_transparent_or_not(digits, options):
    pictures = modes(digits.pixels[20])
    for mode in ("RGB", "dark ink on nothing"):
        assert apart(take(as_file(pictures[mode], "WEBP", **options), MNIST).pixels, digits.pixels[20]) < CLOSE


def test_an_mnist_digit_itself_is_read(digits):
    found = take(as_file(Image.fromarray(digits.pixels[20, 0].numpy())), MNIST)
    assert apart(found.pixels, digits.pixels[20]) < CLOSE


def test_an_animation_is_its_first_frame(digits):
    frames = [Image.fromarray(digits.pixels[index, 0].numpy()) for index in (20, 50)]
    for kind in ("PNG", "WEBP"):
        content = as_file(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert apart(take(content, MNIST).pixels, digits.pixels[20]) < CLOSE


# A picture as it is, for models of other images


COLOURS = OtherSizes(3, 32, 48, num_embeddings=4, embedding_dim=2, rows=8, columns=12)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_picture_of_the_models_shape_is_taken_to_the_pixel(channels, rng):
    pixels = torch.randint(256, (1 if channels < 3 else 3, 32, 48), generator=rng, dtype=torch.uint8)
    content = as_file(Image.fromarray(pixels.expand(3, -1, -1).permute(1, 2, 0).numpy()))
    found = whole(content, replace(COLOURS, channels=channels))
    assert torch.equal(found.pixels[: len(pixels)], pixels)
    assert (found.pixels[len(pixels) :] == 255).all()  # alpha
    assert [step.picture.shape[0] for step in found.steps] == [3] * 4


def test_the_middle_of_a_picture_is_taken_in_the_models_aspect():
    picture = Image.new("RGB", (300, 100), (255, 0, 0))
    picture.paste((0, 0, 255), (75, 0, 225, 100))  # 150 x 100, the model's aspect
    assert whole(as_file(picture), COLOURS).pixels.flatten(1).unique(dim=1).flatten().tolist() == [0, 0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_whole_picture_is_turned_as_its_exif_says(orientation):
    upright = Image.new("RGB", (480, 320), (200, 30, 30))
    upright.paste((30, 30, 200), (0, 0, 120, 320))  # blue to the left
    undo = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = undo.get(orientation, photo.TURNS.get(orientation))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = as_file(upright.transpose(turn) if turn is not None else upright, "JPEG", exif=exif)
    red, _, blue = whole(content, COLOURS).pixels.float()
    assert (blue - red)[:, :10].min() > 100
    assert (red - blue)[:, 14:].min() > 100


# No digit


@pytest.mark.parametrize("noise", [0, 3, 12])
def test_blank_paper_holds_no_digit(noise):
    blank = torch.zeros(1, 28, 28, dtype=torch.uint8)
    for light in ((255, 255), (235, 150), (90, 30)):
        for kind in ("PNG", "JPEG"):
            with pytest.raises(PhotoError, match=r"^No digit was found: .*\.$"):
                take(as_file(photograph(blank, light=light, noise=noise), kind), MNIST)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 5000), (5000, 1), (20, 20)])
@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_picture_of_one_shade_and_any_size_holds_no_digit(size, shade):
    with pytest.raises(PhotoError, match="No digit was found"):
        take(as_file(Image.new("L", size, shade)), MNIST)


# Hostile files


def png(width: int, height: int, body: bytes = b"", depth: int = 8, color: int = 0) -> bytes:
    """A PNG file that says it has this size, with whatever in it."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def webp(width: int, height: int) -> bytes:
    """A WebP file that says it has this size."""
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + b"\x00"
    chunks = b"VP8X" + struct.pack("<I", 10) + canvas + frame
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def refused(content: bytes) -> str:
    """The sentence for a file that is refused; fails where saying so took 4 MB."""
    tracemalloc.start()
    try:
        with pytest.raises(PhotoError) as error:
            take(content, MNIST)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_file_over_ten_megabytes_is_refused_unread():
    assert "expected at most 10 MB" in refused(b"\x89PNG\r\n\x1a\n" + bytes(10_000_000))


HUGE = {
    "48 megapixels": png(8000, 6000, zlib.compress(bytes(1000))),
    "2^62 pixels": png(2**31 - 1, 2**31 - 1),
    "one row": png(40_000_001, 1),
    "WebP": webp(16383, 16383),
    "WebP of 41 megapixels": webp(6400, 6400),
}


@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_more_than_forty_megapixels_are_refused_before_they_are_decoded(content):
    assert "expected at most 40 megapixels" in refused(content)


def test_refusing_a_bomb_takes_no_memory_that_python_does_not_see():
    resource = pytest.importorskip("resource")
    bomb = as_file(Image.new("L", (20_000, 20_000)))  # 400 megapixels in 400 KB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content in (bomb, *HUGE.values()):
        refused(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"RIFF",
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\0\0\0\0WEBPVP8X",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        as_file(Image.new("RGB", (9, 9)), "GIF"),
        as_file(Image.new("RGB", (9, 9)), "BMP"),
        as_file(Image.new("RGB", (9, 9)), "TIFF"),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_png_jpeg_or_webp_is_refused_in_a_sentence(content):
    assert "expected a PNG, JPEG or WebP" in refused(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_cut_short_is_refused_in_a_sentence(digits, kind):
    content = as_file(photograph(digits.pixels[3], noise=0), kind)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(PhotoError, match=r"damaged or cut short|cannot be read"):
            take(content[: int(share * len(content))], MNIST)


def test_a_picture_with_damage_inside_is_a_digit_or_a_sentence(digits):
    """Whatever a damaged file does to the decoder, nothing but a PhotoError comes out."""
    generator = np.random.default_rng(0)
    for kind in ("PNG", "JPEG", "WEBP"):
        content = np.frombuffer(as_file(photograph(digits.pixels[3], size=(64, 64), side=40), kind), dtype=np.uint8)
        for _ in range(10):
            damaged = content.copy()
            damaged[generator.integers(0, len(content), 5)] = generator.integers(0, 256, 5)
            with suppress(PhotoError):
                assert take(damaged.tobytes(), MNIST).pixels.shape == (1, 28, 28)
