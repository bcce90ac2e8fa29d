"""A state that a full disk cut off is not the end of a lab."""

import json
import shutil
from types import SimpleNamespace

import pytest

from labiac.errors import LabError
from labiac.fleet import state

WHOLE = {"version": 3, "checkpoint": {"latest": {"resources": ["pc1", "pc2"]}}}
EARLIER = {"version": 3, "checkpoint": {"latest": {"resources": ["pc1"]}}}


@pytest.fixture
def file(tmp_path):
    """Where the state of three-lans.ana lies, with nothing there yet."""
    folder = tmp_path / ".pulumi" / "stacks" / "labiac"
    folder.mkdir(parents=True)
    return folder / "three-lans.ana.json"


def cut(file, said):
    """Write what is left of a state where the disk was full in the middle."""
    text = json.dumps(said)
    file.write_text(text[: len(text) // 2])


def before(file, said):
    file.with_name(f"{file.name}.bak").write_text(json.dumps(said))


def in_history(file, when, said):
    folder = file.parents[2] / "history" / "labiac" / "three-lans.ana"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"three-lans.ana-{when}.checkpoint.json").write_text(said)


def test_a_whole_state_stays_as_it_is(file):
    file.write_text(json.dumps(WHOLE))
    before(file, EARLIER)
    assert (state.mend(file), state.read(file)) == (False, WHOLE)


def test_one_that_was_cut_off_becomes_the_one_before_it(file):
    cut(file, WHOLE)
    before(file, EARLIER)
    assert state.read(file) == EARLIER
    assert state.mend(file)
    assert json.loads(file.read_text()) == EARLIER
    assert not state.mend(file)


def test_the_latest_whole_one_of_the_history_serves_where_that_is_cut_off_too(file):
    for each in (file, file.with_name(f"{file.name}.bak")):
        cut(each, WHOLE)
    in_history(file, 1, json.dumps(WHOLE))
    in_history(file, 2, json.dumps(EARLIER))
    in_history(file, 3, "{")
    assert state.mend(file)
    assert json.loads(file.read_text()) == EARLIER


def test_a_first_state_that_was_cut_off_is_none(file):
    assert (state.mend(file), state.read(file)) == (False, {})
    cut(file, WHOLE)
    assert state.read(file) == {}
    assert state.mend(file)
    assert not file.exists()


def test_a_disk_without_room_for_an_operation_is_told_before_it_begins(file, monkeypatch):
    file.write_text("x" * (64 << 10))
    state.need_room(file)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=1000 << 10))
    with pytest.raises(LabError, match="1000 KiB are left on its disk") as raised:
        state.need_room(file)
    assert "1280 KiB" in raised.value.problem
