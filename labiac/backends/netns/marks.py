"""What labiac made on this host: a small file an item, in a folder a copy, under one lock.

A mark is written before its object and completed after it, so that whoever finds an object
half made (a crash, a kill, a reboot) knows whose it was and how far it came.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from labiac.backends.netns import kernel
from labiac.backends.netns.places import Kind, Ref, digest, safe
from labiac.plan.document import from_data, to_data
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from labiac.backends.base import Copy
    from labiac.plan.model import Item


@dataclass(frozen=True, slots=True)
class Mark:
    """What labiac knows of one object that it made.

    Args:
        item: What was asked for.
        owner: Who asked.
        state: ``making`` until all of it is there.
        space: Inode of a machine's namespace, 0 while there is none.
        refused: Routes (``to via``) that the kernel refused: no connected subnet has the next hop.
        services: Process number and start time of each running service, by name.
        boot: In which run of the kernel it was made.
        created: When, in seconds since 1970.
    """

    item: Item
    owner: str
    state: Literal["making", "made"] = "making"
    space: int = 0
    refused: tuple[str, ...] = ()
    services: tuple[tuple[str, int, int], ...] = ()
    boot: str = ""
    created: float = 0.0

    @property
    def kind(self) -> Kind:
        """Return ``network`` or ``machine``."""
        return "machine" if isinstance(self.item, Machine) else "network"

    @property
    def whole(self) -> bool:
        """Return whether it was completed, in this run of the kernel."""
        return self.state == "made" and self.boot == kernel.boot_id()


def begin(item: Item, owner: str) -> Mark:
    """Return the mark of an *item* that is about to be made."""
    return Mark(item, owner, boot=kernel.boot_id(), created=round(time.time(), 3))


class Folder:
    """The marks of one copy."""

    def __init__(self, root: Path, copy: Copy) -> None:
        self.copy = copy
        self.path = root / safe(copy.lab) / safe(copy.student)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes away from this copy meanwhile.

        The folder goes with the last mark, so the lock is good only on the file that is there.
        """
        path = f"{self.path}/.lock"
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        try:
            yield
            self._tidy()
        finally:
            os.close(descriptor)

    def file(self, kind: str, name: str, suffix: str = "json") -> Path:
        """Return the file about an item: its mark, or one with another *suffix* beside it."""
        return self.path / f"{kind}.{name}.{suffix}"

    def read(self, kind: Kind, name: str) -> Mark | None:
        """Return the mark of an item, or None when labiac made no such thing."""
        try:
            data = json.loads(self.file(kind, name).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _decode(data)

    def write(self, mark: Mark) -> None:
        """Write *mark*, all or nothing."""
        path = self.file(mark.kind, mark.item.name)
        new = f"{path}~"
        text = json.dumps(_encode(mark, self.copy))
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(new, path)  # noqa: PTH104  # on the hot path

    def remove(self, kind: Kind, name: str) -> None:
        """Forget an item. Already forgotten is fine."""
        with suppress(FileNotFoundError):
            os.unlink(self.file(kind, name))  # noqa: PTH108  # likewise

    def names(self, kind: Kind) -> list[str]:
        """Return the items of *kind* that have a mark, sorted."""
        try:
            files = os.listdir(self.path)  # noqa: PTH208  # likewise
        except (FileNotFoundError, NotADirectoryError):
            return []
        start, end = f"{kind}.", ".json"
        return sorted(
            file[len(start) : -len(end)]
            for file in files
            if file.startswith(start) and file.endswith(end)
        )

    def _tidy(self) -> None:
        """Remove the folder when nothing but the lock is left in it."""
        left = os.listdir(self.path)  # noqa: PTH208
        if any(not name.endswith("~") and name != ".lock" for name in left):
            return
        for name in left:
            os.unlink(self.path / name)  # noqa: PTH108
        with suppress(OSError):  # another process has its lock file there already
            self.path.rmdir()
            self.path.parent.rmdir()


def copies(root: Path) -> list[tuple[str, str]]:
    """Return lab and student of every copy that has a folder, sorted."""
    try:
        labs = [lab for lab in root.iterdir() if lab.is_dir()]
    except FileNotFoundError:
        return []
    return sorted((lab.name, student.name) for lab in labs for student in lab.iterdir())


def _encode(mark: Mark, copy: Copy) -> dict[str, Any]:
    item = to_data(mark.item)
    return {
        "ref": str(Ref(copy, mark.kind, mark.item.name)),
        "owner": mark.owner,
        "state": mark.state,
        "hash": digest(json.dumps(item)),
        "boot": mark.boot,
        "created": mark.created,
        "space": mark.space,
        "refused": mark.refused,
        "services": mark.services,
        "kind": mark.kind,
        "item": item,
    }


def _decode(data: dict[str, Any]) -> Mark:
    cls = Machine if data["kind"] == "machine" else Network
    return Mark(
        item=from_data(cls, data["item"]),
        owner=data["owner"],
        state=data["state"],
        space=data["space"],
        refused=tuple(data["refused"]),
        services=tuple(tuple(service) for service in data["services"]),
        boot=data["boot"],
        created=data["created"],
    )
