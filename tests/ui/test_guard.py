from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ui.guard import Window


@given(st.integers(1, 5), st.lists(st.floats(0, 50), max_size=60))
def test_never_more_than_the_limit_within_any_minute(limit: int, gaps: list[float]) -> None:
    window, now, passed = Window(limit), 0.0, []
    for gap in gaps:
        now += gap
        if not window.take("a", now):
            passed.append(now)
    for first in passed:
        assert sum(first <= t < first + 60 for t in passed) <= limit


def test_waiting_as_long_as_told_is_enough() -> None:
    window = Window(2)
    assert window.take("a", 0) == window.take("a", 10) == 0
    wait = window.take("a", 20)
    assert wait == 40 and window.take("a", 20 + wait) == 0


def test_addresses_are_counted_apart_and_zero_means_no_limit() -> None:
    window = Window(1)
    assert window.take("a", 0) == window.take("b", 0) == 0
    assert all(Window(0).take("a", 0) == 0 for _ in range(100))
