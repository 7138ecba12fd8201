"""The command line: python -m vqvae train, evaluate, info, encode, page, compare, ladder, learning, prior and more."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, fields, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from vqvae import checkpoint, data, distributed, owner, prior_file
from vqvae import images as own_images
from vqvae.analysis import ablation, best_codes, projection, shipped
from vqvae.background.array_cache import npz
from vqvae.background.download import Progress, fetch
from vqvae.checkpoint import Checkpoint, CheckpointError
from vqvae.data import DataError, Digits
from vqvae.evaluation import Evaluation, evaluate, reconstructions
from vqvae.explorable import Adapted
from vqvae.files import write_atomically
from vqvae.image_set import Shape
from vqvae.model import best_device
from vqvae.paths import data_folder
from vqvae.prior_training import PriorRecipe, PriorSnapshot, PriorTraining, grids
from vqvae.prior_training import train as train_prior
from vqvae.runs import comparison, ladder, learning, worker
from vqvae.runs.own_checkpoints import check_grid
from vqvae.runs.resume import as_checkpoint, go_on, keep
from vqvae.runs.run import RunError
from vqvae.training import PRESETS, SETTINGS, Hyperparameters, Snapshot, Training, train

S = TypeVar("S", Snapshot, PriorSnapshot)
WHOLE_COMPARISON = timedelta(days=30)  # that one process waits for the runs of the others


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status: 0 done, 1 a sentence on stderr says what is wrong, 130 stopped by Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        if distributed.launched() > 1 and options.run not in (train_command, compare_command):
            raise ValueError("expected train or compare: no other command shares its work among processes")
        return options.run(options)
    except (CheckpointError, DataError, RunError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def train_command(options: argparse.Namespace) -> int:
    chosen = {field.name: getattr(options, field.name) for field in fields(Hyperparameters)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    if options.run_folder and (options.run_folder / "run.json").exists():
        if distributed.launched() > 1:
            raise ValueError(
                f"{options.run_folder / 'run.json'} is of the Train page, whose runs have one process each"
            )
        if chosen:
            raise ValueError(f"{options.run_folder / 'run.json'} says what to train: leave out {', '.join(chosen)}")
        ended = worker.work(options.run_folder, _Stop())
        print(f"{ended.state} at step {ended.step:,} of {ended.steps:,}. {ended.message}")
        return {"finished": 0, "stopped": 130}.get(ended.state, 1)
    if options.size and not options.images:
        raise ValueError("expected --size beside --images: data sets have their own")
    recipe = replace(PRESETS[options.preset], **chosen)
    with distributed.joined():
        if distributed.is_first():
            return _train(recipe, options)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # one process prints for all
            return _train(recipe, options)


def _train(recipe: Hyperparameters, options: argparse.Namespace) -> int:
    folder = options.run_folder or options.out.with_suffix(".run")
    device = distributed.together(distributed.own_device)
    images, test = distributed.together(lambda: _own_images(options) if options.images else _both_parts(options))

    def begun() -> Training:
        run = Training(images, recipe, device)
        go_on(run, folder)
        return run

    run, processes = distributed.together(begun), distributed.world()
    print(
        f"{recipe.num_embeddings} codes of {recipe.embedding_dim} numbers, {recipe.quantizer} quantizer, "
        f"{images.described}, {run.steps:,} steps on {run.device}, seed {recipe.seed}"
        + (f", {processes} processes" if processes > 1 else "")
        + (f"; going on from step {run.step_count:,}" if run.step_count else "")
    )
    stopped, save = distributed.by_any(_Stop()), partial(keep, run, folder, options.out)
    if not _follow(run, train(run, stopped), _line, lambda snapshot: snapshot.ends_epoch, save):
        return 130
    if not distributed.is_first():
        return 0
    figures = evaluate(run.model.eval(), test, run.variance)
    finished = as_checkpoint(run, (figures,))
    checkpoint.save(finished, options.out)
    print(_table([figures]))
    print(f"Saved {options.out} (fingerprint {finished.fingerprint}); {folder} is only needed to go on training.")
    return 0


def evaluate_command(options: argparse.Namespace) -> int:
    _check_counts(options, "best_codes")
    for name in _models(options):
        opened, _, test = _with_images(name, options)
        _announce(name, opened)
        figures = evaluate(opened.model.to(best_device()), test, opened.variance)
        print(_table([figures]))
        if options.best_codes is not None:
            print(f"  {_with_best_codes(opened, test, options.best_codes)}")
    return 0


def _check_counts(options: argparse.Namespace, *names: str) -> None:
    """Before the work begins: what is counted in these options is at least one, where it is given."""
    for name in names:
        value = getattr(options, name)
        if value is not None and value < 1:
            raise ValueError(f"expected --{name.replace('_', '-')} to be at least 1, got {value}")


def _with_best_codes(opened: Checkpoint, digits: Digits, count: int) -> str:
    some = digits.evenly(count)
    with tqdm(desc="cells changed", unit="cell", disable=None) as bar:
        found = best_codes.gain(opened, some, bar.update)
    return (
        f"with the codes that draw best in place of the nearest: NMSE {found.best:.4f} in place of "
        f"{found.nearest:.4f}, {found.changed:.1%} of the cells changed, {some.described}"
    )


def info_command(options: argparse.Namespace) -> int:
    for name in _models(options):
        opened, _ = owner.opened(name)
        _announce(name, opened)
        if isinstance(opened.model, Adapted):
            print(f"  pages     {_for_pages(opened.model)}")
        if opened.recipe:
            print("  recipe    " + ", ".join(f"{name} {value}" for name, value in asdict(opened.recipe).items()))
        if opened.steps:
            print(f"  trained   {opened.steps:,} steps on {opened.training_images:,} images of {opened.dataset}")
        if opened.versions:
            print("  with      " + ", ".join(f"{name} {number}" for name, number in opened.versions))
        if opened.assumed:
            print("  assumed   " + "; ".join(opened.assumed))
        if opened.measured:
            print(_table(opened.measured))
    return 0


def _for_pages(model: Adapted) -> str:
    """What an adapter's optional members allow, in words."""
    return "; ".join(
        (
            "margins, errors and why this code" if model.has_latents else "no margins or errors without `latents`",
            "in the browser if that knows its layers" if model.layers else "on the server, without `layers`",
            "grids of any size" if model.any_grid else "grids of its own size alone",
        )
    )


def encode_command(options: argparse.Namespace) -> int:
    name = options.model or str(options.checkpoint)
    opened, train, test = _with_images(name, options)
    model = opened.model.to(best_device())
    parts = [train, test] if options.images else [test]
    codes = [grids(model, part).numpy() for part in parts]
    arrays: dict[str, np.ndarray] = {
        "codes": np.concatenate(codes).astype(np.int32),
        "labels": np.concatenate([part.labels.numpy() for part in parts]),
        "classes": np.array(test.classes),
        "held_out": np.repeat([part is test for part in parts], [len(part) for part in parts]),
        "codebook": model.codebook.detach().cpu().numpy(),
    }
    if options.pictures:
        made = [
            reconstructions(model, part, torch.from_numpy(grid), opened.variance).pixels.numpy()
            for part, grid in zip(parts, codes, strict=True)
        ]
        arrays["pictures"] = np.concatenate(made)
    _announce(name, opened)
    write_atomically(options.out, npz(arrays))
    for called, array in arrays.items():
        print(f"  {called:<9} {' x '.join(map(str, array.shape))} {array.dtype}")
    print(f"Saved {options.out}: numpy.load opens it.")
    return 0


def page_command(options: argparse.Namespace) -> int:
    try:
        from pages.ui.takeaway import page, parts_of_model  # it lies beside in a checkout, and in no installed library
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the page is made of the app's components ({error.name} is missing): run this in a checkout of the "
            "explorer, with its requirements.txt installed"
        ) from error
    title, parts = parts_of_model(options.model or str(options.checkpoint), options.images)
    whole = page(title, parts).encode()
    write_atomically(options.out, whole)
    for name, text in parts.items():
        print(f"  {name:<12} {len(text):>11,} bytes")
    print(f"Saved {options.out}, {len(whole):,} bytes: open it in any browser; ?embed=1 shows the canvas alone.")
    return 0


def compare_command(options: argparse.Namespace) -> int:
    _check_counts(options, "epochs", "seeds", "best")
    if not options.table:
        shorter = None
        if options.best is not None:
            shorter = comparison.load(options.of)
            if shorter is None:
                raise ValueError(f"expected a comparison in {options.of}, to take the best of")
            shorter = shorter.best(options.best)
        distributed.own_device()
        images, test = _both_parts(options)
        count = len(shorter.recipes if shorter else comparison.RECIPES)
        if distributed.is_first():
            print(f"{count} recipes on {images.described}, {options.epochs} epochs, {options.seeds} seeds.")
        for outcome in comparison.record(options.out, images, test, options.epochs, options.seeds, shorter):
            print(_outcome(outcome), flush=True)
        with distributed.joined(WHOLE_COMPARISON):  # each process did runs of its own: wait for the last one
            if not distributed.is_first():
                return 0
    elif not distributed.is_first():
        return 0
    recorded = comparison.load(options.out)
    if recorded is None:
        raise ValueError(f"expected a comparison in {options.out}, and there is none yet")
    if recorded.trials:
        print(f"\n{comparison.rates_tried(recorded)}")
    if recorded.results:
        print(f"\n{comparison.markdown(recorded)}")
    if options.table and recorded.results:
        print(f"\n{comparison.comma_separated(recorded)}", end="")
    return 0


def learning_command(options: argparse.Namespace) -> int:
    images, looked_at = _images(options.dataset, "train", options), data.load(data.EMBEDDED, "all")
    recorded = learning.record(images, looked_at)
    learning.save(recorded, options.out)
    for name, looks in recorded.looks.items():
        last = looks[-1]
        print(f"{name:<12} NMSE {last.nmse:.4f}  codes {int((last.counts > 0).sum())} of {len(last.counts)}")
    print(
        f"Saved {options.out}: {len(recorded.steps)} looks at {recorded.looked_at}, over {recorded.steps[-1]:,} steps"
    )
    return 0


def _outcome(one: comparison.Trial | comparison.Result) -> str:
    if isinstance(one, comparison.Trial):
        return f"{one.recipe:<28} trial   rate {one.lr:g}  NMSE {one.nmse:.4f} on held-out training images"
    return (
        f"{one.recipe:<28} seed {one.seed}  rate {one.lr:g}  NMSE {one.test.nmse:.4f}  codebook perplexity "
        f"{one.test.perplexity:.1f}, over ink cells {one.test.ink_perplexity:.1f}  codes {one.test.codes_used}  "
        f"{one.cpu_seconds:.0f} CPU s"
    )


def ladder_command(options: argparse.Namespace) -> int:
    _check_counts(options, "best_codes")
    images, test = _both_parts(options)
    print(f"{len(ladder.CODES)} codebooks, stages of training, and none at all, on {images.described}.")
    stopped = _Stop()
    for outcome in ladder.build(options.out, options.work, images, test, stopped, _rung_line):
        print(f"{outcome.path}  NMSE {outcome.nmse:.4f}{', as before' if outcome.kept else ''}", flush=True)
    if options.best_codes is not None and not stopped.asked:
        some = test.evenly(options.best_codes)
        print(f"With the codes that draw best in place of the nearest, {some.described}:")
        rungs = [*ladder.load(options.out).codes, checkpoint.load(checkpoint.SHIPPED["default"])]
        rungs.sort(key=lambda one: one.model.config.num_embeddings)
        recorded = best_codes.record(options.out / best_codes.SHIPPED.name, rungs, some, stopped)
        for rung, found in zip(rungs, recorded, strict=False):
            K = rung.model.config.num_embeddings
            print(f"K = {K}  NMSE {found.best:.4f} in place of {found.nearest:.4f}", flush=True)
    if stopped.asked:
        print("Stopped; all is saved. The same command goes on from there.")
        return 130
    return 0


def _rung_line(name: str, run: Training, snapshot: Snapshot) -> None:
    if snapshot.ends_epoch:
        print(f"{name}, epoch {snapshot.epoch} of {run.hyperparameters.epochs}: {_line(snapshot)}", flush=True)


def prior_command(options: argparse.Namespace) -> int:
    name = options.model or str(options.checkpoint)
    opened, images, test = _with_images(name, options)
    check_grid(opened.model.config)
    called = owner.file_of(name).name
    out = options.out or owner.prior_beside(name)
    chosen = {field.name: getattr(options, field.name, None) for field in fields(PriorRecipe)}
    recipe = PriorRecipe(**{name: value for name, value in chosen.items() if value is not None})
    start = prior_file.load(options.start, opened.fingerprint) if options.start else None
    if start:
        recipe = replace(recipe, steps_before=start.recipe.steps + start.recipe.steps_before)
    elif options.start:
        raise ValueError(f"expected a prior of {called} in {options.start}, and there is none")
    model = opened.model.to(best_device())
    K = model.config.num_embeddings
    training = PriorTraining(grids(model, images), images.labels, K, recipe, start.prior if start else None)
    state = out.with_suffix(".state")
    prior_file.go_on(training, opened.fingerprint, state)
    print(
        f"A prior over the codes of {called} (fingerprint {opened.fingerprint}), {images.described}, "
        f"{recipe.steps:,} steps, seed {recipe.seed}"
        + (f"; going on from step {training.step_count:,}" if training.step_count else "")
    )
    stopped, save = _Stop(), partial(prior_file.keep, training, opened.fingerprint, state)
    if not _follow(training, train_prior(training, stop=stopped), _prior_line, lambda now: now.step % 500 == 0, save):
        return 130
    trained = prior_file.finished(training, opened.fingerprint, images.dataset, grids(model, test), test)
    (figures,) = trained.measured
    prior_file.save(trained, out)
    state.unlink(missing_ok=True)
    print(f"{figures.with_class:.4f} nats a code with the class, {figures.without_class:.4f} without, {test.described}")
    print(f"Saved {out}")
    return 0


def _follow(
    training: Training | PriorTraining,
    snapshots: Iterator[S],
    line: Callable[[S], str],
    is_due: Callable[[S], bool],
    save: Callable[[], None],
) -> bool:
    """Train with a bar and a line for each snapshot, saving where it is due and at a stop; whether it finished."""
    hidden = None if distributed.is_first() else True  # None: where nobody watches
    with tqdm(total=training.steps, initial=training.step_count, unit="step", disable=hidden) as bar:
        for snapshot in snapshots:
            bar.update(snapshot.step - bar.n)
            bar.write(line(snapshot))
            if is_due(snapshot):
                save()
    if not training.finished:
        if training.step_count:
            save()
        print(
            f"Stopped at step {training.step_count:,} of {training.steps:,}; all is saved. "
            "The same command goes on from there."
        )
    return training.finished


def download_command(options: argparse.Namespace) -> int:
    _fetch(options.dataset)
    for split in ("train", "test"):
        print(data.load(options.dataset, split).described)
    return 0


def map_command(options: argparse.Namespace) -> int:
    for path in shipped.write("maps", projection.default_maps, options.models):
        print(f"Saved {path}")
    return 0


def ablate_command(options: argparse.Namespace) -> int:
    for path in shipped.write("ablation", ablation.default_ablation, options.models):
        print(f"Saved {path}")
    return 0


class _Stop:
    """Ctrl-C asks the run to end after its step; a second one ends it as usual.

    A launcher of several processes passes on to each the Ctrl-C that it has had already, and ends them by itself later.
    """

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        return self.asked

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
        if distributed.launched() == 1:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _fetch(dataset: str) -> None:
    """Download a data set that is not there, with a bar for each of its files."""
    if data.is_present(dataset):
        return
    with tqdm(unit="B", unit_scale=True, disable=None) as bar:

        def show(progress: Progress) -> bool:
            if progress.bytes < bar.n:
                bar.reset(progress.total)
            bar.total = progress.total
            bar.set_description(f"file {progress.file} of {progress.files}", refresh=False)
            bar.update(progress.bytes - bar.n)
            return True

        fetch(dataset, show)


def _models(options: argparse.Namespace) -> list[str]:
    """The names of the models that a command is about: the one after --model, else the files."""
    return [options.model] if options.model else [str(path) for path in options.checkpoints]


def _with_images(name: str, options: argparse.Namespace) -> tuple[Checkpoint, Digits, Digits]:
    """A model by its name, images to train on and images to measure on, in its size.

    Where none are named, images that an adapter brings along are both; a model of no digits is then asked for some.
    """
    opened, brought = owner.opened(name)
    config = opened.model.config
    if options.images:
        train, test = _own_images(options, config.image_shape)
    elif options.dataset is None and brought is not None:
        train = test = _limited(brought, options)
    else:
        train, test = _both_parts(options)
    if options.model:
        test = data.fitted(test, config)  # those to train on are fitted a few at a time: they may be many and large
        opened = checkpoint.with_variance_of(opened, test)
    return opened, train, test


def _images(dataset: str | None, split: str, options: argparse.Namespace) -> Digits:
    dataset = dataset or "mnist"
    if options.download:
        _fetch(dataset)
    return _limited(data.load(dataset, split), options)


def _both_parts(options: argparse.Namespace) -> tuple[Digits, Digits]:
    """The images to train on, and those to measure on."""
    return _images(options.dataset, "train", options), _images(options.dataset, "test", options)


def _own_images(options: argparse.Namespace, shape: Shape | None = None) -> tuple[Digits, Digits]:
    """The same of a folder or file; without a shape, in one that can be trained on."""
    found = own_images.find(options.images)
    own = found.read(shape or own_images.trainable(found.shape, options.size))
    for sentence in own.said:
        print(sentence)
    train, test = (_limited(own.part(split), options) for split in ("train", "test"))
    print(f"{own.everything.described}, {' x '.join(map(str, own.everything.pixels.shape[1:]))}; {test.described}")
    return train, test


def _limited(images: Digits, options: argparse.Namespace) -> Digits:
    if options.limit is None:
        return images
    if options.limit < 1:
        raise ValueError(f"expected --limit to be at least 1, got {options.limit}")
    return images.evenly(options.limit)


def _announce(name: str, opened: Checkpoint) -> None:
    config = opened.model.config
    print(f"{Path(name).name}: fingerprint {opened.fingerprint}")
    print(
        f"  model     K = {config.num_embeddings}, D = {config.embedding_dim}, {config.channels} x {config.height} x "
        f"{config.width} pixels -> {config.grid[0]} x {config.grid[1]} codes, variance {opened.variance:.4f}"
    )


def _line(s: Snapshot) -> str:
    minutes, seconds = divmod(round(s.seconds_left), 60)
    return (
        f"step {s.step:>6,}  epoch {s.epoch:>3}  loss {s.loss:.4f} = {s.reconstruction_loss:.4f} reconstruction "
        f"+ {s.codebook_loss:.4f} codebook + {s.commitment_loss:.4f} x commitment cost"
        + (f" + {s.entropy_loss:.4f} x entropy bonus" if s.entropy_loss else "")
        + f"  perplexity {s.perplexity:5.1f}, over ink cells {s.ink_perplexity:5.1f}  codes {s.codes_used:>4}  "
        f"{s.images_per_second:6,.0f} images/s  "
        f"{minutes}:{seconds:02} left"
    )


def _prior_line(snapshot: PriorSnapshot) -> str:
    return f"step {snapshot.step:>6,}  {snapshot.nats:.4f} nats a code"


def _table(measured: Sequence[Evaluation]) -> str:
    lines = [
        "                                                                 codebook perplexity over",
        "  images                                 MSE     NMSE     PSNR  all cells   ink cells  codes used",
    ]
    for figures in measured:
        what = f"{figures.images:,} of {figures.dataset}, {figures.split}"
        if figures.dataset not in data.DATASETS:
            what = data.described(figures.dataset, figures.split, figures.images)
        ink = "–" if figures.ink_perplexity is None else f"{figures.ink_perplexity:.1f}"
        lines.append(
            f"  {what:<32} {figures.mse:9.5f} {figures.nmse:8.4f} {figures.psnr:8.2f} {figures.perplexity:10.1f} "
            f"{ink:>11} {figures.codes_used:>11}"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vqvae",
        description="Train, measure and describe vector-quantised autoencoders.",
        epilog="Try it in a minute, with nothing to download: python -m vqvae train --preset recommended "
        "--dataset digits --epochs 4 --out mine.safetensors",
    )
    commands = parser.add_subparsers(
        title="commands",
        required=True,
        metavar="train | evaluate | info | encode | page | prior | compare | ladder | download | …",
    )

    command = commands.add_parser(
        "train",
        help="train a model and save it as a checkpoint",
        description="Train a model. Ctrl-C saves and stops; the same command goes on where it stopped, even after a "
        "crash, to the same weights. A run.json in the folder of --run says what to train, in place of settings; that "
        "run publishes its figures into the folder, and obeys the file control there. torchrun --standalone "
        "--nproc-per-node 2 -m vqvae train trains in two processes, each with its share of every batch.",
        epilog="The defaults are the tutorial's: a codebook learned by gradients, where some codes never get used. "
        "--preset recommended keeps all of them in use: moving averages, k-means "
        "initialisation, dead-code replacement and a one-cycle learning rate. --preset quick is for some minutes on "
        "the embedded digits.",
    )
    command.set_defaults(run=train_command)
    command.add_argument("--out", type=Path, default=Path("model.safetensors"), help="the checkpoint (%(default)s)")
    command.add_argument("--run", dest="run_folder", type=Path, help="folder for going on (the checkpoint's, as .run)")
    command.add_argument("--preset", choices=PRESETS, default="tutorial", help="where hyperparameters start")
    _add_data(command, own=True)
    command.add_argument(
        "--size",
        type=_size,
        help="of the images of --images, such as 32, or 24x32 for height x width (their own, at most "
        f"{own_images.LONGEST_SIDE} pixels a side)",
    )
    for field in fields(Hyperparameters):
        flag, setting = f"--{field.name.replace('_', '-')}", SETTINGS[field.name]
        values = {name: getattr(preset, field.name) for name, preset in PRESETS.items()}
        default = (
            ", ".join(f"{name} {value}" for name, value in values.items())
            if len(set(values.values())) > 1
            else (str(values["tutorial"]))
        )
        kind: dict[str, Any] = {"type": field.type, "choices": setting.choices or None}
        if field.type is bool:
            kind = {"action": argparse.BooleanOptionalAction}
        command.add_argument(flag, help=f"{setting.effect} ({default})", **kind)
        if setting.formerly:  # as commands of earlier versions say it
            flag = f"--{setting.formerly.replace('_', '-')}"
            command.add_argument(flag, dest=field.name, help=argparse.SUPPRESS, **kind)

    command = commands.add_parser(
        "evaluate",
        help="measure checkpoints on test images",
        description="Encode and decode every test image and print MSE, NMSE (over the variance stored with the "
        "model), PSNR, codes used, and codebook perplexity over all cells and over those whose patch holds ink.",
    )
    command.set_defaults(run=evaluate_command)
    _add_checkpoints(command)
    _add_data(command, own=True)
    command.add_argument(
        "--best-codes", type=int, help="also measure so many of the images with the codes that draw them best (none)"
    )

    command = commands.add_parser("info", help="say what a checkpoint is and where it comes from")
    command.set_defaults(run=info_command)
    _add_checkpoints(command)

    command = commands.add_parser(
        "encode",
        help="write the codes of images into a file for numpy",
        description="Encode images and write their codes (N, h, w), labels, the classes' names, the codebook (K, D) "
        "and which of them are held out into one .npz file.",
    )
    command.set_defaults(run=encode_command)
    _add_checkpoint(command)
    _add_model(command)
    _add_data(command, own=True)
    command.add_argument("--out", type=Path, default=Path("codes.npz"), help="the file (%(default)s)")
    command.add_argument("--pictures", action="store_true", help="what the model draws of the codes as well, in bytes")

    command = commands.add_parser(
        "page",
        help="write a page to take home: one HTML file, for any browser, without a server or a network",
        description="The explanation, the canvas, an interpolation, two smaller models and, where a prior lies beside "
        "the checkpoint, Generate: all in one HTML file, which opens from a disk, a phone or any static host. "
        "?embed=1 at the end of its address shows the canvas alone, for a frame in another page.",
    )
    command.set_defaults(run=page_command)
    _add_checkpoint(command)
    _add_model(command)
    _add_images(command, "to choose from on the page")
    command.add_argument("--out", type=Path, default=Path("vqvae.html"), help="the page (%(default)s)")

    _add_ahead(
        commands,
        "map",
        map_command,
        "lay out the maps that the shipped models open with",
        "Compute the maps that the Map page shows first, and write them beside the shipped models: needed again when "
        "one of these changes. Some two minutes a model.",
    )
    _add_ahead(
        commands,
        "ablate",
        ablate_command,
        "measure what breaks in the shipped models without each of their codes",
        "Ban each code in turn, draw the embedded digits with the next nearest ones, and write what that costs beside "
        "the shipped models, for the Codebook page: needed again when one of these changes. Some seconds a model.",
    )

    command = commands.add_parser(
        "compare",
        help="train the same network by several recipes, and compare them",
        description="Train by gradients, moving averages, the rotation trick, SimVQ, DiVeQ and FSQ, with and without "
        "k-means initialisation and dead-code replacement, on the same images in the same order. Each recipe first "
        "tries three learning rates, in short runs measured on training images held out. Each run is written down as "
        "it ends; the same command goes on where it was interrupted, and may run in several processes, which share the "
        "runs among them (torchrun --nproc-per-node). On full MNIST it takes some five hours of one core.",
    )
    command.set_defaults(run=compare_command)
    _add_data(command)
    command.add_argument("--epochs", type=int, default=comparison.EPOCHS, help="of each run (%(default)s)")
    command.add_argument("--seeds", type=int, default=comparison.SEEDS, help="runs of each recipe (%(default)s)")
    command.add_argument("--out", type=Path, default=comparison.SHIPPED, help="folder (%(default)s)")
    command.add_argument("--table", action="store_true", help="only print what is recorded, as Markdown and as CSV")
    command.add_argument("--best", type=int, help="only the so many best recipes of another comparison (all)")
    command.add_argument("--of", type=Path, default=comparison.SHIPPED, help="that comparison's folder (%(default)s)")

    command = commands.add_parser(
        "learning",
        help="record how a codebook of D = 2 learns by three recipes, side by side",
        description="Train a model of D = 2 by gradients, by moving averages, and by these with dead-code replacement, "
        "from the same start and on the same images, and record where latents and codes are as they learn. Some ten "
        "minutes.",
    )
    command.set_defaults(run=learning_command)
    _add_data(command)
    command.add_argument("--out", type=Path, default=learning.SHIPPED, help="the recording (%(default)s)")

    command = commands.add_parser(
        "ladder",
        help="train the default with fewer and with more codes, and keep it at stages of its training",
        description="By the recommended recipe: codebooks of 2 to 512 codes, ten epochs each; the default's own run "
        "after 0 steps to 5 epochs; and the same network without a codebook. Each is rounded to half precision, "
        "measured and written down as it ends; the same command goes on where it stopped. On full MNIST it takes some "
        "two hours of one core.",
    )
    command.set_defaults(run=ladder_command)
    _add_data(command)
    command.add_argument("--out", type=Path, default=ladder.SHIPPED, help="folder of what ships (%(default)s)")
    command.add_argument(
        "--work",
        type=Path,
        default=Path("recording/ladder"),
        help="folder for going on (%(default)s)",
    )
    command.add_argument(
        "--best-codes", type=int, help="also measure so many test images with the codes that draw them best (none)"
    )

    command = commands.add_parser(
        "prior",
        help="train a prior over a model's codes, which writes new images",
        description="Encode the training images and learn how likely each code is in each cell, given any others. "
        "Ctrl-C saves and stops; the same command goes on where it stopped, to the same weights. Some twenty minutes.",
    )
    command.set_defaults(run=prior_command)
    _add_checkpoint(command)
    _add_model(command)
    command.add_argument("--out", type=Path, help=f"the prior (beside the model’s file, as {prior_file.ENDING})")
    _add_data(command, own=True)
    command.add_argument("--start", type=Path, help="a prior whose weights to begin with (none: begin anew)")
    for field in fields(PriorRecipe):
        if field.name == "steps_before":
            continue  # the start says it
        command.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, help=f"({field.default})")

    command = commands.add_parser("download", help=f"fetch a full data set into {data_folder()}")
    command.set_defaults(run=download_command)
    command.add_argument("dataset", choices=tuple(data.TORCHVISION))
    return parser


def _add_ahead(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, words: str) -> None:
    """A command that computes ahead what the pages show of the shipped models."""
    command = commands.add_parser(name, help=summary, description=words)
    command.set_defaults(run=run)
    command.add_argument("models", nargs="*", default=list(checkpoint.SHIPPED), help="their names (all shipped ones)")


def _add_checkpoints(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "checkpoints", type=Path, nargs="*", default=list(checkpoint.SHIPPED.values()), help="files (the shipped ones)"
    )
    _add_model(command)


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "checkpoint", type=Path, nargs="?", default=checkpoint.SHIPPED["default"], help="a file (the shipped default)"
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        help="another model in place of a file of ours: my_adapter.py:make, whose code runs, or weights; images come "
        "in its size",
    )


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.partition("x")
    return int(height), int(width or height)


def _add_images(command: Any, purpose: str) -> None:
    command.add_argument(
        "--images",
        type=Path,
        help="images of your own: a folder of images or of class folders, or a file in .zip, .npz or .parquet, "
        f"{purpose}",
    )


def _add_data(command: argparse.ArgumentParser, own: bool = False) -> None:
    sources = command.add_mutually_exclusive_group()
    if own:
        _add_images(sources, "in place of a data set; a tenth of each class is held out for testing")
    sources.add_argument(
        "--dataset",
        choices=data.DATASETS,
        help=f"{data.EMBEDDED}: 5,000 digits that come along, 500 of them for testing; {data.PHOTOS}: crops of two "
        "photographs, in colour, which come along too; the others in full (mnist)",
    )
    command.add_argument("--download", action="store_true", help="fetch the data set first if it is not there")
    command.add_argument("--limit", type=int, help="only so many of the images, for a quick try")


if __name__ == "__main__":
    distributed.leave(main())
