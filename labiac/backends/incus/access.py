"""A student's own way to their copy: a certificate that is good for one project, which is bounded.

The student's client makes the certificate, and is known by a token that is good once.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.access import Access
from labiac.backends.incus import api, projects
from labiac.backends.incus.held import machines_held
from labiac.backends.incus.names import project
from labiac.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labiac.backends.base import Copy
    from labiac.backends.incus.held import Held

_EVER: Final = "0001-01-01T00:00:00Z"
"""When a token expires that does not: Go's zero."""


def grant(copy: Copy) -> Access:
    """Return a token by which somebody's Incus client gets at the project of *copy* alone.

    Raises:
        BackendError: the copy is not up, Incus does not listen, or a node opens its host.
    """
    machines = [*machines_held(copy)]
    if not machines:
        fix = f"labiac up {copy.lab} --student {copy.student} --backend incus"
        raise BackendError(f"{copy.lab} of {copy.student}", "is not up on incus", fix=fix)
    if not api.get(api.path_of())["config"].get("core.https_address"):
        fix = "incus config set core.https_address :8443"
        raise BackendError("incus", "it listens to this machine alone", fix=fix)
    _insist_closed(machines)
    projects.bound(copy, machines)
    name = project(copy)
    asked = {"type": "client", "token": True, "name": name}
    path = api.path_of("certificates")
    begun = api.begin("POST", path, {**asked, "restricted": True, "projects": [name]})
    token = _token(name, begun["metadata"]["metadata"])
    where = copy.lab
    return Access(
        token,
        (
            f"incus remote add {where} {token}",
            f"incus list {where}: --project {name}",
            f"incus exec {where}:{machines[0].mark.item.name} --project {name} -- bash",
        ),
    )


def revoke(copy: Copy) -> int:
    """Take every certificate for the project of *copy* back; return how many there were."""
    there = api.get(api.path_of("projects", project(copy)))
    if there is not None:
        projects.unbind(copy)
    return projects.close(copy)


def _insist_closed(machines: Sequence[Held]) -> None:
    """Refuse machines with what a bounded project may not have: it would open the host, or more."""
    for machine in machines:
        for name, device in machine.known["devices"].items():
            if device["type"] == "proxy" or device.get("nictype"):
                what = "a port of the host leads to it"
                if device["type"] == "nic":
                    what = f"{name} leads nowhere, and could lead anywhere"
                raise BackendError(
                    f"incus {machine.place}",
                    f"a student's own project can't have it: {what}",
                    fix="leave forwards out, and cables in",
                )


def _token(name: str, told: dict[str, Any]) -> str:
    """Return what the incus command takes for a token."""
    known = {
        "client_name": name,
        "fingerprint": told["fingerprint"],
        "addresses": told["addresses"],
        "secret": told["secret"],
        "expires_at": told.get("expiresAt", _EVER),
    }
    return base64.b64encode(json.dumps(known).encode()).decode()
