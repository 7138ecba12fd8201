"""Home: what a VQ-VAE is, in one screen."""

from pages.ui.home import doors, losses, stations
from pages.ui.home.view import HomeView
from pages.ui.shell.digit_field import DIGIT
from pages.ui.shell.frame import page

LEAD = (
    "A **vector-quantised autoencoder** (VQ-VAE) writes a picture down as a few entries of a learned **codebook**, "
    "and draws it again from those entries alone. Nothing else gets through."
)

with page("Home", LEAD, [DIGIT], heading="Inside a VQ-VAE") as scene:
    view = HomeView.chosen(scene)
    stations.draw(view)
    if not scene.presenting:
        losses.draw(view)
        doors.draw()
