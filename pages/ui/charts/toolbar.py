"""The toolbar of a figure, and what it saves."""

from typing import Any

# It offers the picture alone: most figures are not for zooming, and a thumb must be able to scroll past.
TOOLBAR = {"displaylogo": False, "modeBarButtons": [["toImage"]], "scrollZoom": False}
PICTURES = ("png", "svg")  # plotly's toolbar saves one of them at a time


def toolbar(picture: str) -> dict[str, Any]:
    """The toolbar, saving a format out of PICTURES; a PNG twice as fine as it stands on screen."""
    return TOOLBAR | {"toImageButtonOptions": {"format": picture, "scale": 2 if picture == "png" else 1}}
