"""Images of one's own, of the size and colours of CIFAR-10's throughout: from every kind of source to one set."""

import io
import json
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from pyarrow import parquet
from torch import Tensor

from vqvae import images
from vqvae.data import DataError, Digits
from vqvae.limits import OWNERS_IMAGES, VISITORS_IMAGES

CLASSES = ("frog", "ship", "truck")
EACH = 20


def colours(seed: int = 0, size: tuple[int, int] = (32, 32)) -> np.ndarray:
    """One image of 3 channels, (H, W, 3) uint8; no two seeds give the same."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def png(values: np.ndarray, **said: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", **said)
    return file.getvalue()


def drawn() -> list[tuple[str, np.ndarray]]:
    """Sixty images, twenty of each class, in the order of their names."""
    return [(name, colours(EACH * label + n)) for label, name in enumerate(CLASSES) for n in range(EACH)]


def as_folder(root: Path) -> Path:
    for number, (name, values) in enumerate(drawn()):
        path = root / "cifar" / name / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(values))
    return root / "cifar"


def as_zip(root: Path) -> Path:
    with zipfile.ZipFile(root / "cifar.zip", "w") as archive:
        for number, (name, values) in enumerate(drawn()):
            archive.writestr(f"packed/{name}/{number:03}.png", png(values))
        archive.writestr("__MACOSX/packed/frog/._000.png", b"not a picture")
    return root / "cifar.zip"


def as_npz(root: Path) -> Path:
    labels = np.repeat(np.arange(3), EACH)
    np.savez_compressed(root / "cifar.npz", images=np.stack([values for _, values in drawn()]), labels=labels)
    return root / "cifar.npz"


def as_parquet(root: Path) -> Path:
    """As Hugging Face's hub has CIFAR-10: a structure of bytes and path, and names of classes beside the columns."""
    rows = [{"bytes": png(values), "path": "a.png"} for _, values in drawn()]
    labels = [CLASSES.index(name) for name, _ in drawn()]
    said = {"info": {"features": {"img": {"_type": "Image"}, "label": {"names": CLASSES, "_type": "ClassLabel"}}}}
    table = pa.table({"img": rows, "label": labels}).replace_schema_metadata({"huggingface": json.dumps(said)})
    parquet.write_table(table, root / "cifar.parquet", row_group_size=25)
    return root / "cifar.parquet"


SOURCES = {"folder": as_folder, "zip": as_zip, "npz": as_npz, "parquet": as_parquet}


def chw(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).permute(2, 0, 1)


# From every source


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_every_source_gives_the_same_pixels_labels_and_held_out_tenth(make, tmp_path):
    own = images.find(make(tmp_path)).read()
    assert own.everything.classes == (CLASSES if make is not as_npz else ("0", "1", "2"))
    assert own.everything.pixels.shape == (60, 3, 32, 32)
    train, test = own.part("train"), own.part("test")
    assert test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert own.said == ()
    known = [chw(values) for _, values in drawn()]
    found = [next(n for n, one in enumerate(known) if one.equal(pixels)) for pixels in own.everything.pixels]
    assert sorted(found) == list(range(60))  # each once, so that none is trained on and held out
    assert own.everything.labels.tolist() == [n // EACH for n in found]
    assert found[len(train) :] == [4, 5, 31, 33, 44, 51]  # the same for everybody
    assert (train.described, test.described) == ("54 training images of cifar", "6 held-out images of cifar")


def test_parts_that_come_divided_stay_so(tmp_path):
    """MedMNIST's keys, with labels in a column."""
    parts = {"train": 5, "val": 2, "test": 3}
    arrays = {f"{part}_images": np.stack([colours(n) for n in range(count)]) for part, count in parts.items()}
    arrays |= {f"{part}_labels": np.arange(count)[:, None] % 2 for part, count in parts.items()}
    np.savez(tmp_path / "bloodmnist.npz", **arrays)
    own = images.find(tmp_path / "bloodmnist.npz").read()
    train, test = own.part("train"), own.part("test")
    assert (len(train), test.labels.tolist()) == (5, [0, 1, 0])
    assert test.pixels[2].equal(chw(colours(2)))
    assert own.said == ("2 validation images are left out.",)


def test_folders_and_parquet_files_called_train_and_test_are_parts(tmp_path):
    for part, count in (("train", 4), ("test", 2)):
        for number in range(count):
            path = tmp_path / "set" / part / "frog" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(colours(number)))
        table = pa.table({"image": [png(colours(number)) for number in range(count)]})
        (tmp_path / "hub" / "data").mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, tmp_path / "hub" / "data" / f"{part}-00000-of-00001.parquet")
    for source, classes in (("set", ("frog",)), ("hub", ("",))):
        own = images.find(tmp_path / source).read()
        assert (len(own.part("train")), len(own.part("test")), own.everything.classes) == (4, 2, classes)


def test_a_flat_folder_is_one_class_without_a_name(tmp_path):
    for number in range(20):
        (tmp_path / f"{number}.png").write_bytes(png(colours(number)))
    own = images.find(tmp_path).read()
    assert own.everything.classes == ("",)
    assert not own.everything.labelled
    assert len(own.part("test")) == 2


@pytest.mark.parametrize(("folder", "name"), [("digits", "own digits"), ("<b>*my* set</b>", "b my set b")])
def test_a_set_is_called_as_its_folder_in_words_that_are_no_markup_and_no_set_that_ships(folder, name, tmp_path):
    root = tmp_path / folder.replace("/", "_")
    root.mkdir()
    for number in range(2):
        (root / f"{number}.png").write_bytes(png(colours(number)))
    assert images.load(root).dataset == name


# Into one shape


def one(tmp_path: Path, content: bytes, shape: images.Shape | None = None, ending: str = ".png") -> Tensor:
    """The pixels of an image that comes twice."""
    for name in ("a", "b"):
        (tmp_path / f"{name}{ending}").write_bytes(content)
    return images.load(tmp_path, shape).pixels[0]


def test_another_size_is_cut_to_the_aspect_around_the_centre_and_each_pixel_is_the_mean_of_its_area(tmp_path):
    values = colours(size=(64, 96))
    expected = values[:, 16:80].reshape(32, 2, 32, 2, 3).mean((1, 3)).round()
    assert one(tmp_path, png(values), (3, 32, 32)).permute(1, 2, 0).numpy() == pytest.approx(expected, abs=0.51)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "CMYK"])
def test_a_large_photograph_of_any_kind_is_reduced_by_its_mean(kind, tmp_path):
    photograph = Image.fromarray(colours(size=(8, 16))).resize((2048, 1024), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    kept = photograph.convert("CMYK") if kind == "CMYK" else photograph
    kept.save(file, "JPEG" if kind == "CMYK" else kind, quality=95)
    expected = np.asarray(photograph)[:, 512:1536].reshape(32, 32, 32, 32, 3).mean((1, 3))
    found = one(tmp_path, file.getvalue(), (3, 32, 32), ".jpg")
    assert found.permute(1, 2, 0).numpy() == pytest.approx(expected, abs=2)


def test_a_photograph_is_as_its_camera_held_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the top is at the right
    values = colours(size=(40, 32))
    assert one(tmp_path, png(values, exif=exif)).equal(chw(np.rot90(values, -1).copy()))


def test_grey_is_the_mean_of_colours_and_colours_of_grey_are_all_alike(tmp_path):
    values = colours()
    grey = one(tmp_path, png(values), (1, 32, 32))[0]
    assert grey.numpy() == pytest.approx(values.mean(2), abs=0.51)
    assert one(tmp_path, png(values[..., 0]), (3, 32, 32)).equal(torch.from_numpy(values[..., 0]).expand(3, -1, -1))


def test_what_is_transparent_lies_on_white(tmp_path):
    alpha = np.full((32, 32, 1), 51, dtype=np.uint8)
    expected = colours() * 0.2 + 255 * 0.8
    found = one(tmp_path, png(np.concatenate([colours(), alpha], 2)), (3, 32, 32))
    assert found.permute(1, 2, 0).numpy() == pytest.approx(expected, abs=0.51)


def test_sixteen_bits_of_grey_are_scaled_to_eight(tmp_path):
    values = colours()[..., 0].astype(np.uint16) * 257
    assert one(tmp_path, png(values)).equal(torch.from_numpy(colours()[..., 0]).unsqueeze(0))


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.astype(np.float32) / 255,
        lambda values: values.astype(np.float64),
        lambda values: values.astype(np.uint16) * 257,
        lambda values: values.astype(">i8"),
        lambda values: values.transpose(0, 3, 1, 2),
        lambda values: np.asfortranarray(values),
    ],
    ids=["unit floats", "floats", "16 bits", "big-endian", "channels first", "Fortran"],
)
def test_arrays_of_every_kind_hold_the_same_pixels(change, tmp_path):
    values = np.stack([colours(n) for n in range(4)])
    np.savez(tmp_path / "a.npz", images=change(values))
    found = {pixels.numpy().tobytes() for pixels in images.load(tmp_path / "a.npz").pixels}
    assert found == {chw(one).contiguous().numpy().tobytes() for one in values}


def test_four_channels_stay_four_where_no_shape_is_asked_for(tmp_path):
    values = np.concatenate([np.stack([colours(n) for n in range(3)]), np.full((3, 32, 32, 1), 255, np.uint8)], 3)
    np.savez(tmp_path / "a.npz", images=values)
    assert images.load(tmp_path / "a.npz").pixels.shape == (3, 4, 32, 32)
    assert {one.tobytes() for one in images.load(tmp_path / "a.npz", (3, 32, 32)).pixels.numpy()} == {
        chw(colours(n)).contiguous().numpy().tobytes() for n in range(3)
    }


def test_of_several_sizes_the_commonest_is_taken_and_said(tmp_path):
    for number, size in enumerate([(32, 32), (40, 30), (32, 32), (16, 16)]):
        (tmp_path / f"{number}.png").write_bytes(png(colours(number, size)))
    own = images.find(tmp_path).read()
    assert own.everything.pixels.shape == (4, 3, 32, 32)
    assert own.said == ("Of 3 sizes the commonest was taken for all: 32 x 32.",)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((3, 32, 32), None, (3, 32, 32)),
        ((1, 27, 30), None, (1, 28, 32)),
        ((4, 480, 640), None, (3, 48, 64)),
        ((3, 480, 640), (32, 32), (3, 32, 32)),
    ],
)
def test_a_model_is_trained_on_a_shape_that_it_can_have(shape, size, expected):
    assert images.trainable(shape, size) == expected


def test_a_size_that_no_model_can_have_is_refused():
    with pytest.raises(ValueError, match="expected a size divisible by 4, such as 32, got 30"):
        images.trainable((3, 32, 32), (30, 32))


# What cannot be read


def test_a_few_unreadable_files_are_skipped_and_counted(tmp_path):
    root = as_folder(tmp_path)
    whole = (root / "frog" / "000.png").read_bytes()
    (root / "frog" / "000.png").write_bytes(whole[: len(whole) // 2])
    (root / "ship" / "a.png").write_bytes(b"no picture at all")
    own = images.find(root).read()
    assert len(own.everything) == 59
    assert own.said == ("2 of 61 images could not be read: frog/000.png, ship/a.png (damaged or cut short).",)
    assert all(any(pixels.equal(chw(values)) for _, values in drawn()) for pixels in own.everything.pixels)
    assert own.part("train").labels.bincount().tolist() == [17, 18, 18]


def header_of(width: int, height: int) -> bytes:
    """A PNG that says to be of some size, and holds nothing."""
    content = bytearray(png(colours()))
    content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (header_of(9_000, 9_000), r"9,000 x 9,000 pixels, more than 25 million"),
        (header_of(2**31 - 1, 2**31 - 1), r"too many pixels|no picture"),
        (png(colours())[:200], r"damaged or cut short"),
        (b"GIF89a" + bytes(100), r"no picture in PNG, JPEG, WEBP"),
        (b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(8) + b"\xff" * 6, r"16,777,216 x 16,777,216 pixels"),
    ],
    ids=["bomb", "larger bomb", "torn", "another format", "WebP bomb"],
)
def test_a_picture_that_a_stranger_should_not_have_sent_is_named_with_its_reason(content, reason, tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(content)
    with pytest.raises(DataError, match=rf"3 of 3 images could not be read: 0\.png, 1\.png, 2\.png \(.*({reason})"):
        images.load(tmp_path, (3, 32, 32), bounds=VISITORS_IMAGES)


def test_a_picture_in_a_zip_that_says_to_be_small_is_unpacked_no_further(tmp_path):
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cat/0.png", bytes(60_000_000))
    lies = path.read_bytes().replace((60_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    path.write_bytes(lies)
    tracemalloc.start()
    with pytest.raises(DataError):
        images.find(path).read((1, 28, 28))
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


def npy(dtype: str, shape: str, data: bytes = b"") -> bytes:
    """An array whose header says what it likes."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}".ljust(118) + "\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data


def packed(path: Path, **entries: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return path


PIXELS = bytes(4 * 32 * 32 * 3)
FOUR = npy("'|u1'", "(4, 32, 32, 3)", PIXELS)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"images": npy("'|O'", "(4,)", b"cos\nsystem\n(S'exit'\ntR.")}, "holds object: expected an array of numbers"),
        ({"images": npy("'|u1'", "(10**9, 32, 32, 3)")}, "cannot be read"),
        ({"images": npy("'|u1'", "(1000000000, 32, 32, 3)")}, "says to be 1000000000 x 32 x 32 x 3"),
        ({"images": npy("'|u1'", "(-4, 32, 32, 3)", PIXELS)}, "says to be -4 x 32 x 32 x 3"),
        ({"images": npy("'|u1'", "(0, 32, 32, 3)")}, "says to be 0 x 32"),
        ({"images": npy("'|u1'", "(4, 32, 32, 32)", PIXELS * 11)}, "has the shape 4 x 32 x 32 x 32: expected images x"),
        ({"images": npy("'|u1'", "(8, 32, 32, 3)", PIXELS)}, "as many bytes in the file"),
        ({"images": npy("'<f4'", "(1, 32, 32, 3)", b"\x00\x00\xc0\x7f" * 3072)}, "reach from nan to nan: expected 0"),
        ({"images": npy("'|i1'", "(4, 32, 32, 3)", b"\xff" * 12288)}, "reach from -1 to -1: expected 0 to 255"),
        ({"images": npy("'|u1'", "()", b"1")}, "says to be one number"),
        ({"images": bytes(300)}, "cannot be read"),
        ({"weights": npy("'|u1'", "(4,)", b"1234")}, "holds weights: expected arrays called images and labels"),
        (
            {"images": npy("'|u1'", "(4, 32, 32, 3)", PIXELS), "labels": npy("'<i8'", "(3,)", bytes(24))},
            "3 labels for 4",
        ),
        ({"images": npy("'|u1'", "(300000000, 1, 1)", bytes(3 * 10**8))}, "at most 256 MB"),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else "",
)
def test_an_array_that_a_stranger_should_not_have_sent_is_a_sentence_and_costs_no_memory(entries, words, tmp_path):
    path = packed(tmp_path / "a.npz", **entries)
    tracemalloc.start()
    with pytest.raises(DataError, match=words) as refused:
        images.load(path, bounds=VISITORS_IMAGES)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()
    assert "\n" not in str(refused.value)


def test_labels_that_are_not_one_class_an_image_are_left_out_and_said(tmp_path):
    np.savez(tmp_path / "a.npz", images=np.stack([colours(n) for n in range(4)]), labels=np.eye(4))
    own = images.find(tmp_path / "a.npz").read()
    assert own.everything.classes == ("",)
    assert own.said == ("labels are left out: 4 x 4 numbers are not one class an image.",)


@pytest.mark.parametrize("name", ["nothing", "file.txt", "torn.zip", "torn.npz", "torn.parquet", "empty"])
def test_what_is_no_set_of_images_is_a_sentence_that_says_what_is_expected(name, tmp_path):
    path = tmp_path / name
    if "." in name:
        path.write_bytes(b"PAR1 and nothing else")
    elif name == "empty":
        path.mkdir()
    with pytest.raises(DataError, match="expected a folder of images or of class folders") as refused:
        images.load(path)
    assert str(path.name) in str(refused.value)


def test_more_than_fits_is_refused_before_it_is_decoded(tmp_path):
    root = as_folder(tmp_path)
    with pytest.raises(DataError, match=r"These are 60 images: expected at most 50\."):
        images.load(root, bounds=OWNERS_IMAGES._replace(images=50))
    with pytest.raises(DataError, match=r"60 images of 3 x 4000 x 4000 take 2,747 MB: expected at most 256 MB, so"):
        images.load(root, (3, 4000, 4000), bounds=VISITORS_IMAGES)
    with pytest.raises(DataError, match=r"more than 0 megapixels together"):
        images.load(root, bounds=VISITORS_IMAGES._replace(all_pixels=32 * 32 * 59))


@pytest.fixture(scope="module")
def honest(tmp_path_factory) -> dict[str, bytes]:
    """The content of a file of each kind, by its ending."""
    folder = tmp_path_factory.mktemp("honest")
    return {make(folder).suffix: make(folder).read_bytes() for make in (as_zip, as_npz, as_parquet)}


def read_or_said(path: Path) -> Digits | str:
    try:
        return images.load(path, bounds=VISITORS_IMAGES)
    except DataError as error:
        return str(error)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(some.sampled_from([".zip", ".npz", ".parquet"]), some.binary(min_size=1, max_size=40), some.floats(0, 1))
def test_whatever_bytes_a_file_has_it_is_a_sentence_or_a_set_of_images(honest, tmp_path_factory, ending, patch, place):
    content = honest[ending]
    begin = int(place * len(content))
    path = tmp_path_factory.getbasetemp() / f"patched{ending}"
    path.write_bytes(content[:begin] + patch + content[begin + len(patch) :])
    found = read_or_said(path)
    if isinstance(found, str):
        assert "patched" in found
        assert len(found) < 1000
    else:
        assert isinstance(found, Digits)
        assert found.pixels.shape[0] == len(found.labels)
        assert int(found.labels.max()) < len(found.classes)
