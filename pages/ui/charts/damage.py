"""What each code’s loss adds to the error."""

import plotly.graph_objects as go
from torch import Tensor

from pages.ui.charts.columns import MOST, add_bars, add_columns
from pages.ui.charts.style import HEIGHT, finished


def damage(nmse: float, without: Tensor, ranking: Tensor, picked: int | None) -> go.Figure:
    """What each code's loss adds to the NMSE, (K,), in the order of its ranking; every column can be clicked.

    A click selects a point of the last trace, whose `customdata` is [code]; `picked` is drawn as selected until then.
    Of more than 256 codes, the first 256.
    """
    codes = ranking[:MOST].tolist()
    places = list(range(1, len(codes) + 1))
    added = [float(without[code]) - nmse for code in codes]
    floor, top = 1.1 * min(0.0, *added), 1.06 * max(*added, 1e-6)  # a code's loss may even do good
    figure = go.Figure()
    add_bars(figure, places, 0, added, 0.86)
    add_columns(
        figure,
        places,
        floor,
        top,
        1,
        codes=codes,
        selected=[at for at, code in enumerate(codes) if code == picked],
        said=[
            f"<b>code {code}</b><br>NMSE {nmse:.4f} with it, {float(without[code]):.4f} without it" for code in codes
        ],
    )
    figure.update_xaxes(
        title="rank, the most damaging first", range=[0.5, len(codes) + 0.5], showgrid=False, zeroline=False
    )
    figure.update_yaxes(title="NMSE added", range=[floor, top], tickformat="~g", zeroline=False)
    return finished(figure, HEIGHT, barmode="overlay", bargap=0)
