"""When the batch doubles, and that the position tells it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massivetext.trainer.config import MODELS
from massivetext.trainer.schedule import Schedule


@given(steps=st.integers(1, 400), batch=st.integers(1, 9), doubles=st.booleans())
def test_following_the_position_alone_consumes_what_the_step_says(steps: int, batch: int, doubles: bool) -> None:
    schedule, position = Schedule(steps, batch, doubles), 0
    for step in range(steps):
        assert position == schedule.consumed(step)
        position += batch * schedule.grown(position)
    assert position == schedule.records == schedule.consumed(steps)


@pytest.mark.parametrize(("steps", "before"), [(3, 2), (300, 200), (100, 67), (1, 1)])
def test_the_batch_doubles_when_half_of_the_records_are_consumed(steps: int, before: int) -> None:
    schedule = Schedule(steps, 4, doubles=True)
    assert schedule.doubling_step == before
    assert [schedule.grown(schedule.consumed(step)) for step in (before - 1, before)] == [1, 2]
    assert 0 <= schedule.consumed(before) - schedule.records / 2 <= 4


def test_only_the_two_largest_models_double_their_batch() -> None:
    assert [name for name, model in MODELS.items() if model.doubles_batch] == ["280b", "chinchilla-70b"]
