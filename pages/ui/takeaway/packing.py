"""Large data as text in a page: gzip, in base64; `unpack.js` unpacks it.

What in it is base64 already is packed as the bytes that it stands for, all even ones before all odd ones: the lower
and the upper halves of 16-bit numbers, of which the upper ones are much alike (the shuffle filter of HDF5).
"""

import base64
import gzip
import json
import re
import struct
from typing import Any

SHORTEST = 256  # characters of a string that is looked at
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def pack(content: Any) -> str:
    """What JSON can hold, as text: the JSON's length in 4 bytes, the JSON, and the bytes taken out of it, in gzip."""
    taken: list[bytes] = []

    def take(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: take(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [take(one) for one in value]
        if isinstance(value, str) and len(value) >= SHORTEST and BASE64.fullmatch(value):
            numbers = base64.b64decode(value)
            if base64.b64encode(numbers).decode() == value:
                taken.append(numbers[::2] + numbers[1::2])
                return {"base64": [sum(map(len, taken)) - len(numbers), len(numbers)]}
        return value

    text = json.dumps(take(content), ensure_ascii=False, separators=(",", ":")).encode()
    whole = struct.pack("<I", len(text)) + text + b"".join(taken)
    return base64.b64encode(gzip.compress(whole, mtime=0)).decode()
