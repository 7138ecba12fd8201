"""python -m vqvae, mostly in this process; where signals matter, in one of its own."""

import base64
import gzip
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from vqvae import checkpoint, commands, data, owner, prior_file
from vqvae.__main__ import main
from vqvae.background.download import Progress
from vqvae.runs.resume import keep
from vqvae.training import RECOMMENDED, SETTINGS, TUTORIAL, Hyperparameters

ROOT = Path(__file__).parents[2]
QUICK = ["--dataset", "digits", "--limit", "60", "--batch-size", "25", "--num-embeddings", "8", "--embedding-dim", "4"]


@pytest.fixture(autouse=True)
def _one_process_for_many_commands():
    """Training answers Ctrl-C in its own way: afterwards pytest gets its handlers back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "model.safetensors"


def trained(out: Path, *options: str) -> int:
    return main(["train", *QUICK, "--epochs", "2", "--out", str(out), *options])


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The checkpoint of a finished run, beside its folder; for looking only."""
    path = tmp_path_factory.mktemp("finished") / "model.safetensors"
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert trained(path) == 0
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])
    return path


@pytest.fixture
def copied(finished, out) -> Path:
    """A copy of it, to do anything with."""
    shutil.copytree(finished.parent, out.parent, dirs_exist_ok=True)
    return out


def weights(path: Path) -> torch.Tensor:
    return torch.cat([value.flatten() for _, value in sorted(load_file(path).items())])


# Training


@pytest.mark.parametrize("preset", ["tutorial", "recommended"])
def test_a_trained_checkpoint_says_how_it_came_about_and_how_good_it_is(preset, out, capsys):
    assert trained(out, "--preset", preset, "--seed", "3") == 0
    opened = checkpoint.load(out)
    base = {"tutorial": TUTORIAL, "recommended": RECOMMENDED}[preset]
    assert opened.recipe.quantizer == base.quantizer
    assert (opened.recipe.batch_size, opened.recipe.epochs, opened.recipe.seed) == (25, 2, 3)
    assert (opened.dataset, opened.training_images, opened.steps) == ("digits", 60, 6)
    (figures,) = opened.measured
    assert (figures.dataset, figures.split, figures.images) == ("digits", "test", 60)
    printed = capsys.readouterr().out
    assert f"{figures.nmse:.4f}" in printed
    assert opened.fingerprint in printed


@pytest.fixture
def flowers(tmp_path) -> Path:
    """Forty colour images of two classes, of CIFAR-10's size."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    for number, values in enumerate(noise):
        path = tmp_path / "flowers" / ("rose", "tulip")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    return tmp_path / "flowers"


def trained_on(images: Path, out: Path, *options: str) -> int:
    few = ["--epochs", "1", "--batch-size", "12", "--num-embeddings", "8", "--embedding-dim", "4"]
    return main(["train", "--images", str(images), *few, "--out", str(out), *options])


def test_a_model_of_ones_own_images_says_what_it_was_trained_and_measured_on(flowers, out, capsys):
    assert trained_on(flowers, out) == 0
    opened = checkpoint.load(out)
    assert opened.model.config.image_shape == (3, 32, 32)
    assert (opened.dataset, opened.training_images, opened.steps) == ("flowers", 36, 3)
    (figures,) = opened.measured
    assert (figures.dataset, figures.split, figures.images) == ("flowers", "test", 4)
    assert "4 held-out images of flowers" in capsys.readouterr().out
    assert main(["evaluate", str(out), "--images", str(flowers)]) == 0
    assert f"{figures.mse:.5f} {figures.nmse:8.4f}" in capsys.readouterr().out  # measured on the same ones
    assert main(["info", str(out)]) == 0
    assert "3 steps on 36 images of flowers" in capsys.readouterr().out


def test_training_on_ones_own_images_goes_on_while_they_are_the_same(flowers, out, capsys):
    assert trained_on(flowers, out, "--size", "16x20") == 0
    assert checkpoint.load(out).model.config.image_shape == (3, 16, 20)
    before = out.read_bytes()
    assert trained_on(flowers, out, "--size", "16x20") == 0
    assert out.read_bytes() == before
    Image.new("RGB", (32, 32)).save(flowers / "rose" / "0.png")
    assert trained_on(flowers, out, "--size", "16x20") == 1
    assert "holds another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--images", "nowhere"], "There is no nowhere: expected a folder of images or of class folders"),
        (["--images", ".", "--size", "30"], "expected a size divisible by 4, such as 32, got 30"),
        (["--images", ".", "--limit", "0"], "expected --limit to be at least 1"),
        (["--dataset", "digits", "--size", "32"], "expected --size beside --images"),
    ],
)
def test_images_that_cannot_be_trained_on_are_one_sentence(options, words, flowers, monkeypatch, capsys):
    monkeypatch.chdir(flowers)
    assert main(["train", *options]) == 1
    assert capsys.readouterr().err.startswith(f"error: {words}")


def test_a_line_comes_every_print_freq_steps_and_at_each_epochs_end(out, capsys):
    trained(out, "--print-freq", "2")
    assert re.findall(r"^step +(\d+)", capsys.readouterr().out, re.MULTILINE) == ["2", "3", "4", "6"]


def state_of(out: Path) -> Path:
    return out.with_suffix(".run") / "state.safetensors"


def steps_done(out: Path) -> int:
    with safe_open(state_of(out), "pt") as file:
        return int(file.get_tensor("step"))


def test_every_epoch_is_saved(out, monkeypatch):
    saved = []

    def note(run, folder, path) -> None:
        keep(run, folder, path)
        saved.append((checkpoint.load(path).steps, steps_done(path)))

    monkeypatch.setattr(commands.train, "keep", note)
    trained(out)
    assert saved[:2] == [(3, 3), (6, 6)]


def test_the_limit_takes_digits_of_all_classes(out, monkeypatch):
    seen = []
    monkeypatch.setattr(commands.train, "Training", lambda digits, *_: seen.append(digits) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(out)
    assert len(seen[0]) == 60
    assert len(seen[0].labels.unique()) == 10


def test_the_same_command_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        trained(tmp_path / name / "model.safetensors", "--preset", "recommended")
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()


def test_a_finished_run_is_finished_when_asked_again(copied, capsys):
    before = copied.read_bytes()
    assert trained(copied) == 0
    assert "going on from step 6" in capsys.readouterr().out
    assert copied.read_bytes() == before


@pytest.mark.parametrize("options", [["--seed", "1"], ["--limit", "50"], ["--lr", "0.1"], ["--quantizer", "ema"]])
def test_another_run_in_the_same_place_is_refused(options, copied, capsys):
    before = copied.read_bytes()
    assert trained(copied, *options) == 1
    assert "holds another run" in capsys.readouterr().err
    assert copied.read_bytes() == before


@pytest.mark.parametrize("damage", [lambda content: content[:100], lambda content: b"", lambda content: b"x" * 5000])
def test_a_damaged_state_is_refused_with_the_way_out(damage, copied, capsys):
    state_of(copied).write_bytes(damage(state_of(copied).read_bytes()))
    assert trained(copied) == 1
    assert "delete" in capsys.readouterr().err


# Stopped and killed


def interrupted(out: Path, number: signal.Signals, epochs: int) -> tuple[int, str]:
    """A run in a process of its own that gets a signal soon after its first epoch: its exit status and what it said."""
    command = [sys.executable, "-m", "vqvae", "train", *QUICK, "--preset", "recommended"]
    process = subprocess.Popen(
        [*command, "--epochs", str(epochs), "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not state_of(out).exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=120)
    return process.returncode, printed


def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(tmp_path):
    killed, whole = tmp_path / "killed" / "model.safetensors", tmp_path / "whole" / "model.safetensors"
    status, printed = interrupted(killed, signal.SIGKILL, epochs=20)
    assert status == -signal.SIGKILL, printed
    assert 0 < steps_done(killed) < 60
    assert not killed.exists() or checkpoint.load(killed)  # whole, if it is there at all
    for path in (killed, whole):
        assert trained(path, "--preset", "recommended", "--epochs", "20") == 0
    assert torch.equal(weights(killed), weights(whole))
    assert torch.equal(weights(state_of(killed)), weights(state_of(whole)))


def test_ctrl_c_saves_everything_and_the_same_command_goes_on(out):
    status, printed = interrupted(out, signal.SIGINT, epochs=100)
    assert status == 130, printed
    stopped = int(re.search(r"Stopped at step (\d+) of 300; all is saved", printed)[1])
    assert steps_done(out) == checkpoint.load(out).steps == stopped
    assert "Traceback" not in printed


# A prior


def test_a_stopped_prior_goes_on_where_it_was_and_ends_as_an_uninterrupted_one(copied, monkeypatch, capsys):
    command = ["prior", str(copied), "--dataset", "digits", "--limit", "60"]
    command += ["--steps", "6", "--batch-size", "25", "--channels", "8", "--blocks", "1"]
    stopped, whole = copied.with_name("stopped.prior.safetensors"), copied.with_name("whole.prior.safetensors")
    assert main([*command, "--out", str(whole)]) == 0
    asked = iter([False, False, True])
    with monkeypatch.context() as patched:
        patched.setattr(commands.prior, "Stop", lambda: lambda: next(asked))
        assert main([*command, "--out", str(stopped)]) == 130
    assert "Stopped at step 2 of 6; all is saved" in capsys.readouterr().out
    assert not stopped.exists()
    assert main([*command, "--out", str(stopped)]) == 0
    printed = capsys.readouterr().out
    assert "going on from step 2" in printed
    assert "60 embedded digits (their held-out part)" in printed
    assert torch.equal(weights(stopped), weights(whole))
    assert not list(copied.parent.glob("*.state"))


def test_a_prior_learns_from_ones_own_images(flowers, out, capsys):
    assert trained_on(flowers, out) == 0
    few = ["--batch-size", "12", "--channels", "8", "--blocks", "1", "--steps", "4"]
    assert main(["prior", str(out), "--images", str(flowers), *few]) == 0
    trained = prior_file.load(out.with_suffix(".prior.safetensors"), checkpoint.load(out).fingerprint)
    assert (trained.dataset, trained.images, trained.prior.config.classes) == ("flowers", 36, 2)
    assert "without, 4 held-out images of flowers" in capsys.readouterr().out


def test_a_prior_may_begin_with_the_weights_of_another(copied, capsys):
    command = ["prior", str(copied), "--dataset", "digits", "--limit", "60", "--batch-size", "25", "--channels", "8"]
    first, second = copied.with_name("first.prior.safetensors"), copied.with_name("second.prior.safetensors")
    assert main([*command, "--steps", "6", "--blocks", "1", "--out", str(first)]) == 0
    longer = [*command, "--steps", "4", "--blocks", "2", "--start"]
    assert main([*longer, str(first), "--out", str(second)]) == 0
    trained = prior_file.load(second, checkpoint.load(copied).fingerprint)
    assert (trained.recipe.steps_before, trained.recipe.steps, trained.prior.config.blocks) == (6, 4, 2)
    assert main([*longer, str(first.with_name("none")), "--out", str(second)]) == 1
    assert "expected a prior of" in capsys.readouterr().err


# A model of somebody's own


ADAPTER = """
import torch
from torch import nn

class Model:
    image_shape = (3, 8, 8)
    codebook = torch.linspace(0, 1, 5).unsqueeze(1).repeat(1, 3)

    def encode(self, images):
        means = nn.functional.avg_pool2d(images, 4).mean(1)
        return (means * 4).round().long()

    def decode(self, codes):
        return self.codebook[codes].permute(0, 3, 1, 2).repeat_interleave(4, 2).repeat_interleave(4, 3)
"""


@pytest.fixture
def adapter(tmp_path) -> str:
    (tmp_path / "mine.py").write_text(ADAPTER)
    return f"{tmp_path / 'mine.py'}:Model"


def test_an_adapter_is_measured_on_images_in_its_size(adapter, flowers, capsys):
    assert main(["evaluate", "--model", adapter, "--images", str(flowers)]) == 0
    said = capsys.readouterr().out
    assert "K = 5, D = 3, 3 x 8 x 8 pixels -> 2 x 2 codes" in said
    assert re.search(r"4 held-out images of flowers +0\.\d+ +(0\.9|1\.0)", said)  # noise: no better than its mean


def test_info_says_what_an_adapter_offers_the_pages(adapter, capsys):
    assert main(["info", "--model", adapter]) == 0
    assert "no margins or errors without `latents`" in capsys.readouterr().out


def test_a_mistake_in_an_adapter_ends_a_command_in_a_sentence(adapter, capsys):
    assert main(["evaluate", "--model", adapter.replace("Model", "model")]) == 1
    assert "has no function model: expected" in capsys.readouterr().err


def test_codes_and_pictures_of_every_image_come_out_as_arrays(adapter, flowers, tmp_path):
    command = ["encode", "--model", adapter, "--images", str(flowers), "--pictures"]
    assert main([*command, "--out", str(tmp_path / "codes.npz")]) == 0
    with np.load(tmp_path / "codes.npz") as arrays:
        assert arrays["codes"].shape == (40, 2, 2)
        assert int(arrays["held_out"].sum()) == 4
        assert arrays["classes"].tolist() == ["rose", "tulip"]
        drawn = arrays["codebook"][arrays["codes"][:, 0, 0]]
        assert np.abs(arrays["pictures"][:, :, 0, 0] / 255 - drawn).max() < 1 / 255


def test_a_prior_of_an_adapter_lies_beside_it(adapter, flowers, tmp_path):
    few = ["--steps", "4", "--batch-size", "4", "--channels", "8", "--blocks", "1"]
    assert main(["prior", "--model", adapter, "--images", str(flowers), *few]) == 0
    named = owner.named(["--model", adapter])
    assert named.prior == tmp_path / "mine.prior.safetensors"
    trained = prior_file.load(named.prior, named.model.fingerprint)
    assert (trained.prior.config.num_embeddings, trained.prior.config.classes) == (5, 2)


def test_a_grid_too_large_for_a_prior_is_refused(adapter, flowers, tmp_path, capsys):
    (tmp_path / "mine.py").write_text(ADAPTER.replace("(3, 8, 8)", "(3, 68, 68)"))
    assert main(["prior", "--model", adapter, "--images", str(flowers)]) == 1
    assert "grid has 17 x 17 codes, and a prior is trained for 16 x 16 at most" in capsys.readouterr().err


# Evaluate, info, download


def test_evaluate_says_what_the_codes_that_draw_best_are_worth(finished, capsys):
    command = ["evaluate", str(finished), "--dataset", "digits", "--limit", "20", "--best-codes"]
    assert main([*command, "2"]) == 0
    before, after = map(float, re.search(r"NMSE ([\d.]+) in place of ([\d.]+)", capsys.readouterr().out).group(2, 1))
    assert after < before
    assert main([*command, "0"]) == 1
    assert "expected --best-codes to be at least 1, got 0" in capsys.readouterr().err


def test_a_ladder_that_is_to_measure_no_image_is_refused_before_it_trains(tmp_path, capsys):
    out = tmp_path / "ladder"
    command = ["ladder", "--dataset", "digits", "--limit", "20", "--best-codes", "0", "--out", str(out)]
    assert main([*command, "--work", str(tmp_path / "work")]) == 1
    assert "expected --best-codes to be at least 1, got 0" in capsys.readouterr().err
    assert not out.exists()


def test_evaluate_prints_the_figures_that_are_stored(finished, capsys):
    (stored,) = checkpoint.load(finished).measured
    assert main(["evaluate", str(finished), "--dataset", "digits", "--limit", "60"]) == 0
    printed = capsys.readouterr().out
    for figure in (f"{stored.mse:.5f}", f"{stored.nmse:.4f}", f"{stored.psnr:.2f}", f"{stored.perplexity:.1f}"):
        assert figure in printed


def test_evaluate_measures_the_shipped_models_where_no_other_is_named(capsys):
    assert main(["evaluate", "--dataset", "digits", "--limit", "20"]) == 0
    printed = capsys.readouterr().out
    for path in checkpoint.SHIPPED.values():
        assert f"{path.name}: fingerprint {checkpoint.load(path).fingerprint}" in printed


def test_info_says_what_a_checkpoint_is(finished, capsys):
    assert main(["info", str(finished)]) == 0
    printed = capsys.readouterr().out
    opened = checkpoint.load(finished)
    assert opened.fingerprint in printed
    assert "K = 8, D = 4, 1 x 28 x 28 pixels -> 7 x 7 codes" in printed
    assert "batch_size 25" in printed
    assert "6 steps on 60 images of digits" in printed


def test_info_says_what_a_bare_state_dict_leaves_open(make_model, tmp_path, capsys):
    torch.save(make_model().state_dict(), tmp_path / "bare.pt")
    assert main(["info", str(tmp_path / "bare.pt")]) == 0
    assert "assumed   images of 28 x 28 pixels; an offset of 0.5; a variance of" in capsys.readouterr().out


def test_download_is_the_command_that_messages_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path))
    asked = []

    def fetch(dataset: str, go_on: Callable[[Progress], bool]) -> None:
        asked.append(dataset)
        assert all(go_on(Progress(file, 4, size, 300)) for file in (1, 2) for size in (100, 200, 300))

    with pytest.raises(data.DataError) as error:
        data.load("kmnist")
    command = re.search(r"`python -m vqvae (.+?)`", str(error.value))[1]
    monkeypatch.setattr(commands.options, "fetch", fetch)
    monkeypatch.setattr(
        data, "load", lambda dataset, split: data.Digits(torch.zeros(3, 1, 4, 4), torch.zeros(3), dataset, split)
    )
    assert main(command.split()) == 0
    assert asked == ["kmnist"]
    assert "3 test characters of KMNIST" in capsys.readouterr().out


# Errors and help


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["info", "nowhere.safetensors"], "nowhere.safetensors cannot be read"),
        (["evaluate", "nowhere.pt"], "nowhere.pt cannot be read"),
        (["train", *QUICK, "--limit", "0"], "expected --limit to be at least 1, got 0"),
        (["train", *QUICK, "--epochs", "0"], "expected epochs to be at least 1, got 0"),
        (["train", *QUICK, "--lr", "nan"], "expected lr to be above 0, got nan"),
        (["train", "--dataset", "mnist"], "MNIST is not there"),
    ],
)
def test_an_error_is_one_sentence_and_status_one(arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VQVAE_DATA", str(tmp_path))
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"error: {sentence}") or sentence in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_help_teaches_every_hyperparameter_with_its_default(capsys):
    with pytest.raises(SystemExit) as left:
        main(["train", "--help"])
    assert left.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    for name, value in vars(Hyperparameters()).items():
        assert f"--{name.replace('_', '-')}" in printed
        assert " ".join(SETTINGS[name].effect.split()) in printed
        assert str(value) in printed


def test_the_page_to_take_home_is_one_file_of_less_than_two_megabytes_which_names_nothing_elsewhere(tmp_path, capsys):
    file = tmp_path / "vqvae.html"
    assert main(["page", "--out", str(file)]) == 0
    text = file.read_text()
    assert len(text.encode()) < 2_000_000
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", text)
    assert "prior" in capsys.readouterr().out


def test_another_models_page_begins_with_ones_own_images(flowers, tmp_path):
    file = tmp_path / "photos.html"
    photos = str(checkpoint.SHIPPED["default"].with_name("photos.safetensors"))
    assert main(["page", "--model", photos, "--images", str(flowers), "--out", str(file)]) == 0
    packed = re.search(r'data-part="said">([^<]+)<', file.read_text())[1]
    content = gzip.decompress(base64.b64decode(packed))
    choices = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])["digits"]
    assert [one["name"] for one in choices] == ["rose", "tulip"]
    assert len(choices[0]["pixels"]) == 32 * 32 * 3


def test_a_model_that_no_browser_can_run_has_no_page_and_says_so(adapter, flowers, tmp_path, capsys):
    assert main(["page", "--model", adapter, "--images", str(flowers), "--out", str(tmp_path / "page.html")]) == 1
    assert "error: This model shows no layers that a browser could run." in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_the_page_says_what_it_needs_where_the_app_does_not_lie_beside(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pages.ui.takeaway", None)
    assert main(["page"]) == 1
    assert capsys.readouterr().err.startswith("error: the page is made of the app's components")
