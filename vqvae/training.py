"""Training as a generator of snapshots: it prints nothing, saves nothing and knows no page.

The tutorial's recipe is the default: loss = mse(reconstruction, x) / variance + mse(z_q, sg z_e)
+ 0.25 mse(z_e, sg z_q), all means (van den Oord et al. 2017, eq. 3), Adam at 1e-3, 50 epochs of batches of 128.
Chance is a function of seed and step alone, so a run that stops anywhere goes on to the same weights. Of several
processes (distributed.py), each draws the same order and takes its share of every batch: all have the same model.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from vqvae import distributed
from vqvae.chance import chance
from vqvae.data import Digits, to_unit
from vqvae.evaluation import perplexity
from vqvae.model import VQVAE, Losses, ModelConfig, Output, best_device, losses
from vqvae.quantizer import INITIALISATIONS, QUANTIZERS, Quantized, make_quantizer
from vqvae.receptive_field import background_cells, receptive_field

USES = ("order", "dead codes", "noise")  # of chance, each with a stream of its own


class Setting(NamedTuple):
    """What there is to know of a hyperparameter: for its check, the command line and the page where it is set."""

    effect: str  # what it does
    low: float = 0  # the least that can be trained with
    above: bool = False  # whether it has to be above `low`
    high: float = math.inf
    offered: tuple[float, float] | None = None  # from where to where a page offers it
    step: float = 1  # of a page's buttons
    choices: tuple[str, ...] = ()
    formerly: str | None = None  # its name in files, links and commands of earlier versions

    def check(self, name: str, value: float | str) -> None:
        """Raises ValueError for a value that cannot be trained with."""
        if isinstance(value, str):
            if value not in self.choices:
                raise ValueError(f"expected {name} out of {', '.join(self.choices)}, got {value!r}")
        elif not self._holds(value):
            bounds = f"to be {'above' if self.above else 'at least'} {self.low}"
            if self.high < math.inf:
                bounds = f"from {self.low} to {self.high}"
            raise ValueError(f"expected {name} {bounds}, got {value}")

    def _holds(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value <= self.high and not (self.above and value == self.low)


def _setting(default: object, effect: str, **known: Any) -> Any:
    return field(default=default, metadata={"setting": Setting(effect, **known)})


@dataclass(frozen=True)
class Hyperparameters:
    """A recipe; the defaults are the tutorial's. Raises ValueError for values that cannot be trained with."""

    batch_size: int = _setting(
        128, "images a step; more of them make a step slower and its direction steadier", low=1, offered=(1, 1024)
    )
    embedding_dim: int = _setting(
        16, "D, numbers in a code's vector; more of them can hold more, and are harder to fill", low=1, offered=(1, 128)
    )
    num_embeddings: int = _setting(
        128, "K, codes in the codebook; more of them draw finer, if they are used", low=1, offered=(1, 1024)
    )
    epochs: int = _setting(
        50,
        "times that training sees every image; more of them take longer and reconstruct better",
        low=1,
        offered=(1, 1000),
    )
    print_freq: int = _setting(100, "steps between two lines of figures", low=1)
    lr: float = _setting(
        1e-3,
        "Adam's learning rate, the peak of it in one cycle; too high a rate breaks the run, too low a one crawls",
        above=True,
        offered=(1e-6, 1.0),
        step=5e-4,
    )
    commitment_cost: float = _setting(
        0.25,
        "how hard the encoder is pulled towards its codes; at 0 its vectors may drift away from them",
        offered=(0.0, 10.0),
        step=0.05,
    )
    # Beyond the tutorial.
    quantizer: str = _setting(
        "gradient", "how the codebook learns, and so how many of its codes end up in use", choices=tuple(QUANTIZERS)
    )
    schedule: str = _setting(
        "constant",
        "the learning rate over the run: constant, or one cycle up and down, which ends at a finer solution",
        choices=("constant", "one-cycle"),
    )
    kmeans_init: bool = _setting(
        False,
        "start the codebook at the k-means centres of encodings, where it is needed",
        formerly="kmeans_start",
    )
    dead_code_replacement: bool = _setting(
        False,
        "move codes that nothing uses onto random encodings; simvq moves all at once, fsq none",
        formerly="revival",
    )
    seed: int = _setting(
        0, "fixes every draw: same seed, data and machine, same weights", high=2**31 - 1, offered=(0, 9_999)
    )
    initialisation: str = _setting(
        "normal",
        "where the codebook starts: at random vectors from N(0, 1), or close to the origin, from U(-1/K, 1/K)",
        choices=INITIALISATIONS,
    )
    warm_up: int = _setting(
        0,
        "steps of plain autoencoding before there are codes, so that k-means clusters encodings that mean something",
        offered=(0, 100_000),
        step=50,
    )
    entropy_bonus: float = _setting(
        0.0,
        "reward for cells that are sure of their code while all codes are in use; at 0 there is none",
        offered=(0.0, 10.0),
        step=0.05,
    )

    def __post_init__(self) -> None:
        for one in fields(self):
            value, kind = getattr(self, one.name), type(one.default)
            if type(value) is not kind and not (kind is float and type(value) is int):
                raise ValueError(f"expected {one.name} as {kind.__name__}, got {value!r}")
            one.metadata["setting"].check(one.name, value)
        QUANTIZERS[self.quantizer].levels(self.num_embeddings, self.embedding_dim)  # it says what it cannot have

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """The recipe that a file holds, of this version or an earlier one. Raises ValueError, TypeError."""
        today = {setting.formerly: name for name, setting in SETTINGS.items()}
        return cls(**{today.get(name, name): value for name, value in record.items()})


SETTINGS: dict[str, Setting] = {field.name: field.metadata["setting"] for field in fields(Hyperparameters)}
TUTORIAL = Hyperparameters()
RECOMMENDED = Hyperparameters(
    epochs=40, quantizer="ema", schedule="one-cycle", lr=3e-3, kmeans_init=True, dead_code_replacement=True
)
# The best held-out NMSE after three minutes on the embedded digits, of the recipes that README names; measured by
# tests/benchmarks/three_minutes.py, which offers more.
QUICK = Hyperparameters(
    epochs=45,
    batch_size=32,
    quantizer="diveq",
    schedule="one-cycle",
    lr=1e-2,
    commitment_cost=0.0,
    initialisation="uniform",
    kmeans_init=True,
    warm_up=150,
    dead_code_replacement=True,
)
PRESETS = {"tutorial": TUTORIAL, "recommended": RECOMMENDED, "quick": QUICK}


@dataclass(frozen=True)
class Snapshot:
    """Where a run stands. Losses, NMSE and usage are over the training batches since the snapshot before."""

    step: int  # batches seen
    steps: int  # of the whole run
    epoch: int  # whole epochs seen
    ends_epoch: bool  # whether an epoch ended with this very step
    reconstruction_loss: float
    codebook_loss: float
    commitment_loss: float  # before its weight
    loss: float  # the sum that is optimised
    nmse: float  # of training images as they were reconstructed while training
    perplexity: float  # codebook perplexity, over all cells
    ink_perplexity: float  # over cells whose patch holds ink
    codes_used: int
    usage: tuple[int, ...]  # (K,) cells that took each code
    images_per_second: float
    seconds_left: float
    entropy_loss: float = 0.0  # before its weight, the entropy bonus; 0 where there is none


class Training:
    """One run: a model, its optimiser and the position in the data, moved on by `step`."""

    def __init__(self, digits: Digits, hyperparameters: Hyperparameters = TUTORIAL, device: torch.device | None = None):
        self.hyperparameters = h = hyperparameters
        self.digits = digits
        self.variance = digits.variance
        if not self.variance > 0:  # false for the NaN of no images as well
            raise ValueError(f"expected images that differ somewhere, got {len(digits)} of variance {self.variance}")
        fewest = min(len(digits) % h.batch_size or h.batch_size, len(digits))
        if fewest < distributed.world():
            raise ValueError(
                f"expected an image of each batch for each of {distributed.world()} processes, and the last batch of "
                f"{len(digits)} images has {fewest}: choose another batch size, or fewer processes"
            )
        self.device = device or best_device()
        channels, height, width = digits.pixels.shape[1:]
        levels = QUANTIZERS[h.quantizer].levels(h.num_embeddings, h.embedding_dim)
        config = ModelConfig(channels, height, width, h.num_embeddings, h.embedding_dim, levels=levels)
        with torch.random.fork_rng(devices=[]):  # layers draw from the process-wide generator: leave it as it was
            torch.default_generator.manual_seed(h.seed)  # torch.manual_seed would move the accelerators' too
            self.model = VQVAE(config, make_quantizer(h.quantizer, h.num_embeddings, h.embedding_dim, h.initialisation))
        # Channels last and one fused optimiser step are a quarter faster on a CPU, and change no mathematics.
        self.model.to(self.device, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue] torch's types leave it out
        self._field = receptive_field(self.model)  # now: a step's cost is measured, and this is none of it
        self._averaged = distributed.averaged(self.model)
        learned = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.Adam(learned, lr=h.lr, fused=self.device.type in ("cpu", "cuda"))
        self.steps_per_epoch = math.ceil(len(digits) / h.batch_size)  # the last short batch is kept
        self.steps = self.steps_per_epoch * h.epochs
        self.step_count = 0
        self._window = _Window(h.num_embeddings)

    @property
    def finished(self) -> bool:
        return self.step_count >= self.steps

    @property
    def warming_up(self) -> bool:
        """Whether the next batch trains encoder and decoder alone, before there is a codebook worth the name."""
        return self.step_count < self.hyperparameters.warm_up

    def step(self) -> None:
        """Train on the next batch."""
        started = time.perf_counter()
        h = self.hyperparameters
        indices = self._batch_indices()
        pixels = self.digits.pixels[distributed.share(indices)]
        x = self._batch(pixels)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(h, self.step_count, self.steps)
        self.optimizer.zero_grad(set_to_none=True)
        entropy = torch.zeros(())
        if self.warming_up:
            output = self._averaged(self._without_codebook, x)
            terms = self._losses(output, x)
            terms.reconstruction.backward()
            self.optimizer.step()
        else:
            if h.kmeans_init and self.step_count == h.warm_up:
                self._init_codebook()
            vq = self.model.vq_layer
            vq.prepare(self._generator("noise", self.step_count))
            output = self._averaged(self.model, x)
            terms = self._losses(output, x)
            if h.entropy_bonus:
                entropy = vq.entropy_loss(output.latents)
            (terms.total(h.commitment_cost) + h.entropy_bonus * entropy.to(self.device)).backward()
            self.optimizer.step()
            vq.update(output.latents, output.quantized.codes)
            if h.dead_code_replacement and self.step_count < 0.75 * self.steps:  # the last quarter is for settling
                dead = vq.replace_dead_codes(output.latents, self._generator("dead codes", self.step_count))
                self._forget_momentum(dead)
        self.step_count += 1
        blank = background_cells(pixels, self._field, self.model.config.grid)
        codes = output.quantized.codes.cpu()
        self._window.add((*terms, entropy), codes, ~blank, len(indices), time.perf_counter() - started)

    def snapshot(self) -> Snapshot:
        """The figures since the last snapshot; ValueError where no step was taken since."""
        snapshot = self._window.snapshot(self)
        self._window = _Window(self.hyperparameters.num_embeddings)
        return snapshot

    # Everything that going on needs, beyond data and hyperparameters.

    def state(self) -> dict[str, Tensor]:
        """Model, optimiser, moving averages and position, as named tensors on the CPU.

        The order of the data and every draw follow from the seed and the position.
        """
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"quantizer.{name}": value for name, value in self.model.vq_layer.training_state().items()}
        for name, parameter in self._learned():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer.{name}.{key}"] = value
        tensors["step"] = torch.tensor(self.step_count)
        return {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up a `state` again. Raises ValueError, and changes nothing, where it is not one of a run like this."""
        # Earlier versions kept no counts where the optimiser learns the codebook: there they begin anew.
        tensors = {"quantizer.counts": torch.ones(self.hyperparameters.num_embeddings)} | tensors
        self._check_state(tensors)
        self.model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
        for name, value in self.model.vq_layer.training_state().items():
            value.copy_(tensors[f"quantizer.{name}"])
        self.optimizer.state.clear()
        for name, parameter in self._learned():
            prefix = f"optimizer.{name}."
            entries = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            if entries:
                self.optimizer.state[parameter] = {
                    # `step` is a scalar; the two moments lie in memory as their parameter does
                    key: (torch.empty_like(parameter) if value.ndim else torch.empty_like(value)).copy_(value)
                    for key, value in entries.items()
                }
        self.step_count = int(tensors["step"])
        self._window = _Window(self.hyperparameters.num_embeddings)

    def _check_state(self, tensors: dict[str, Tensor]) -> None:
        own = self.state()
        expected = {name: tuple(own[name].shape) for name in own if not name.startswith("optimizer.")}
        if "step" in tensors and tensors["step"].ndim == 0 and tensors["step"] > 0:  # Adam keeps nothing before that
            warmed_up = tensors["step"] > self.hyperparameters.warm_up
            for name, parameter in self._learned():
                if name.startswith("vq_layer.") and not warmed_up:
                    continue
                shapes = {"step": (), "exp_avg": tuple(parameter.shape), "exp_avg_sq": tuple(parameter.shape)}
                expected |= {f"optimizer.{name}.{key}": shape for key, shape in shapes.items()}
        got = {name: tuple(value.shape) for name, value in tensors.items()}
        for name in sorted(expected.keys() | got.keys()):
            if expected.get(name) != got.get(name):
                raise ValueError(
                    f"expected the state of a run like this one: {name} as {expected.get(name, 'nothing')}, "
                    f"got {got.get(name, 'nothing')}"
                )
        if not 0 <= int(tensors["step"]) <= self.steps:
            raise ValueError(f"expected a state within {self.steps} steps, got step {int(tensors['step'])}")

    def _learned(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]

    def _losses(self, output: Output, x: Tensor) -> Losses:
        """The terms over the whole batch, of which x (B, C, H, W) is this process's share."""
        return Losses(*distributed.mean(torch.stack(losses(output, x, self.variance)), len(x)))

    def _batch(self, pixels: Tensor) -> Tensor:
        """Pixels in [0, 1] minus the offset: (B, C, H, W) uint8 -> the same in float32, channels last."""
        x = to_unit(pixels).sub_(self.model.config.offset)
        return x.to(self.device).contiguous(memory_format=torch.channels_last)

    def _batch_indices(self) -> Tensor:
        epoch, position = divmod(self.step_count, self.steps_per_epoch)
        start = position * self.hyperparameters.batch_size
        return self._order(epoch)[start : start + self.hyperparameters.batch_size]

    def _order(self, epoch: int) -> Tensor:
        """A new order of all images for each epoch."""
        if getattr(self, "_ordered", (None, None))[0] != epoch:
            self._ordered = epoch, torch.randperm(len(self.digits), generator=self._generator("order", epoch))
        return self._ordered[1]

    def _generator(self, use: str, counter: int) -> torch.Generator:
        """Chance for one use at one step, apart from all others."""
        return chance(self.hyperparameters.seed, USES.index(use), counter)

    def _without_codebook(self, x: Tensor) -> Output:
        """A pass whose decoder gets the encoder's own vectors: (B, C, H, W) pixels minus the offset."""
        z_e = self.model.encoder(x)
        nothing = z_e.new_zeros(())
        quantized = Quantized(z_e, self.model.vq_layer.nearest(z_e), codebook_loss=nothing, commitment_loss=nothing)
        return Output(self.model.decoder(z_e), z_e, quantized)

    @torch.no_grad()
    def _forget_momentum(self, codes: Tensor) -> None:
        """Let the optimiser begin anew with codes (M,) that were replaced: its averages speak of the old ones."""
        state = self.optimizer.state.get(self.model.vq_layer.embeddings.weight, {})
        for key in ("exp_avg", "exp_avg_sq"):
            if key in state and len(codes):
                state[key][codes] = 0

    @torch.no_grad()
    def _init_codebook(self) -> None:
        """k-means over the encodings of the first images: a batch, or more where that is few for K centres."""
        h = self.hyperparameters
        wanted = max(h.batch_size, 32 * h.num_embeddings // self.model.config.cells)
        first = self.digits.pixels[distributed.share(self._order(0)[:wanted])]
        z_e = self.model.encoder(self._batch(first))  # (B, D, h, w)
        self.model.vq_layer.init_from(distributed.gather(z_e.permute(0, 2, 3, 1).flatten(0, 2)), h.seed)


def train(run: Training, stop: Callable[[], bool] = lambda: False) -> Iterator[Snapshot]:
    """Go on to the end, or until `stop` says so; a snapshot every `print_freq` steps and at each epoch's end."""
    while not run.finished and not stop():
        run.step()
        if run.step_count % run.hyperparameters.print_freq == 0 or run.step_count % run.steps_per_epoch == 0:
            yield run.snapshot()


def learning_rate(h: Hyperparameters, step: int, steps: int) -> float:
    """The rate at one step: constant, or one cycle."""
    return h.lr if h.schedule == "constant" else one_cycle(h.lr, step, steps)


def one_cycle(highest: float, step: int, steps: int) -> float:
    """The learning rate at one step of a cycle (Smith and Topin 2018) that rises for 30 % of the run to its highest.

    Both slopes are cosines, from highest / 25 and down to highest / 250,000, as torch's OneCycleLR has them.
    """
    peak = 0.3 * steps - 1
    if step < peak:
        low, progress = highest / 25, step / peak
    else:
        low, progress = highest / 25e4, 1 - (step - peak) / (steps - 1 - peak)
    return low + (highest - low) * (1 - math.cos(math.pi * progress)) / 2


class _Window:
    """What happened since the last snapshot; sums stay tensors, so that a step waits for no figure."""

    def __init__(self, K: int):
        self.sums = torch.zeros(4, dtype=torch.float64)  # the loss's terms, and the entropy
        # Of all cells and of those with ink, in this process's share, while all else is of whole batches.
        self.counts = torch.zeros(2, K, dtype=torch.int64)
        self.images = 0
        self.steps = 0
        self.seconds = 0.0

    def add(self, terms: Sequence[Tensor], codes: Tensor, ink: Tensor, images: int, seconds: float) -> None:
        """Codes (B, h, w) int64 and where there is ink (B, h, w) bool, both on the CPU."""
        self.sums += torch.stack([term.detach().cpu() for term in terms]) * images
        K = self.counts.shape[1]
        self.counts += torch.stack([torch.bincount(some, minlength=K) for some in (codes.flatten(), codes[ink])])
        self.images += images
        self.steps += 1
        self.seconds += seconds

    def snapshot(self, run: Training) -> Snapshot:
        if not self.images:
            raise ValueError("expected at least one step since the last snapshot, got none")
        *three, entropy = (self.sums / self.images).unbind()
        counts, ink_counts = distributed.total(self.counts)
        terms, h = Losses(*three), run.hyperparameters
        return Snapshot(
            step=run.step_count,
            steps=run.steps,
            epoch=run.step_count // run.steps_per_epoch,
            ends_epoch=run.step_count % run.steps_per_epoch == 0,
            reconstruction_loss=float(terms.reconstruction),
            codebook_loss=float(terms.codebook),
            commitment_loss=float(terms.commitment),
            loss=float(terms.total(h.commitment_cost) + h.entropy_bonus * entropy),
            nmse=float(terms.reconstruction),
            perplexity=perplexity(counts),
            ink_perplexity=perplexity(ink_counts),
            codes_used=int((counts > 0).sum()),
            usage=tuple(counts.tolist()),
            images_per_second=self.images / self.seconds,
            seconds_left=self.seconds / self.steps * (run.steps - run.step_count),
            entropy_loss=float(entropy),
        )
