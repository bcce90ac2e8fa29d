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
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from labiac.backends.base import Copy
from labiac.backends.netns import kernel
from labiac.backends.netns.places import Kind, Ref, digest, safe
from labiac.plan.document import from_data, to_json
from labiac.plan.model import Machine, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labiac.plan.model import Item


_MARK: Final = ".json"
_DYING, _TALKED = "dying~", "talked~"
"""Files beside the marks; one with such a name keeps no folder alive."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What labiac knows of one object that it made.

    Args:
        item: What was asked for.
        text: The same as JSON, so that it is encoded once.
        owner: Who asked.
        state: ``making`` until all of it is there.
        space: Inode of a machine's namespace, 0 while there is none.
        refused: Routes (``to via``) that the kernel refused: no connected subnet has the next hop.
        services: Process number and start time of each running service, by name.
        boot: In which run of the kernel it was made.
        created: When, in seconds since 1970.
    """

    item: Item
    text: str
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

    def about(self, item: Item) -> Mark:
        """Return this mark with *item* as what was asked for."""
        return self if item == self.item else replace(self, item=item, text=to_json(item))


def begin(item: Item, owner: str) -> Mark:
    """Return the mark of an *item* that is about to be made."""
    created = round(time.time(), 3)
    return Mark(item, to_json(item), owner, boot=kernel.boot_id(), created=created)


class Folder:
    """The marks of one copy."""

    def __init__(self, root: Path, copy: Copy) -> None:
        self.copy, self._root = copy, root
        self.text = f"{root}/{safe(copy.lab)}/{safe(copy.student)}"
        """Its path, as the hot path needs it."""

    @property
    def path(self) -> Path:
        """Return its path."""
        return Path(self.text)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes away from this copy meanwhile.

        The folder goes with the last mark (`tidy`), so the lock is good only on the file that is
        there.
        """
        path = f"{self.text}/.lock"
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except FileNotFoundError:
                _keep_in_memory(self._root)
                self.path.mkdir(parents=True, exist_ok=True)
                continue
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)
        try:
            yield
        finally:
            os.close(descriptor)

    def file(self, kind: Kind, name: str, suffix: str) -> Path:
        """Return the file with *suffix* that lies beside the mark of an item."""
        return Path(f"{self.text}/{kind}.{name}.{suffix}")

    def read(self, kind: Kind, name: str) -> Mark | None:
        """Return the mark of an item, or None when labiac made no such thing."""
        try:
            text = get(self._mark(kind, name))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _decode(kind, text)

    def begin(self, mark: Mark) -> None:
        """Write the *mark* of something that is about to be made.

        Half of it, if that is as far as it comes, says that nothing was made yet.
        """
        path = self._mark(mark.kind, mark.item.name)
        put(path, _encode(mark, self.copy), mode=0o600)

    def complete(self, mark: Mark) -> None:
        """Note how things are now with what *mark* is about: a line more, which is the fast way."""
        path = self._mark(mark.kind, mark.item.name)
        put(path, f"{json.dumps(_now(mark))}\n".encode(), os.O_APPEND)

    def replace(self, mark: Mark) -> None:
        """Write *mark* in the place of the one that is there, all or nothing."""
        path = self._mark(mark.kind, mark.item.name)
        put(f"{path}~", _encode(mark, self.copy), mode=0o600)
        os.rename(f"{path}~", path)  # noqa: PTH104  # on the hot path

    def _mark(self, kind: Kind, name: str) -> str:
        return f"{self.text}/{kind}.{name}{_MARK}"

    def remove(self, kind: Kind, name: str) -> None:
        """Forget an item. Already forgotten is fine."""
        with suppress(FileNotFoundError):
            os.unlink(self._mark(kind, name))  # noqa: PTH108  # likewise

    def names(self, kind: Kind) -> list[str]:
        """Return the items of *kind* that have a mark, sorted."""
        try:
            files = os.listdir(self.text)  # noqa: PTH208  # likewise
        except (FileNotFoundError, NotADirectoryError):
            return []
        start = f"{kind}."
        return sorted(
            file[len(start) : -len(_MARK)]
            for file in files
            if file.startswith(start) and file.endswith(_MARK)
        )

    def machines(self) -> list[Machine]:
        """Return every machine that has a mark, by name."""
        found = (self.read("machine", name) for name in self.names("machine"))
        return [mark.item for mark in found if mark and isinstance(mark.item, Machine)]

    def note_dying(self) -> None:
        """Note that a machine is about to die: until the kernel is done with it, it answers."""
        put(f"{self.text}/{_DYING}", b"")

    def forget_dying(self) -> bool:
        """Return whether a machine died since this was asked last."""
        try:
            os.unlink(f"{self.text}/{_DYING}")  # noqa: PTH108  # likewise
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def note_talk(self) -> None:
        """Note that the machines talk: from now on they know each other."""
        put(f"{self.text}/{_TALKED}", b"")

    def talked(self) -> bool:
        """Return whether the machines may know each other."""
        return os.path.exists(f"{self.text}/{_TALKED}")  # noqa: PTH110  # likewise

    def empty(self) -> bool:
        """Return whether no item has a mark."""
        return not any(file.endswith(_MARK) for file in os.listdir(self.text))  # noqa: PTH208

    def tidy(self) -> None:
        """Remove the folder, which is locked, when nothing but the lock is left in it."""
        left = os.listdir(self.text)  # noqa: PTH208
        if any(not name.endswith("~") and name != ".lock" for name in left):
            return
        for name in left:
            os.unlink(self.path / name)  # noqa: PTH108
        with suppress(OSError):  # another process has its lock file there already
            self.path.rmdir()
            self.path.parent.rmdir()


def copies(root: Path) -> list[Copy]:
    """Return every copy that has a folder in *root*, sorted by lab and student."""
    found = []
    with suppress(FileNotFoundError):  # none yet, or the last one has just gone
        for lab in sorted(root.iterdir()):
            found += [Copy(lab.name, student.name) for student in sorted(lab.iterdir())]
    return found


def _keep_in_memory(root: Path) -> None:
    """Make *root*, and let it live in memory where the machine's own ``/run`` does not.

    Many containers have ``/run`` on disk, where making a small file costs as much as making a
    namespace.
    """
    if root.parent != Path("/run"):
        root.mkdir(parents=True, exist_ok=True)
        return
    with locked_folder(root.parent):
        if not root.exists():
            root.mkdir()
            if root.stat().st_dev == Path("/").stat().st_dev:
                kernel.mount("labiac", str(root), "tmpfs")


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep others who do the same with *folder* away meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def get(path: str) -> str:
    """Return what is in the file *path*, with few calls: one is read for every item deleted."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size).decode()
    finally:
        os.close(descriptor)


def put(path: str, data: bytes, how: int = os.O_TRUNC, mode: int = 0o644) -> None:
    """Write *data* to the file *path* with few calls: some are written for every item made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, mode)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def refs(root: Path, copy: Copy) -> tuple[str, ...]:
    """Return the ref of all that labiac made of *copy*, machines first."""
    folder = Folder(root, copy)
    kinds: tuple[Kind, ...] = ("machine", "network")
    return tuple(str(Ref(copy, kind, name)) for kind in kinds for name in folder.names(kind))


def _encode(mark: Mark, copy: Copy) -> bytes:
    """Return two lines of JSON about *mark*: its item, and what is known of it."""
    known = {
        "ref": str(Ref(copy, mark.kind, mark.item.name)),
        "owner": mark.owner,
        "hash": digest(mark.text),
        "boot": mark.boot,
        "created": mark.created,
        **_now(mark),
    }
    return f"{mark.text}\n{json.dumps(known)}\n".encode()


def _now(mark: Mark) -> dict[str, Any]:
    """Return what may change while the item is there: each line of it holds until the next."""
    return {
        "state": mark.state,
        "space": mark.space,
        "refused": mark.refused,
        "services": mark.services,
    }


def _decode(kind: Kind, text: str) -> Mark | None:
    *lines, _cut_off = text.split("\n")
    if len(lines) < 2:  # noqa: PLR2004  # the item, and what is known of it
        return None
    text, known = lines[0], json.loads(lines[1]) | json.loads(lines[-1])
    return Mark(
        item=_item(kind, text),
        text=text,
        owner=known["owner"],
        state=known["state"],
        space=known["space"],
        refused=tuple(known["refused"]),
        services=tuple(tuple(service) for service in known["services"]),
        boot=known["boot"],
        created=known["created"],
    )


@lru_cache(maxsize=256)  # the LAN of a machine's every NIC is asked for
def _item(kind: Kind, text: str) -> Item:
    data = json.loads(text)
    return from_data(Machine, data) if kind == "machine" else from_data(Network, data)
