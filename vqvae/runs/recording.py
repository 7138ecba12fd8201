"""What a run leaves behind for looking at: figures line by line, and frames of its codebook and reconstructions.

Both files only grow at their end, so that a reader may come at any moment and a torn end costs one entry. When a file
is full, every second entry goes and from then on half as many come: whatever its length, a run keeps its whole story
in bounded room. The latest frames stand in a small file of their own as well, so that a long run is watched no less
closely than a short one.

SQLite without its write-ahead log, which shared drives do not bear, was tried. It writes a frame in 0.2 ms instead of
0.9, but the training would wait for whoever looks on, and after a kill who looks must first write; and files written
until now would still need their reader. Here nobody waits for anybody.
"""

import json
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from vqvae.files import write_atomically

MOST_METRICS = 2_000
MOST_FRAMES = 240
MOST_BYTES = 24 * 2**20  # of frames: a large codebook gets fewer of them
FEWEST_FRAMES = 16
LATEST = 4  # frames that are there however few are kept
FORMAT = 1


class Metrics(NamedTuple):
    """The figures of a run at one step; those of training are over the batches since those before."""

    step: int
    loss: float
    reconstruction_loss: float
    codebook_loss: float
    commitment_loss: float  # before its weight
    perplexity: float  # over all cells
    codes_used: int
    images_per_second: float
    seconds_left: float
    held_out_nmse: float | None  # measured now and then, None in between
    held_out_perplexity: float | None  # over all cells
    held_out_codes: int | None
    cpu_seconds: float = 0.0  # of training until then: all threads together, whatever else the machine does meanwhile
    ink_perplexity: float | None = None  # over cells whose patch holds ink; None in older recordings
    held_out_ink_perplexity: float | None = None

    @property
    def held_out(self) -> bool:
        """Whether held-out images were measured at this step."""
        return self.held_out_nmse is not None


class PriorMetrics(NamedTuple):
    """The figures of a prior's training at one step, in nats a code; the first are over the batches since those before.

    Half of the grids, or as many as the recipe says, are without their class.
    """

    step: int
    nats: float
    held_out_nats: float | None  # measured now and then, None in between
    seconds_left: float

    @property
    def held_out(self) -> bool:
        """Whether held-out images were measured at this step."""
        return self.held_out_nats is not None


M = TypeVar("M", Metrics, PriorMetrics)


class History(Generic[M]):
    """The figures of a run, a line each; for the one process that writes them."""

    def __init__(self, path: Path, step: int, kind: type[M]):
        """Go on after `step`: lines of a future that was not saved are dropped. Raises OSError."""
        self.path = path
        self._kept = [metrics for metrics in read_history(path, kind) if metrics.step <= step]
        self._rewrite()

    @property
    def last(self) -> M | None:
        """The latest figures."""
        return self._kept[-1] if self._kept else None

    def add(self, metrics: M) -> None:
        """Append one line. Raises OSError."""
        self._kept.append(metrics)
        if len(self._kept) > MOST_METRICS:
            self._kept = _thinned(self._kept)
            self._rewrite()
        else:
            with open(self.path, "ab") as file:
                file.write(_line(metrics))

    def _rewrite(self) -> None:
        write_atomically(self.path, b"".join(map(_line, self._kept)), durable=False)


def _thinned(history: list[M]) -> list[M]:
    """Every second entry, the last one among them; those with held-out figures stay while they are the fewer."""
    measured = [metrics for metrics in history if metrics.held_out]
    others = [metrics for metrics in history if not metrics.held_out]
    kept = measured if len(measured) <= len(others) else measured[::-2]
    return sorted((*kept, *others[::-2]), key=lambda metrics: metrics.step)


def read_history(path: Path, kind: type[M]) -> list[M]:
    """The figures so far, by step; lines that cannot be read are left out, the torn last one above all."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    return [metrics for line in lines if (metrics := _metrics(line, kind)) is not None]


def _line(metrics: tuple) -> bytes:
    return json.dumps(metrics).encode() + b"\n"


def _metrics(line: bytes, kind: type[M]) -> M | None:
    try:
        metrics = kind(*json.loads(line))
    except (ValueError, TypeError):
        return None
    return metrics if all(value is None or type(value) in (int, float) for value in metrics) else None


class Frame(NamedTuple):
    """A run at one step, to look at."""

    step: int
    codebook: Tensor  # (K, D) float32
    usage: Tensor  # (K,) int64: cells that took each code since the frame before
    reconstructions: Tensor  # (M, C, H, W) uint8


class Recording(NamedTuple):
    """All frames of a run so far, F of them, and the digits that they reconstruct."""

    digits: Tensor  # (M, C, H, W) uint8
    steps: Tensor  # (F,) int64, growing
    codebooks: Tensor  # (F, K, D) float32
    usage: Tensor  # (F, K) int64
    reconstructions: Tensor  # (F, M, C, H, W) uint8

    def frame(self, at: int) -> Frame:
        return Frame(int(self.steps[at]), self.codebooks[at], self.usage[at], self.reconstructions[at])


def code_paths(codebooks: Tensor) -> Tensor:
    """Where codes went: (F, K, D) -> (F, K, 2), in the plane of the two principal components of all they passed."""
    F, K, D = codebooks.shape
    points = codebooks.reshape(F * K, D).double()
    points = points - points.mean(0)
    _, axes = torch.linalg.eigh(points.t() @ points)  # (D, D), ascending
    axes = axes.flip(1)[:, :2]  # (D, 2), of one dimension (1, 1)
    # An axis has no sign of its own: fixed, so that the picture does not turn over from one frame to the next.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    plane = points @ axes
    return torch.nn.functional.pad(plane, (0, 2 - plane.shape[1])).view(F, K, 2).float()


class Recorder:
    """The frames of a run in one file: a line of JSON, the digits, then records of one size.

    For the one process that writes them. Readers keep no hold of the file: it is only replaced or grown, never cut.
    """

    def __init__(self, path: Path, digits: Tensor, num_embeddings: int, embedding_dim: int, step: int):
        """Go on after `step`: frames of a future that was not saved are dropped. Raises OSError."""
        self.path = path
        self._shape = _Shape(num_embeddings, embedding_dim, *digits.shape)
        self._digits = digits
        self._every, self._skipped = 1, 0
        self._latest: list[np.ndarray] = []
        _latest_file(path).unlink(missing_ok=True)
        found = _read(path)
        records = np.zeros(0, self._shape.record)
        if found is not None and found.shape == self._shape and torch.equal(found.digits, digits):
            records, self._every = found.records[found.records["step"] <= step], found.every
        self._rewrite(records)

    def add(self, frame: Frame, *, always: bool = False) -> None:
        """Record a frame, or skip it where fewer are wanted; `always` is for the last one. Raises OSError."""
        record = np.zeros(1, self._shape.record)
        record["step"] = frame.step
        record["codebook"] = frame.codebook.numpy()
        record["usage"] = frame.usage.numpy()
        record["reconstructions"] = frame.reconstructions.numpy()
        self._latest = [*self._latest, record][-LATEST:]
        if self._every > 1:  # else all are there anyway
            self._write(_latest_file(self.path), np.concatenate(self._latest))
        self._skipped += 1
        if self._skipped < self._every and not always:
            return
        self._skipped = 0
        with open(self.path, "ab") as file:
            file.write(record.tobytes())
        self._count += 1
        if self._count > self._shape.most:
            self._every *= 2
            found = _read(self.path)
            self._rewrite(record if found is None else found.records[::-2][::-1])  # the last one stays

    def _rewrite(self, records: np.ndarray) -> None:
        self._write(self.path, records)
        self._count = len(records)

    def _write(self, path: Path, records: np.ndarray) -> None:
        said = {"format": FORMAT, "shape": self._shape, "every": self._every}
        content = json.dumps(said).encode() + b"\n" + self._digits.contiguous().numpy().tobytes() + records.tobytes()
        write_atomically(path, content, durable=False)


def read_recording(path: Path) -> Recording | None:
    """All whole frames so far, the latest ones among them; None where there is no recording, or a damaged one."""
    found, latest = _read(path), _read(_latest_file(path))
    if found is None:
        return None
    records = found.records
    if latest is not None and latest.shape == found.shape:
        after = latest.records["step"] > (records["step"][-1] if len(records) else -1)
        records = np.concatenate((records, latest.records[after]))
    return Recording(
        found.digits,
        torch.from_numpy(records["step"].astype(np.int64)),
        torch.from_numpy(records["codebook"].astype(np.float32)),
        torch.from_numpy(records["usage"].astype(np.int64)),
        torch.from_numpy(records["reconstructions"].copy()),
    )


def _latest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.latest")


class _Shape(NamedTuple):
    K: int
    D: int
    M: int  # digits that are reconstructed
    C: int
    H: int
    W: int

    @property
    def record(self) -> np.dtype:
        return np.dtype(
            [
                ("step", "<i8"),
                ("codebook", "<f4", (self.K, self.D)),
                ("usage", "<i8", (self.K,)),
                ("reconstructions", "u1", self[2:]),
            ]
        )

    @property
    def most(self) -> int:
        """How many frames may be kept."""
        return max(FEWEST_FRAMES, min(MOST_FRAMES, MOST_BYTES // self.record.itemsize))


class _Read(NamedTuple):
    shape: _Shape
    every: int
    digits: Tensor
    records: np.ndarray


def _read(path: Path) -> _Read | None:
    try:
        with open(path, "rb") as file:
            said = json.loads(file.readline(1_000))
            if said["format"] != FORMAT:
                return None
            shape, every = _Shape(*said["shape"]), int(said["every"])
            digits = np.frombuffer(file.read(int(np.prod(shape[2:]))), np.uint8).reshape(shape[2:])
            content = file.read()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = len(content) // shape.record.itemsize
    records = np.frombuffer(content, shape.record, whole) if whole else np.zeros(0, shape.record)
    return _Read(shape, every, torch.from_numpy(digits.copy()), records)
