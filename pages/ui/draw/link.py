"""What a link to Draw says: its fields, and the canvas with its edited codes as they are now."""

from pages.ui.components.canvas import STEPS
from pages.ui.shell import ladder
from pages.ui.shell.canvas_state import held_before
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.link_codec import check_drawing, check_edits, write_drawing, write_edits
from pages.ui.shell.url_state import Field, PageState, switch, whole

FIELDS = (
    DIGIT,
    Field("drawing", check_drawing, None),  # these two as a link brought them, until another picture is put there
    Field("edits", check_edits, None),
    Field("cell", whole(0, 10**4), None),
    Field("code", whole(0, 10**6), None, shared=True),
    Field("step", whole(0, STEPS), 0),
    Field("between", switch, False),
    *ladder.FIELDS,
)


def link_fields(state: PageState) -> dict[str, str]:
    """What a link to this page says: the address, with what the browser said last in place of what a link brought."""
    said, canvas = state.said, held_before()
    if canvas is None:
        return said
    if canvas.source.digit not in (None, state["digit"]):  # picked just now: the link begins with it
        return {name: text for name, text in said.items() if name not in ("drawing", "edits")}
    now = canvas.spoken
    if now is None:
        pixels = canvas.source.pixels
        return said | ({"drawing": write_drawing(pixels)} if pixels is not None else {})
    edits = write_edits(now.drawing.edits, now.fingerprint) if now.model == state["model"] else ""
    said = {name: text for name, text in said.items() if name != "edits"}
    return said | {"drawing": write_drawing(now.drawing.pixels)} | ({"edits": edits} if edits else {})
