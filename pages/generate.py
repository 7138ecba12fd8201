"""Generate: a prior over the codes writes new pictures, code by code, and whoever watches may steer."""

from pages.ui.generate import explanation, prior, writing
from pages.ui.generate.link import FIELDS
from pages.ui.shell.frame import page
from pages.ui.shell.prior import prior_of

LEAD = (
    "A second network, the **prior**, has learned which codes go together in real pictures. It writes new ones, code "
    "by code, and the decoder draws them. Watch it, or take another code and see what becomes of it."
)

with page("Generate", LEAD, FIELDS) as scene:
    trained, pace = prior_of(scene), prior.pace(scene)

    def write() -> None:
        """The writing, or the way to a prior: runs alone whenever the browser says where it stands."""
        if trained:
            writing.section(scene, trained)
        else:
            prior.without(scene, pace)

    if not trained or writing.bring(scene, trained):
        scene.fragment(write, run_every=None if trained else pace)
    if trained and not scene.presenting:
        explanation.explain(scene, trained)
