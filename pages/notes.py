"""Notes for the speaker: what to say and do on each slide, on one sheet of paper or in a second window."""

from pages.ui.notes import sheet
from pages.ui.shell.frame import page

LEAD = (
    "For a talk with **Present**: keep this page open in a second window, or print it on one sheet of paper "
    "(Ctrl+P). About ten minutes; arrow keys or a clicker lead on, Esc leaves the stage."
)

with page("Notes", LEAD, heading="Notes for the speaker") as scene:
    sheet.draw(scene.checkpoint.model.config)
