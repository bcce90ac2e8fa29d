"""Snapshots of whole copies, whatever keeps the parts: all of one moment, or nothing."""

from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from labiac.backends.base import Copy
from labiac.backends.mark import Mark
from labiac.backends.memory import Memory
from labiac.backends.moments import Part
from labiac.backends.snapshots import Snapshots
from labiac.errors import BackendError, UsageError
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

PLAN = resolve(
    from_data(
        {"name": "lab", "lans": {"lan1": {}}, "pcs": {"a": {"lan": "lan1"}, "b": {"lan": "lan1"}}},
        "test",
    ),
    "ana",
    "memory",
)
COPY = Copy(PLAN.lab, PLAN.student)


@dataclass(frozen=True)
class Kept:
    """A part, told from others by its number."""

    part: Part
    number: int


@dataclass
class Host:
    """Keeps parts in a list; a machine that is *awake* does not stand still."""

    marks: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    awake: tuple = ()
    numbers: count = field(default_factory=count)
    restored: list = field(default_factory=list)

    def keep(self, moment):
        for mark in self.marks:
            if mark.kind == "machine":
                still = mark.item.name not in self.awake
                part = Part(moment, mark, still=still, goes_on=True)
                self.kept = [*self.kept, Kept(part, next(self.numbers))]
            if mark.item.name == "b" and "b" in self.awake:
                raise KeyboardInterrupt

    def restore(self, kept):
        self.restored += kept

    def delete(self, kept):
        self.kept = [each for each in self.kept if each not in kept]


@pytest.fixture
def host():
    return Host([Mark(COPY, item, whole=True) for item in (*PLAN.networks, *PLAN.machines)])


@pytest.fixture
def backend():
    return Memory()


@pytest.fixture
def snapshots(host, backend):
    return Snapshots(backend, COPY, lambda: host)


def test_a_snapshot_has_a_part_of_each_machine_and_is_listed_the_oldest_first(snapshots, host):
    taken = [snapshots.take(name) for name in ("one", "two")]
    assert snapshots.all() == taken
    assert taken[0].nodes == ("a", "b")
    assert len(host.kept) == 2 * len(PLAN.machines)


def test_only_what_is_restored_is_made_anew_with_the_lans_it_is_plugged_into(
    snapshots, host, backend
):
    snapshots.take("one")
    snapshots.take("two")
    snapshots.restore("one")
    assert {each.part.moment.name for each in host.restored} == {"one"}
    assert [found.refs for found in backend.find()] == [("lab/ana/network/lan1",)]


def test_nothing_is_kept_of_a_snapshot_during_which_a_machine_woke(snapshots, host):
    snapshots.take("one")
    host.awake = ("a",)
    with pytest.raises(BackendError, match="something woke a meanwhile"):
        snapshots.take("two")
    assert [each.name for each in snapshots.all()] == ["one"]


def test_nothing_is_kept_of_a_snapshot_that_its_user_ended(snapshots, host):
    host.awake = ("b",)
    with pytest.raises(KeyboardInterrupt):
        snapshots.take("one")
    assert host.kept == []


def test_what_is_not_restorable_or_not_there_changes_nothing(snapshots, host):
    snapshots.take("one")
    host.kept = host.kept[:1]
    with pytest.raises(BackendError, match="has nothing of b"):
        snapshots.restore("one")
    with pytest.raises(UsageError, match="there is no such snapshot"):
        snapshots.restore("two")
    assert host.restored == []


def test_what_is_left_of_a_snapshot_is_deleted_and_the_others_stay(snapshots, host):
    for name in ("one", "two"):
        snapshots.take(name)
    host.kept = host.kept[1:]
    snapshots.forget("one")
    assert [each.name for each in snapshots.all()] == ["two"]


def test_a_copy_that_is_not_up_or_not_whole_is_not_kept(snapshots, host):
    whole, host.marks = host.marks, [replace(each, whole=False) for each in host.marks]
    with pytest.raises(BackendError, match="a, b never got ready"):
        snapshots.take("one")
    host.marks = []
    with pytest.raises(BackendError, match="is not up on memory"):
        snapshots.take("one")
    host.marks = whole
    assert snapshots.all() == []
