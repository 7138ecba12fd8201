"""The toolbar of a figure, and what it saves."""

# It offers the picture alone: most figures are not for zooming, and a thumb must be able to scroll past.
TOOLBAR = {"displaylogo": False, "modeBarButtons": [["toImage"]], "scrollZoom": False}
PICTURES = ("png", "svg")  # plotly's toolbar saves one of them at a time
# A map is for moving in and selecting from.
MAP_TOOLBAR = {
    "displaylogo": False,
    "displayModeBar": True,
    "scrollZoom": True,
    "modeBarButtons": [["select2d", "lasso2d", "pan2d"], ["zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]],
}


def toolbar(picture: str) -> dict[str, object]:
    """The toolbar, saving a format out of PICTURES; a PNG twice as fine as it stands on screen."""
    return TOOLBAR | {"toImageButtonOptions": {"format": picture, "scale": 2 if picture == "png" else 1}}
