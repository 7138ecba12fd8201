"""So many times within a minute."""

from vqvae.background import pace
from vqvae.background.pace import Pace


def test_each_visitor_may_do_it_so_often_and_again_after_a_minute(monkeypatch):
    now = 0.0
    monkeypatch.setattr(pace.time, "monotonic", lambda: now)
    often = Pace()
    assert [often.allows("a", 2) for _ in range(3)] == [True, True, False]
    assert often.allows("b", 2)
    now = 59.0
    assert not often.allows("a", 2)
    now = 60.0
    assert often.allows("a", 2)
    assert "b" not in often._times
