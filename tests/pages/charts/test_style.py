"""What all figures share."""

import copy
import json

import plotly.graph_objects as go
import plotly.io

from pages.ui.charts.style import Unchanging, finished


def figure() -> go.Figure:
    return finished(go.Figure(go.Bar(x=[0, 1], y=[2.5, 3])), 200)


def test_an_unchanging_figure_is_sent_as_the_figure_it_is_of_each_time():
    unchanging, sent = Unchanging(figure()), json.loads(plotly.io.to_json(figure(), validate=False))
    for _ in range(2):
        assert json.loads(plotly.io.to_json(unchanging, validate=False)) == sent


def test_an_unchanging_figure_is_written_out_once():
    unchanging = Unchanging(figure())
    assert all(unchanging.to_dict()[part] is written for part, written in unchanging.to_dict().items())


def test_whoever_copies_an_unchanging_figure_changes_nothing_that_others_are_sent():
    unchanging = Unchanging(figure())
    before = plotly.io.to_json(unchanging, validate=False)
    copy.deepcopy(unchanging)
    assert plotly.io.to_json(unchanging, validate=False) == before
