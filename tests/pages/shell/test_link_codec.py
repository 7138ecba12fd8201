"""What a link carries: drawings and edited codes as text, and what becomes of a text that somebody changed."""

import tracemalloc
import zlib
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, urlsplit

import pytest
import torch

from pages.ui.shell import link_codec
from vqvae import data

FINGERPRINT = "8929694d8b0c"


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 48), (1, 1, 1), (1, 512, 3)], ids=str)
def test_a_drawing_comes_back_to_the_pixel(shape):
    assert torch.equal(link_codec.read_drawing(link_codec.write_drawing(noise(*shape))), noise(*shape))


def test_a_link_with_any_digit_fits_even_one_that_cannot_be_compressed():
    digits = data.load(data.EMBEDDED, "all").pixels[::100]
    edits = link_codec.write_edits(torch.arange(79, 128).view(7, 7), FINGERPRINT)
    for pixels in [*digits, noise(1, 28, 28)]:
        fields = {"model": "own-8929694d8b0c", "drawing": link_codec.write_drawing(pixels), "edits": edits, "step": "5"}
        written, gone = link_codec.write_link("http://a-laptop.local:8501/draw", fields, ("edits", "drawing"))
        assert len(written) < link_codec.LONGEST
        assert not gone
        assert dict(parse_qsl(urlsplit(written).query)) == fields


def test_a_link_that_would_be_too_long_leaves_out_what_it_must_and_says_what():
    fields = {"digit": "7", "drawing": link_codec.write_drawing(noise(3, 32, 48)), "edits": "892969-1.2"}
    written, gone = link_codec.write_link("http://localhost:8501/draw", fields, ("edits", "drawing"))
    assert written == "http://localhost:8501/draw?digit=7"
    assert gone == ["edits", "drawing"]


def changed(text: str) -> list[str]:
    """Twenty ways in which a drawing's text may be damaged."""
    letters = [
        text[:n] + ("A" if text[n] != "A" else "B") + text[n + 1 :] for n in range(0, len(text) - 1, len(text) // 9)
    ]
    return [
        *letters[:9],
        text[:-3],
        text[:20],
        text + "AAAA",
        text[::-1],
        text.upper(),
        text.replace("e", "é"),
        "x",
        "====",
        "%00",
        "../" * 9,
        "<b>",
    ]


@pytest.mark.parametrize("number", range(20))
def test_a_drawing_that_was_changed_on_its_way_is_told(number):
    text = changed(link_codec.write_drawing(data.load(data.EMBEDDED, "all").pixels[3]))[number]
    with pytest.raises(ValueError, match=r"cut or changed|another version"):
        link_codec.read_drawing(text)


def packed(version: int, C: int, H: int, W: int, content: bytes) -> str:
    """What an attacker may write: with a checksum that is right."""
    rest = link_codec._HEADER.pack(0, version, C, H, W)[4:] + zlib.compress(content, 9)
    return urlsafe_b64encode(zlib.crc32(rest).to_bytes(4, "big") + rest).decode().rstrip("=")


def test_a_drawing_of_another_version_says_so():
    with pytest.raises(ValueError, match="another version"):
        link_codec.read_drawing(packed(9, 1, 2, 2, bytes(4)))


@pytest.mark.parametrize("sizes", [(2, 4, 4), (1, 0, 4), (1, 4, 0), (1, 513, 4), (3, 65535, 65535), (0, 0, 0)], ids=str)
def test_sizes_that_no_drawing_has_are_refused(sizes):
    with pytest.raises(ValueError, match="cut or changed"):
        link_codec.read_drawing(packed(1, *sizes, content=bytes(16)))


@pytest.mark.parametrize("content", [bytes(783), bytes(785), b""], ids=len)
def test_pixels_must_be_as_many_as_the_sizes_say(content):
    with pytest.raises(ValueError, match="cut or changed"):
        link_codec.read_drawing(packed(1, 1, 28, 28, content))


def test_a_decompression_bomb_takes_no_memory():
    bomb = packed(1, 1, 28, 28, bytes(1_000_000))
    tracemalloc.start()
    with pytest.raises(ValueError, match="cut or changed"):
        link_codec.read_drawing(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_edits_come_back_for_the_same_model():
    edits = torch.full((7, 7), -1)
    edits[2, 3], edits[6, 6] = 57, 0
    text = link_codec.check_edits(link_codec.write_edits(edits, FINGERPRINT))
    assert text == "892969-17.57-48.0"
    assert torch.equal(link_codec.read_edits(text, FINGERPRINT, (7, 7), 128), edits)
    assert link_codec.write_edits(torch.full((7, 7), -1), FINGERPRINT) == ""


@pytest.mark.parametrize(
    ("text", "fingerprint"),
    [("892969-17.57", "50e995d00582"), ("892969-49.57", FINGERPRINT), ("892969-17.128", FINGERPRINT)],
    ids=["another model", "no such cell", "no such code"],
)
def test_edits_that_do_not_fit_the_model_are_one_sentence(text, fingerprint):
    with pytest.raises(link_codec.EditsError, match="you see the encoder’s own"):
        link_codec.read_edits(text, fingerprint, (7, 7), 128)


@pytest.mark.parametrize("text", ["", "892969", "-1.2", "892969-1.2-", "892969-a.b", "892969" + "-1.2" * 401, "<b>"])
def test_text_that_is_no_edits_is_refused(text):
    with pytest.raises(ValueError, match="fingerprint"):
        link_codec.check_edits(text)


def test_the_qr_code_is_a_picture_without_anything_from_elsewhere():
    picture = link_codec.qr_code("http://localhost:8501/draw?drawing=" + link_codec.write_drawing(noise(1, 28, 28)))
    assert picture.startswith('<img src="data:image/svg+xml')
    assert picture.count("<") == 1
