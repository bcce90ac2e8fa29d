"""A project a copy: what one student has is nobody else's, and goes with its last container."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from labiac.backends.incus import api
from labiac.backends.incus.names import MARK, project
from labiac.errors import ForeignError

if TYPE_CHECKING:
    from labiac.backends.base import Copy

_SHARED: Final = {"features.images": "false", "features.networks": "false"}
"""What a project shares with all others: images, and the host's bridges."""
_OWN: Final = {"features.profiles": "true", "features.storage.volumes": "true"}


def ensure(copy: Copy) -> None:
    """Have the project of *copy* there.

    Raises:
        ForeignError: a project of that name is not labiac's.
    """
    name = project(copy)
    config = {**_SHARED, **_OWN, MARK: f"{copy.lab}/{copy.student}"}
    wanted = {"name": name, "description": f"{copy.lab}, the copy of {copy.student}"}
    there = api.get(api.path_of("projects", name))
    if there is None:
        with suppress(api.RefusedError):  # somebody else was quicker
            api.call("POST", api.path_of("projects"), {**wanted, "config": config})
        there = api.get(api.path_of("projects", name))
    if there is None or there["config"].get(MARK) != config[MARK]:
        problem = f"there is a project {name} that is not labiac's"
        fix = f"incus project delete {name}, or rename the lab"
        raise ForeignError(f"incus {copy.lab}", problem, fix=fix)


def tidy(copy: Copy) -> None:
    """Delete the project of *copy* unless something is in it."""
    with suppress(api.RefusedError):
        api.call("DELETE", api.path_of("projects", project(copy)))
