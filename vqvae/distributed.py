"""Several processes that train one model, as torchrun starts them; in a single one, all of this does nothing.

Each process has its share of every batch, and all take one step: means and sums are over the whole batch, their
gradients are averaged by DistributedDataParallel, and whatever all must agree on comes from the first process.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


def launched() -> int:
    """How many processes a launcher such as torchrun says it has started, this one among them: 1 without one."""
    return int(os.environ["WORLD_SIZE"]) if _is_count("RANK") and _is_count("WORLD_SIZE") else 1


def _is_count(name: str) -> bool:
    return os.environ.get(name, "").isdigit()


def rank() -> int:
    """Which of them this is, from 0."""
    return int(os.environ["RANK"]) if launched() > 1 else 0


def is_first() -> bool:
    """Whether this is the process that writes and prints for all."""
    return rank() == 0


def world() -> int:
    """Processes that train together now."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def own_device() -> torch.device | None:
    """The device that this process has for itself, from now on torch's current one; None where it was started alone.

    Raises ValueError where a machine has fewer GPUs than processes.
    """
    if launched() == 1:
        return None
    if not torch.cuda.is_available():
        return torch.device("cpu")
    own, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= there:
        raise ValueError(f"expected at most one process for each of {there} GPUs, and this one is number {own + 1}")
    torch.cuda.set_device(own)
    return torch.device("cuda", own)


@contextmanager
def joined(patience: timedelta = timedelta(minutes=10)) -> Iterator[None]:
    """Train together with all processes that were launched, by NCCL between GPUs and by gloo between CPUs.

    It begins once all are here, for whom it waits with `patience`. Raises ValueError where torch comes without
    torch.distributed, ConnectionError where the others cannot be reached or are lost.
    """
    if launched() == 1:
        yield
        return
    if not dist.is_available():
        raise ValueError(f"expected torch with torch.distributed for {launched()} processes: run one, without torchrun")
    try:
        _meet("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", patience)
    except (RuntimeError, ValueError) as error:
        where = f"{os.environ.get('MASTER_ADDR', 'no address')}, port {os.environ.get('MASTER_PORT', 'unknown')}"
        raise ConnectionError(
            f"{launched()} processes could not meet at {where} ({_first_line(error)}): "
            "torchrun --standalone takes a free port by itself"
        ) from error
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, dist.DistError) and "gloo" not in str(error):
            raise
        raise ConnectionError(f"process {rank()} lost another one ({_first_line(error)}): start all again") from error
    finally:
        dist.destroy_process_group()


def leave(status: int) -> NoReturn:
    """End this process with an exit status, as sys.exit does in one that was started alone.

    Among several, Python is not wound up: gloo's threads outlive their group, and one that lets go of a tensor while
    Python ends aborts the process, which torchrun takes for a failure (github.com/pytorch/pytorch/issues/190489).
    """
    if launched() == 1:
        sys.exit(status)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _meet(backend: str, patience: timedelta) -> None:
    from torch.distributed.distributed_c10d import PrefixStore  # not there in a torch without torch.distributed
    from torch.distributed.rendezvous import rendezvous

    store, number, count = next(rendezvous("env://", timeout=patience))
    # torchrun may keep one store through all restarts, where the addresses of processes that were killed are found
    # again. On several machines, whose restarts are counted apart, TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 prevents it.
    if os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
        store = PrefixStore(f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=patience)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


# What a batch's processes know together. All of them have to call each of these, in the same order.


def share(batch: Tensor) -> Tensor:
    """This process's part of a batch (B, ...), in order; the parts differ by one at most."""
    return batch if world() == 1 else batch.tensor_split(world())[rank()]


def total(values: Tensor) -> Tensor:
    """The sum over all processes, for each element; no gradients."""
    if world() == 1:
        return values
    values = values.detach().clone(memory_format=torch.contiguous_format)
    dist.all_reduce(values)
    return values


def mean(values: Tensor, images: int) -> Tensor:
    """Means over a whole batch, from those over this process's `images`; each element for itself.

    Their gradients are such that the average over processes is the gradient of the whole batch's mean, or of any
    function of it, however uneven the shares are.
    """
    if world() == 1:
        return values
    sums = total(torch.cat([values.detach().flatten() * images, values.new_tensor([images])]))  # in one message
    own = values * images / sums[-1]
    return (sums[:-1] / sums[-1]).view_as(values) + world() * (own - own.detach())


def gather(rows: Tensor) -> Tensor:
    """The rows (N, D) of all processes, one below the other; no gradients."""
    if world() == 1:
        return rows
    counts = total(nn.functional.one_hot(torch.tensor(rank()), world()) * len(rows)).tolist()
    # One place for each row, of which every process fills its own: a sum with zeros changes no bit.
    places = rows.new_zeros(sum(counts), *rows.shape[1:])
    start = sum(counts[: rank()])
    places[start : start + len(rows)] = rows.detach()
    return total(places)


def from_first(values: Tensor) -> Tensor:
    """The first process's values, which have the same shape in all."""
    if world() == 1:
        return values
    values = values.detach().clone(memory_format=torch.contiguous_format)
    dist.broadcast(values, src=0)
    return values


def by_first(work: Callable[[], T]) -> T:
    """What the first process makes of what it alone is to do, such as reading a file; where it raises, all do."""
    if world() == 1:
        return work()
    outcome: list[Any] = [None, None]
    if is_first():
        try:
            outcome[0] = work()
        except Exception as error:
            outcome[1] = error
    dist.broadcast_object_list(outcome, src=0)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def together(work: Callable[[], T]) -> T:
    """What each process makes of its own work. Where some raise, the first of them does, and the others end quietly."""
    if world() == 1:
        return work()
    result, failed = None, None
    try:
        result = work()
    except Exception as error:
        failed = error
    everybody = total(nn.functional.one_hot(torch.tensor(rank()), world()) * (failed is not None))
    if failed and rank() == int(everybody.argmax()):
        raise failed
    if everybody.any():
        raise SystemExit(1)
    return result  # pyright: ignore[reportReturnType] there is one: nothing failed


def by_any(asked: Callable[[], bool]) -> Callable[[], bool]:
    """The same question, answered by yes as soon as one process says so: all stop at the same step."""
    return lambda: bool(total(torch.tensor(int(asked()))))


class _Pass(nn.Module):
    """Any pass through a model: DistributedDataParallel sees only what goes through one module's `forward`."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.unused = nn.Parameter(torch.zeros(()))  # so that to look for unused ones is right at every step

    def forward(self, run: Callable[[Tensor], T], x: Tensor) -> T:
        return run(x)


def averaged(model: nn.Module) -> Callable[[Callable[[Tensor], T], Tensor], T]:
    """A function `(run, x) -> run(x)` for passes `run` through the model, whose gradients all processes average."""
    if world() == 1:
        return _Pass(model)
    # Buffers are the quantiser's counts and sums, which it adds up over all processes itself. Warm-up does not use the
    # codebook. And where parameters may be unused, gradients stay in the parameters' order; else they are laid out anew
    # after the first step, and a resumed run of three processes or more would round its sums in another way.
    return DistributedDataParallel(_Pass(model), forward_sync_buffers=False, find_unused_parameters=True)
