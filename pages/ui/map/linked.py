"""How an address writes a selection: a lasso's corners, such as 12.80_99.80_40.7, or points by number, such as 3.17."""

import re

from pages.ui.components.scatter import CORNERS, Outline, read_outline
from pages.ui.shell.url_state import Field

MOST = 60  # points that are named one by one


def _outline(text: str) -> str:
    if not read(text):
        raise ValueError("the corners of a lasso")
    return text


def _ids(text: str) -> str:
    if not re.fullmatch(rf"\d{{1,8}}(\.\d{{1,8}}){{0,{MOST - 1}}}", text):
        raise ValueError(f"at most {MOST} numbers of points, such as 3.17")
    return text


LINKED = (Field("lasso", _outline, None), Field("picked", _ids, None))


def read(text: str) -> Outline:
    """An outline out of an address; an empty one where it is none."""
    if not re.fullmatch(rf"-?\d{{1,4}}\.-?\d{{1,4}}(_-?\d{{1,4}}\.-?\d{{1,4}}){{2,{CORNERS - 1}}}", text):
        return ()
    return read_outline([[int(number) for number in corner.split(".")] for corner in text.split("_")])
