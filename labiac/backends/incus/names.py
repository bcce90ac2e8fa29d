"""What labiac's things are called in Incus: a project a copy, an interface a LAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from labiac.backends.incus import api
from labiac.plan.names import digest

if TYPE_CHECKING:
    from labiac.backends.base import Copy

MARK: Final = "user.labiac"
"""Key of the configuration under which an object carries labiac's mark."""
READY: Final = "user.labiac.ready"
"""Key that an instance has once it was whole: from then on there is something on its disk."""
SEED: Final = "user.labiac.seed."
"""What the keys of a seed's files begin with; the image's templates read them."""
_LONGEST: Final = 63
"""Characters of the name of a project or an instance."""


def project(copy: Copy) -> str:
    """Return the project of *copy*: as it is called, or hashed where that is too long."""
    name = f"labiac.{copy.lab}.{copy.student}"
    return _short(name)


def bridge(copy: Copy, network: str) -> str:
    """Return the interface that is the bridge of a LAN: hashed, two short of a kernel's length.

    The interface of a tunnel has two characters more.
    """
    return f"lab{digest('incus', copy.lab, copy.student, network) % 16**10:010x}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container is: its project, and its name there."""

    project: str
    name: str

    def path(self, *parts: str) -> str:
        """Return the path of the container in the API, or of what is behind it."""
        return api.path_of("instances", self.name, *parts, project=self.project)

    def __str__(self) -> str:
        """Return it as people read it: ``labiac.three-lans.ana/pc1``."""
        return f"{self.project}/{self.name}"


def place(copy: Copy, machine: str) -> Place:
    """Return where the container of *machine* is."""
    return Place(project(copy), machine)


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    return f"{name[:46].rstrip('-')}-{digest('incus', name) % 16**16:016x}"
