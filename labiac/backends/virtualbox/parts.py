"""One machine's part of a snapshot: VirtualBox keeps it, and a file of labiac's says what it is.

The file is beside the machine's settings, and goes with them. VirtualBox's own description of the
snapshot names it: labiac's mark would stand in an argv, which all users of the host can read.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labiac.backends.mark import Mark
from labiac.backends.moments import Moment, Part
from labiac.host.home import keep
from labiac.plan.document import from_data, to_data
from labiac.plan.names import digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

NOW: Final = "the lab as it is now"
"""What stands on the snapshot that was taken or restored last."""
_DIGITS: Final = 16
_OURS: Final = re.compile(rf"labiac ([0-9a-f]{{{_DIGITS}}})")


@dataclass(frozen=True, slots=True)
class Entry:
    """A snapshot of a machine, whoever took it.

    Args:
        name: What people call it.
        uuid: VirtualBox's own.
        description: In its taker's words.
        followers: What stands on its disks: names of snapshots taken next, or `NOW`.
    """

    name: str
    uuid: str
    description: str
    followers: tuple[str, ...]


def entries(info: Mapping[str, str]) -> list[Entry]:
    """Return the snapshots that ``showvminfo --machinereadable`` tells of.

    Source:
        The first is called ``SnapshotName``, those after it ``SnapshotName-1``, ``-2``, and
        those after the first of these ``SnapshotName-1-1``, as VirtualBox 7.2 says it.
    """
    names = {
        key.removeprefix("SnapshotName"): value
        for key, value in info.items()
        if key.startswith("SnapshotName")
    }
    current = info.get("CurrentSnapshotUUID", "")
    found = []
    for place, name in names.items():
        next_ = [other for at, other in names.items() if at and at.rpartition("-")[0] == place]
        uuid = info[f"SnapshotUUID{place}"]
        now = [NOW] if uuid == current else []
        description = info.get(f"SnapshotDescription{place}", "")
        found.append(Entry(name, uuid, description, (*next_, *now)))
    return found


def description(moment: Moment) -> str:
    """Return how VirtualBox is to describe a snapshot of *moment*."""
    return f"labiac {_id(moment)}"


def remember(folder: Path, part: Part) -> None:
    """Write down in the *folder* of its machine what *part* is."""
    known = {
        "moment": to_data(part.moment),
        "mark": part.mark.to_json(),
        "still": part.still,
        "goes_on": part.goes_on,
    }
    keep(_file(folder, part.moment), json.dumps(known))


def drop(folder: Path, part: Part) -> None:
    """Forget *part*. Already forgotten is fine."""
    _file(folder, part.moment).unlink(missing_ok=True)


def kept(folder: Path, entries: Iterable[Entry]) -> Iterator[tuple[Part, Entry]]:
    """Yield those of *entries* that are labiac's, each with what it is a part of."""
    for entry in entries:
        ours = _OURS.fullmatch(entry.description)
        if ours and (file := _named(folder, ours[1])).is_file():
            known = json.loads(file.read_text(encoding="utf-8"))
            moment, mark = from_data(Moment, known["moment"]), Mark.from_json(known["mark"])
            yield Part(moment, mark, still=known["still"], goes_on=known["goes_on"]), entry


def _file(folder: Path, moment: Moment) -> Path:
    return _named(folder, _id(moment))


def _named(folder: Path, known_by: str) -> Path:
    return folder / f"snapshot-{known_by}.json"


def _id(moment: Moment) -> str:
    """Return what tells *moment* from all others."""
    return f"{digest(moment.name, moment.taken, moment.plan):064x}"[:_DIGITS]
