"""A machine's own files of ``/etc``, where ``ip netns exec`` looks for them.

They are kept with the marks, in memory; ``/etc/netns`` has a link to them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.netns.marks import put

if TYPE_CHECKING:
    from labiac.backends.netns.ground import Ground
    from labiac.plan.model import Machine

_NO_RESOLVER: Final = b"# This lab has no name server; /etc/hosts knows its nodes.\n"


def folder(ground: Ground, name: str) -> str:
    """Return where the files of machine *name* are."""
    return f"{ground.folder.text}/machine.{name}.etc"


def write(ground: Ground, machine: Machine) -> None:
    """Write the files of *machine*, and let ``/etc/netns`` lead to them."""
    own = folder(ground, machine.name)
    with suppress(FileExistsError):
        os.mkdir(own)  # noqa: PTH102  # on the hot path
    put(f"{own}/hosts", machine.hosts.encode())
    put(f"{own}/resolv.conf", _NO_RESOLVER)
    if machine.speaker:
        from labiac.backends.netns import routing

        routing.write(own, machine)
    there = link(ground, machine)
    try:
        os.symlink(own, there)  # noqa: PTH211  # likewise
    except FileNotFoundError:
        ground.places.etc.mkdir(parents=True, exist_ok=True)
        os.symlink(own, there)  # noqa: PTH211
    except FileExistsError:
        if not ours(ground, machine):
            raise


def read(ground: Ground, machine: Machine) -> str:
    """Return the text of the machine's ``/etc/hosts``, empty when it has none."""
    try:
        with open(f"{folder(ground, machine.name)}/hosts", encoding="utf-8") as file:  # noqa: PTH123
            return file.read()
    except FileNotFoundError:
        return ""


def link(ground: Ground, machine: Machine) -> str:
    """Return where ``ip netns exec`` looks for the machine's files."""
    return f"{ground.places.etc}/{machine.host_name}"


def ours(ground: Ground, machine: Machine) -> bool:
    """Return whether what stands at `link`, if anything, is labiac's for this machine."""
    try:
        return os.readlink(link(ground, machine)) == folder(ground, machine.name)  # noqa: PTH115
    except FileNotFoundError:
        return True
    except OSError:  # a folder, or a file
        return False


def remove(ground: Ground, machine: Machine) -> None:
    """Remove the files of *machine*, and what leads to them."""
    if ours(ground, machine):
        with suppress(FileNotFoundError):
            os.unlink(link(ground, machine))  # noqa: PTH108  # likewise
    own = folder(ground, machine.name)
    try:
        os.unlink(f"{own}/hosts")  # noqa: PTH108  # likewise
        os.unlink(f"{own}/resolv.conf")  # noqa: PTH108
        os.rmdir(own)  # noqa: PTH106
    except OSError:  # not there, or somebody put more into it
        import shutil

        shutil.rmtree(own, ignore_errors=True)


def forget(ground: Ground, name: str) -> None:
    """Remove what leads to the files of machine *name*, when a reboot took them and its mark."""
    own = folder(ground, name)
    for there in ground.places.etc.iterdir() if ground.places.etc.is_dir() else ():
        with suppress(OSError):  # no link, or somebody else's that has just gone
            if os.readlink(there) == own:  # noqa: PTH115
                there.unlink()
