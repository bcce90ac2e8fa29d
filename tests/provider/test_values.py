from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labiac.provider.values import Change, changes, plain, struct

SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below) | st.dictionaries(st.text(), below), max_leaves=20
)


@given(st.dictionaries(st.text(), TREES))
def test_properties_come_back_from_pulumi_as_they_went(properties):
    assert plain(struct(properties)) == properties


@given(TREES)
def test_nothing_differs_from_itself(tree):
    assert list(changes(tree, tree)) == []


def test_a_change_is_told_at_its_leaf():
    old = {"nics": [{"mac": "a", "vlan": None}], "gone": 1, "hosts": "x"}
    new = {"nics": [{"mac": "b"}, {"mac": "c"}], "hosts": "x"}
    assert list(changes(old, new)) == [
        Change("nics[0].mac", "update"),
        Change("nics[1]", "add"),
        Change("gone", "delete"),
    ]
