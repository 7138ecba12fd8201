"""Finding digits in words: by class, by number, by a code and where it stands, by how well they are reconstructed.

A request is one or more conditions joined by "and": `3`, `class 3`, `#1234`, `code 57`, `code 57 row 3 column 4`,
`worst 100`, `best 100`. A class goes by its name, where it has one, else by its number. Rows and columns count from 1,
as on screen; "worst" and "best" look at what the rest leaves.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vqvae.data import TEN

EXAMPLES = "3, #1234, code 57, code 57 row 3, worst 100"


class Found(NamedTuple):
    """What a request found."""

    digits: Tensor  # (N,) bool
    cells: Tensor  # (N, h, w) bool: in those digits, the cells that it speaks of; all of them where it names no code


class Telling(NamedTuple):
    """The codes that tell a selection from the rest, the most telling first."""

    codes: Tensor  # (M,) int64
    inside: Tensor  # (M,) the share of the selected digits that use the code at all, in [0, 1]
    outside: Tensor  # (M,) the share of the others


class SearchError(ValueError):
    """A request that cannot be understood; the message says what is expected."""


def search(
    request: str, labels: Tensor, codes: Tensor, nmse: Tensor, num_embeddings: int, classes: Sequence[str] = TEN
) -> Found:
    """Find images by their labels (N,), codes (N, h, w) and errors (N,). Raises SearchError."""
    N, h, w = codes.shape
    digits = torch.ones(N, dtype=torch.bool)
    cells = torch.ones(N, h, w, dtype=torch.bool)
    named = torch.zeros(N, h, w, dtype=torch.bool)
    ranked: list[tuple[str, int]] = []
    labels_of = {name.lower(): label for label, name in enumerate(classes)}
    for condition in _conditions(request.strip().lower(), labels_of):
        kind, number, place = _parse(condition, labels_of)
        if kind == "class":
            digits &= labels == _within(number, 0, len(classes) - 1, "a class")
        elif kind == "index":
            digits &= torch.arange(N) == _within(number, 0, N - 1, "a digit’s number")
        elif kind == "code":
            row, column = place
            here = codes == _within(number, 0, num_embeddings - 1, "a code")
            for at, length, name, axis in ((row, h, "a row", 1), (column, w, "a column", 2)):
                if at is not None:
                    line = torch.arange(1, length + 1) == _within(at, 1, length, name)
                    here = here & line.view((1, -1, 1) if axis == 1 else (1, 1, -1))
            digits &= here.flatten(1).any(1)
            named |= here
        else:
            ranked.append((kind, number))
    for kind, count in ranked:
        left = digits.nonzero().flatten()
        order = nmse[left].argsort(descending=kind == "worst", stable=True)
        digits = torch.zeros(N, dtype=torch.bool)
        digits[left[order[: _within(count, 1, N, "a number of digits")]]] = True
    if named.any():
        cells = named
    return Found(digits, cells & digits.view(N, 1, 1))


def telling_codes(codes: Tensor, selected: Tensor, num_embeddings: int, count: int) -> Telling:
    """The codes whose use differs most between some digits and the others, by codes (N, h, w) and a choice (N,) bool.

    Only codes that the selected use more; ties in the codes' order. Empty where all or none are selected.
    """
    uses = torch.zeros(len(codes), num_embeddings, dtype=torch.bool)
    uses.scatter_(1, codes.flatten(1), True)
    inside, outside = (uses[choice].double().mean(0) for choice in (selected, ~selected))
    gain = (inside - outside).nan_to_num(0)
    order = gain.argsort(descending=True, stable=True)[:count]
    order = order[gain[order] > 0]
    return Telling(order, inside[order], outside[order])


def _conditions(request: str, names: Iterable[str]) -> list[str]:
    """What a request joins; the name of a class is not taken apart, whatever it holds."""
    known = "|".join(map(re.escape, sorted(filter(None, names), key=len, reverse=True)))
    whole = re.sub(rf"(?<!\w)(?:{known})(?!\w)", lambda name: "x" * len(name[0]), request) if known else request
    joints = [joint.span() for joint in re.finditer(r"\s+and\s+|,|;", whole)]
    begins, ends = [0, *(end for _, end in joints)], [*(begin for begin, _ in joints), len(request)]
    return [request[begin:end].strip() for begin, end in zip(begins, ends, strict=True)]


_NUMBER = r"\s*#?(\d{1,9})"
_PATTERNS = (
    ("class", re.compile(rf"(?:class|digit|label){_NUMBER}")),
    ("index", re.compile(rf"(?:#|index|number|no\.?){_NUMBER}")),
    ("code", re.compile(rf"(?:uses\s+)?code{_NUMBER}(?:\s+(?:at\s+)?row{_NUMBER})?(?:\s+(?:at\s+)?column{_NUMBER})?")),
    ("worst", re.compile(rf"worst{_NUMBER}")),
    ("best", re.compile(rf"best{_NUMBER}")),
)


def _parse(condition: str, labels: Mapping[str, int]) -> tuple[str, int, list[int | None]]:
    """What is asked for, its number and, of a code, the row and the column where they are named."""
    name = re.sub(r"^(class|digit|label)\s+", "", condition)
    bare_number = name == condition and re.fullmatch(r"[0-9]{2,9}", name)  # of an image, also where a class has it
    if name and name in labels and not bare_number:
        return "class", labels[name], []
    if re.fullmatch(r"[0-9]", condition):
        return "class", int(condition), []
    if re.fullmatch(r"[0-9]{2,9}", condition):
        return "index", int(condition), []
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(condition)
        if match:
            number, *place = match.groups()
            return kind, int(number), [None if at is None else int(at) for at in place]
    raise SearchError(f"expected something like {EXAMPLES}, got “{condition[:40]}”")


def _within(number: int, low: int, high: int, what: str) -> int:
    if not low <= number <= high:
        raise SearchError(f"expected {what} from {low} to {high:,}, got {number}")
    return number
