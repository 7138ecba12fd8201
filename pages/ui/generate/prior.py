"""The prior of the model that a page works on."""

from pages.ui import resources
from pages.ui.shell.frame import Scene
from vqvae.checkpoint import SHIPPED
from vqvae.prior_file import SHIPPED_PRIORS, TrainedPrior
from vqvae.runs.own_checkpoints import OwnCheckpoints


def prior_of(scene: Scene) -> TrainedPrior | None:
    """The prior; None where none was trained. Raises CheckpointError for a damaged file."""
    if scene.name in SHIPPED:
        path = SHIPPED_PRIORS[scene.name]
    elif scene.visitor:
        path = OwnCheckpoints(scene.visitor).prior_file(scene.name)
    else:
        return None
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return None
    return resources.prior(path, scene.checkpoint.fingerprint, changed)
