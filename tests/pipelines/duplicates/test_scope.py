"""Survivor order, roles and groups of duplicate search."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.documents import Order
from pipelines.duplicates.scope import Scope, check_scope, may_fall, survivor_place

DOCUMENTS = st.tuples(
    st.integers(0, 63), st.integers(0, 255), st.booleans(), st.booleans(), st.binary(min_size=16, max_size=16)
)


@given(st.lists(DOCUMENTS, min_size=1, max_size=30))
def test_places_follow_generation_then_reference_then_split_then_priority_then_digest(found: list[tuple]) -> None:
    orders = [Order(7, generation, priority, float(valid)) for generation, priority, _, valid, _ in found]
    ranks = np.array([order.rank(identity) for order, (*_, identity) in zip(orders, found, strict=True)])
    reference = np.array([row[2] for row in found])
    places = survivor_place(ranks, reference)
    digests = ranks & (1 << 48) - 1
    wanted = sorted(
        range(len(found)),
        key=lambda n: (found[n][0], not found[n][2], not found[n][3], found[n][1], int(digests[n]), n),
    )
    assert np.argsort(places, kind="stable").tolist() == wanted
    assert (may_fall(places) == ~reference).all()


def batch(subsets: list[str], sources: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"subset": subsets, "source": pa.array(sources, pa.string())})


def test_a_group_is_the_first_match_in_a_field() -> None:
    rows = batch(["a", "b", "a"], ["CC-MAIN-2023-06/x", "y/CC-MAIN-2023-06/z", None])
    roles = (("a", "full"), ("b", "reference"), ("c", "none"))
    groups = Scope(roles, "source:CC-MAIN-[0-9]+-[0-9]+").standing(rows).group.tolist()
    assert groups[0] == groups[1] != groups[2]
    by_subset = Scope(roles, "subset").standing(rows)
    assert by_subset.group[0] == by_subset.group[2] != by_subset.group[1]
    assert by_subset.reference.tolist() == [False, True, False]
    assert Scope(roles).standing(rows).group.tolist() == [0, 0, 0]
    assert Scope(roles).columns == ["subset"]
    assert Scope(roles, "source:x").columns == ["subset", "source"]


@pytest.mark.parametrize(
    ("scope", "message"), [("dump", "expected all, or one of"), ("source:(", "is no regular expression")]
)
def test_an_unknown_scope_is_refused(scope: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_scope(scope)


def test_a_subset_without_a_role_is_refused() -> None:
    with pytest.raises(ValueError, match="subset 'b' has role None; give it one of full, reference, none"):
        Scope((("a", "full"),)).standing(batch(["a", "b"], [None, None]))
