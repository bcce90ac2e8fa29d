"""A project a copy: what one student has is nobody else's, and goes with its last container."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.incus import api, instance
from labiac.backends.incus.held import Held, machines_held
from labiac.backends.incus.names import MARK, bridge, project
from labiac.backends.mark import Mark
from labiac.errors import ForeignError
from labiac.host.lock import locked
from labiac.images.store import folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labiac.backends.base import Copy
    from labiac.plan.model import Machine

GONE: Final = "Project not found"
"""What Incus says of anything in a project that is not there."""
_SHARED: Final = {"features.images": "false", "features.networks": "false"}
"""What a project shares with all others: images, and the host's bridges."""
_OWN: Final = {"features.profiles": "true", "features.storage.volumes": "true"}
_BOUND: Final = {
    "restricted": "true",
    "restricted.cluster.target": "allow",
    "restricted.snapshots": "allow",
    "limits.virtual-machines": "0",
}
"""What a project is that is a student's own: without devices of the host, privileges, nesting.

Labiac itself, which keeps to that too there, places containers and takes snapshots.
"""
_UNITS: Final = {"limits.disk": "GiB", "limits.memory": "MiB"}
_LANS: Final = "restricted.networks.access"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


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
    """Delete the project of *copy*, and every way to it, unless something is in it."""
    with suppress(api.RefusedError):
        api.call("DELETE", api.path_of("projects", project(copy)))
        close(copy)


def bound(copy: Copy, machines: Iterable[Held]) -> None:
    """Let nobody have more in the project of *copy* than *machines* take, nor reach out of it."""
    _set(copy, {**_BOUND, **_limits(machines)})


def unbind(copy: Copy) -> None:
    """Let labiac alone say what the project of *copy* may have."""
    _set(copy, dict.fromkeys((*_BOUND, *_limits(())), ""))


def close(copy: Copy) -> int:
    """Take back what opens the project of *copy* alone, used or not; return how much it was."""
    own = [project(copy)]
    known = api.get(api.path_of("certificates", recursion="1")) or ()
    used = [each["fingerprint"] for each in known if each["projects"] == own]
    begun = (api.get(api.path_of("operations", recursion="1")) or {}).get("running", ())
    unused = [each["id"] for each in begun if _opened(each) == own]
    for fingerprint in used:
        api.call("DELETE", api.path_of("certificates", fingerprint))
    for token in unused:
        api.call("DELETE", api.path_of("operations", token))
    return len(used) + len(unused)


def _opened(operation: dict[str, Any]) -> list[str]:
    """Return the projects that *operation* would open, which lasts until its token is used."""
    opened: list[str] = (operation["metadata"] or {}).get("request", {}).get("projects", [])
    return opened if operation["class"] == "token" else []


@contextmanager
def room(copy: Copy, machine: Machine) -> Iterator[None]:
    """Have the project of *copy* take *machine* as it is to be, if it is bounded."""
    there = api.get(api.path_of("projects", project(copy)))
    if there is None or there["config"].get("restricted") != "true":
        yield
        return
    with locked(folder() / "incus-projects.lock", "waiting for another labiac, which makes a node"):
        others = [each for each in machines_held(copy) if each.mark.item.name != machine.name]
        with_it = Held({}, Mark(copy, machine, whole=False))
        _set(copy, _limits([*others, with_it], there["config"]))
        yield


def _limits(machines: Iterable[Held], least: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """Return what a project may have with *machines* in it, and never less than *least*."""
    own = [each.mark for each in machines]
    amounts = {
        "limits.containers": len(own),
        "limits.cpu": sum(each.machine.cpus for each in own),
        "limits.disk": sum(each.machine.disk_gib for each in own),
        "limits.memory": sum(each.machine.memory_mib for each in own),
        "limits.processes": instance.PROCESSES * len(own),
    }
    lans = {
        bridge(each.copy, instance.lan(each.machine, nic))
        for each in own
        for nic in each.machine.nics
        if nic.attach in instance.JOINED
    }
    lans |= set(filter(None, least.get(_LANS, "").split(",")))
    limits = {}
    for key, amount in amounts.items():
        unit = _UNITS.get(key, "")
        limits[key] = f"{max(amount, int(least.get(key, '0').removesuffix(unit)))}{unit}"
    return {**limits, _LANS: ",".join(sorted(lans))}


def _set(copy: Copy, config: Mapping[str, str]) -> None:
    """Change what is said in *config* of the project of *copy*; nothing is said by what is empty.

    In one piece: a change of a part alone Incus 6.0 takes for one of the features, too.
    """
    path = api.path_of("projects", project(copy))
    there = api.get(path)
    told = {key: value for key, value in {**there["config"], **config}.items() if value}
    api.call("PUT", path, {"description": there["description"], "config": told})
