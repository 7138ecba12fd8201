"""A drawing and its edited codes as a few characters of an address, and back; no Streamlit here.

What comes back is a stranger's: sizes are bounded before anything is unpacked, and a checksum tells a link that was cut
or changed on its way from one that was not.
"""

import base64
import binascii
import html
import re
import struct
import zlib
from collections.abc import Mapping
from urllib.parse import urlencode

import segno
import torch
from torch import Tensor

LONGEST = 2_000  # characters of a whole link that every browser, chat and QR code takes
VERSION = 1  # of how a drawing is written
MAX_SIDE = 512  # pixels
_HEADER = struct.Struct(">IBBHH")  # checksum of the rest, version, channels, height, width
_EDITS = re.compile(r"([0-9a-f]{6})((?:-\d{1,5}\.\d{1,5}){1,400})")


def write_drawing(pixels: Tensor) -> str:
    """(C, H, W) uint8 -> letters, digits, - and _ alone; the same drawing always gives the same text."""
    C, H, W = pixels.shape
    rest = _HEADER.pack(0, VERSION, C, H, W)[4:] + zlib.compress(pixels.contiguous().numpy().tobytes(), 9)
    return base64.urlsafe_b64encode(struct.pack(">I", zlib.crc32(rest)) + rest).decode().rstrip("=")


def read_drawing(text: str) -> Tensor:
    """What `write_drawing` wrote: (C, H, W) uint8. Raises ValueError that says what was expected."""
    changed = ValueError("one that this explorer wrote: this one was cut or changed on its way")
    if len(text) > 10 * LONGEST:
        raise changed
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        checksum, version, C, H, W = _HEADER.unpack_from(packed)
    except (ValueError, binascii.Error, struct.error):
        raise changed from None
    if version != VERSION:
        raise ValueError(f"of version {VERSION}: this one comes from another version of the explorer")
    if zlib.crc32(packed[4:]) != checksum or C not in (1, 3) or not (0 < H <= MAX_SIDE and 0 < W <= MAX_SIDE):
        raise changed
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed[_HEADER.size :], C * H * W + 1)
    except zlib.error:
        raise changed from None
    if len(content) != C * H * W or not unpacking.eof:
        raise changed
    return torch.frombuffer(bytearray(content), dtype=torch.uint8).view(C, H, W)


def check_drawing(text: str) -> str:
    """The text itself where it is a drawing's. Raises ValueError that says what was expected."""
    read_drawing(text)
    return text


class EditsError(ValueError):
    """Edits that mean nothing to a model; the message is one sentence."""


def write_edits(edits: Tensor, fingerprint: str) -> str:
    """Edited codes (h, w), -1 where the encoder's choice stands -> "fingerprint-cell.code-cell.code"; "" for none."""
    places = [f"-{cell}.{code}" for cell, code in enumerate(edits.flatten().tolist()) if code >= 0]
    return fingerprint[:6] + "".join(places) if places else ""


def check_edits(text: str) -> str:
    """The text itself where it has the form of `write_edits`. Raises ValueError that says what was expected."""
    if not _EDITS.fullmatch(text):
        raise ValueError("a model’s fingerprint and cells with their codes, such as 8929694d-24.57")
    return text


def read_edits(text: str, fingerprint: str, grid: tuple[int, int], K: int) -> Tensor:
    """What `write_edits` wrote for this model: (h, w) int64 in [-1, K). Raises EditsError for another model's."""
    edits = torch.full((grid[0] * grid[1],), -1, dtype=torch.int64)
    if not (found := _EDITS.fullmatch(text)):  # no text at all
        return edits.view(grid)
    made_for, pairs = found.groups()
    if made_for != fingerprint[:6]:
        raise EditsError("The edited codes in this link belong to another model, so you see the encoder’s own.")
    for pair in pairs[1:].split("-"):
        cell, code = map(int, pair.split("."))
        if cell >= len(edits) or code >= K:
            raise EditsError("The edited codes in this link do not fit this model, so you see the encoder’s own.")
        edits[cell] = code
    return edits.view(grid)


def write_link(page: str, fields: Mapping[str, str], dispensable: tuple[str, ...]) -> tuple[str, list[str]]:
    """The address of a page with its fields, and which of the dispensable ones had to go for it to be short enough."""
    fields, gone = dict(fields), []
    while len(link := f"{page}?{urlencode(fields)}" if fields else page) >= LONGEST:
        name = next((name for name in dispensable if name in fields), None)
        if name is None:
            break
        del fields[name]
        gone.append(name)
    return link, gone


def qr_code(link: str) -> str:
    """The link as a picture for HTML, black on white in either theme, as wide as its place."""
    address = segno.make(link, error="l", micro=False).svg_data_uri(border=3, dark="#000", light="#fff", scale=4)
    return f'<img src="{html.escape(address)}" alt="QR code of the link" style="width: 100%; display: block">'
