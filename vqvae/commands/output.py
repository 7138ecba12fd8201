"""What several commands print, and how the long ones are followed and stopped."""

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from vqvae import data, distributed
from vqvae.checkpoint import Checkpoint
from vqvae.evaluation import Evaluation
from vqvae.prior_training import PriorSnapshot, PriorTraining
from vqvae.training import Snapshot, Training

S = TypeVar("S", Snapshot, PriorSnapshot)


def announce(name: str, opened: Checkpoint) -> None:
    """Say which model it is, in what sizes."""
    config = opened.model.config
    print(f"{Path(name).name}: fingerprint {opened.fingerprint}")
    print(
        f"  model     K = {config.num_embeddings}, D = {config.embedding_dim}, {config.channels} x {config.height} x "
        f"{config.width} pixels -> {config.grid[0]} x {config.grid[1]} codes, variance {opened.variance:.4f}"
    )


def table(measured: Sequence[Evaluation]) -> str:
    """What was measured, a line for each set of images."""
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


def progress(s: Snapshot) -> str:
    """How far a training is, in a line."""
    minutes, seconds = divmod(round(s.seconds_left), 60)
    return (
        f"step {s.step:>6,}  epoch {s.epoch:>3}  loss {s.loss:.4f} = {s.reconstruction_loss:.4f} reconstruction "
        f"+ {s.codebook_loss:.4f} codebook + {s.commitment_loss:.4f} x commitment cost"
        + (f" + {s.entropy_loss:.4f} x entropy bonus" if s.entropy_loss else "")
        + f"  perplexity {s.perplexity:5.1f}, over ink cells {s.ink_perplexity:5.1f}  codes {s.codes_used:>4}  "
        f"{s.images_per_second:6,.0f} images/s  "
        f"{minutes}:{seconds:02} left"
    )


def follow(
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


class Stop:
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
