"""Generate: a prior over the codes writes new pictures, code by code, and whoever watches may steer."""

from pages.ui.generate import explanation, writing
from pages.ui.generate.link import FIELDS
from pages.ui.generate.prior import prior_of
from pages.ui.shell.frame import page

LEAD = (
    "A second network, the **prior**, has learned which codes go together in real digits. It writes new ones, code by "
    "code, and the decoder draws them. Watch it, or take another code and see what becomes of it."
)

with page("Generate", LEAD, FIELDS) as scene:
    trained = prior_of(scene)

    def write() -> None:
        """The writing: runs alone whenever the browser says where it stands."""
        writing.section(scene, trained)

    scene.fragment(write)
    if trained and not scene.presenting:
        explanation.explain(scene, trained)
