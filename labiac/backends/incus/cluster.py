"""Incus on more than one machine: the members of a cluster, and where each copy goes."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from labiac.backends.incus import api, images
from labiac.backends.incus.names import project
from labiac.backends.spare import Spare
from labiac.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from labiac.backends.base import Copy

TARGET: Final = "LABIAC_INCUS_TARGET"
"""Variable that says where copies go that name no host: a member, or a group like ``@lab``."""
_ONLINE: Final = "Online"
_OFFLINE: Final = "Offline"
_MIB: Final = 1 << 20
_UNREACHED: Final = ('"https://{}/', "{} is down")
"""How Incus names a member that it could not ask; one that refused, it names otherwise."""
_STARTING: Final = "Server isn't ready yet"
"""What a member says that has just come back, or that another says of one that it has lost."""
_ELSEWHERE: Final = (_STARTING, "Missing event connection with target cluster member")
"""What is said of the member that has the containers asked for, and not of the one that says it."""
_RACE: Final = "Failed to delete bridge children interfaces"
"""What Incus 6.0 says where anybody's link goes while it makes a bridge: a container starts."""
_ATTEMPTS: Final = 10
_SOON_S: Final = 0.3
_AND: Final = "+"
"""Between the members that a copy is to span."""
_FIRST: Final = Lock()
"""Held while the first container of a copy is made: it decides where all the others go."""


def add_instance(copy: Copy, wanted: Mapping[str, Any]) -> None:
    """Make the container *wanted* where the others of *copy* are.

    The first goes to the host that is named for the copy, else to the one that Incus chooses.
    """
    if not _is_cluster(api.address()):
        return add_on(copy, wanted, "")
    there = member_of(copy)
    if there:
        return add_on(copy, wanted, there)
    with _FIRST:
        return add_on(copy, wanted, member_of(copy) or named(copy.host)[0])


def add_on(copy: Copy, wanted: Mapping[str, Any], target: str) -> None:
    """Make the container *wanted* on *target*: a member, a group, or where Incus puts it."""
    where = {"project": project(copy)} | ({"target": target} if target else {})
    api.call("POST", api.path_of("instances", **where), wanted)


def add_network(wanted: Mapping[str, Any]) -> None:
    """Make the network *wanted*: in a cluster on each member, as an instance may go to any."""
    for member in members():
        with suppress(api.RefusedError):  # it is announced there already, or else is refused below
            path = api.path_of("networks", target=member["server_name"])
            api.call("POST", path, _begun(wanted))
    try:
        api.call("POST", api.path_of("networks"), wanted)
    except api.RefusedError as error:
        if _RACE not in error.problem:
            raise
        finish_network(_begun(wanted) if _is_cluster(api.address()) else wanted)


def finish_network(wanted: Mapping[str, Any]) -> None:
    """Make the network *wanted* where an attempt at it has failed."""
    _insisted("POST", api.path_of("networks"), wanted)


def change_network(known: Mapping[str, Any], config: Mapping[str, str]) -> None:
    """Add *config* to that of the network that is *known*, on all members."""
    wanted = {"description": known["description"], "config": config}  # it forgets what is not said
    _insisted("PATCH", api.path_of("networks", known["name"]), wanted)


def remove_network(name: str) -> None:
    """Delete the network *name*, from all members."""
    _insisted("DELETE", api.path_of("networks", name), None)


def asked(host: str) -> str:
    """Return where a copy shall go whose *host* is that: empty where Incus is to choose."""
    return host or os.environ.get(TARGET, "")


def named(host: str) -> list[str]:
    """Return where a copy shall go whose *host* is that: two or more where it shall span them."""
    return asked(host).split(_AND)


def member_of(copy: Copy) -> str:
    """Return the member that has the containers of *copy*, or the empty string."""
    path = api.path_of("instances", project=project(copy), recursion="1")
    return next((each["location"] for each in api.get(path) or ()), "")


def members() -> list[dict[str, Any]]:
    """Return what Incus says of each member; of one that is no cluster, nothing."""
    if not _is_cluster(api.address()):
        return []
    found: list[dict[str, Any]] = api.get(api.path_of("cluster", "members", recursion="1"))
    return found


def misplaced(host: str) -> str:
    """Return why no copy can be made on *host* now, or the empty string.

    Args:
        host: A member, a group of them with ``@`` before its name, members with ``+`` between
            them, or nothing. Where Incus is no cluster there is nothing to choose, so any will do.
    """
    several = host.split(_AND)
    if len(several) > 1:
        groups = (f"{each} is a group, and not a member" for each in several if each[:1] == "@")
        return next(groups, "") or next(filter(None, map(misplaced, several)), "")
    known = members()
    if not host or not known:
        return ""
    group = host.removeprefix("@")
    meant = [
        each
        for each in known
        if (group in each["groups"] if host.startswith("@") else each["server_name"] == host)
    ]
    if not meant:
        there = sorted(
            {each["server_name"] for each in known}
            | {f"@{name}" for each in known for name in each["groups"]}
        )
        return f"{host} is no member of the cluster, which has {', '.join(there)}"
    if any(each["status"] == _ONLINE for each in meant):
        return ""
    said = "; ".join(f"{each['server_name']}: {each['message']}" for each in meant)
    return f"{host} is {meant[0]['status'].lower()} ({said})"


def problems() -> Iterator[Problem]:
    """Yield what speaks against making a copy in this cluster now."""
    why = misplaced(asked(""))
    if why:
        yield Problem("incus", "", why, f"{TARGET} names a member, or a group of them like @lab")
    for each in members():
        if each["status"] == _OFFLINE:
            name = each["server_name"]
            yield Problem(
                "incus",
                "",
                f"member {name} is offline, and without it no LAN can be made or deleted",
                f"switch it on, or give up what it has: incus cluster remove --force {name}",
                level="warning",
            )


def spare() -> dict[str, Spare]:
    """Return what each member has left that takes copies now; of one that is no cluster, nothing.

    Raises:
        BackendError: a member does not answer, or there is no storage pool.
    """
    here = [each["server_name"] for each in members() if each["status"] == _ONLINE]
    disks = api.path_of("storage-pools", images.pool(), "resources") if here else ""
    return {name: _spare(name, disks) for name in here}


def _spare(member: str, disks: str) -> Spare:
    known = api.get(api.path_of("resources", target=member))
    space = api.get(f"{disks}?{urlencode({'target': member})}")["space"]
    memory = known["memory"]
    return Spare(
        memory_mib=(memory["total"] - memory["used"]) / _MIB,
        disk_mib=(space["total"] - space["used"]) / _MIB,
        cpus=known["cpu"]["total"],
    )


def silent(path: str, problem: str) -> str:
    """Return the member that does not answer, which *problem* at *path* comes of; empty: none.

    A member that went is online to Incus for some seconds more, and then just its containers and
    its address tell.

    Args:
        path: An object of the API: an instance, or a network.
        problem: What Incus says.
    """
    kind, name, *_ = [*path.removeprefix("/1.0/").partition("?")[0].split("/"), ""]
    query = dict(parse_qsl(path.partition("?")[2]))
    if kind not in {"instances", "networks"} or "recursion" in query:
        return ""  # it is asked below, too
    listed = api.path_of("instances", recursion="1", project=query.get("project", "default"))
    elsewhere = any(words in problem for words in _ELSEWHERE)
    meant = name if kind == "instances" else ""  # all of them, where none is named
    lost = {
        each["location"]
        for each in api.get(listed) or ()
        if meant in {"", each["name"]} and (elsewhere or each["status"] == "Error")
    }
    there = members()
    for each in there:
        address = urlsplit(each["url"]).netloc
        told = any(words.format(address) in problem for words in _UNREACHED)
        if each["server_name"] in lost or told:
            return str(each["server_name"])
    # A busy one may seem to be offline, so this tells the least.
    return next((str(each["server_name"]) for each in there if each["status"] == _OFFLINE), "")


def starts(problem: str) -> bool:
    """Return whether *problem* is that an Incus has come back and is not ready yet.

    One says the same of a member that it has lost, until it knows that it is offline.
    """
    if _STARTING not in problem:
        return False
    try:
        return all(each["status"] == _ONLINE for each in members())
    except api.RefusedError:
        return True  # it is this one that starts


def _insisted(method: str, path: str, body: Mapping[str, Any] | None) -> None:
    """Have Incus do it, some times if it must be, until no link goes just then."""
    for attempt in range(_ATTEMPTS):
        try:
            api.call(method, path, body)
        except api.RefusedError as error:
            if _RACE not in error.problem or attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_SOON_S)
        else:
            return


def _begun(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Incus takes of a network that it has begun: it knows the rest."""
    return {"name": wanted["name"], "type": wanted["type"]}


@cache
def _is_cluster(_socket: Path | None) -> bool:
    return bool(api.get(api.path_of())["environment"]["server_clustered"])
