"""Nodes on Incus: a system container each, in the project of their copy."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from labiac.backends.base import Copy, Features, Observed
from labiac.backends.guest import MENDED, changed
from labiac.backends.guest import observed as inside
from labiac.backends.incus import api, guest, images, instance, lans, projects, spread
from labiac.backends.incus.held import Held, held, held_or_free
from labiac.backends.incus.names import MARK, READY, place
from labiac.backends.incus.still import wake
from labiac.backends.mark import Mark
from labiac.errors import BackendError
from labiac.plan.diff import cost
from labiac.plan.model import Machine

if TYPE_CHECKING:
    from labiac.backends.base import Watch

FEATURES: Final = Features(
    boots=True,
    live=MENDED | {"disk_gib", "host_addresses", "host_routes", "ipv4", "ipv6"},
)
_ATTEMPTS: Final = 3
"""How often to make a container whose project goes meanwhile."""
_ROUNDS: Final = 3
"""How often to mend: networkd, too, answers what happens to a link, a moment after it."""
_LOOKS: Final = 10
"""How often to look what became of it; to mend again meanwhile would have networkd begin anew."""
_SOON_S: Final = 0.3
_SHUTDOWN_S: Final = 20


def create(copy: Copy, item: Machine, watch: Watch, *, was: Machine | None = None) -> Observed:
    """Make *item* so, whatever there is of it, and return when it is ready.

    A container that runs becomes it while it runs, where it can; else it restarts.

    Args:
        copy: Whose copy it is of.
        item: What it shall be.
        watch: Hears how far it is.
        was: What it was until now, if only what differs is to change inside one that runs.

    Raises:
        ForeignError: an instance of that name is not labiac's.
        BackendError: Incus refused, it does not get ready, or *watch* is cancelled.
    """
    mark = Mark(copy, item, whole=False)
    ours = _awake(mark)
    if ours is not None and (ours.mark.machine.image != item.image or _is_hollow(ours)):
        delete(ours)
        ours = None
    lans.behind(copy, item)
    runs = ours is not None and ours.is_active and _follows(ours, item)
    on = item.start or (ours is not None and ours.is_active)
    if ours is None:
        _make(mark)
    else:
        _change(ours, mark, runs=runs)
    there = place(copy, item.name)
    if on:
        if not runs:
            _switch_on(mark)
        guest.wait(there, item.name, watch)
    done = replace(mark, whole=True)
    _note(done)
    found = _found(done)
    if not found.running or not isinstance(found.item, Machine):
        return found
    goal = changed(found.item, was, item) if was and runs else item
    if found.item != goal:
        found = _mended(done, found, goal)
        guest.wait(there, item.name, watch)  # it may have addresses of IPv6 to try out first
    return replace(found, item=item) if found.item == goal else found


def start(ours: Held, watch: Watch) -> None:
    """Switch a machine on, and return when it is ready. On already is success."""
    create(ours.mark.copy, replace(ours.mark.machine, start=True), watch)


def delete(ours: Held) -> None:
    """Delete a machine, and its project with the last one."""
    cut(ours)
    api.call("DELETE", ours.place.path())
    lans.tidy_behind(ours.mark.copy, ours.mark.machine, None)
    projects.tidy(ours.mark.copy)


def wire(ours: Held) -> None:
    """Give a machine the cables and ports that it shall have, while it runs or not."""
    _become(ours, ours.mark)


def stop(ours: Held) -> None:
    """Shut a machine down; one that does not heed it is cut off. Off is success."""
    if not ours.is_active:
        return
    try:
        _switch(ours.mark, "stop", timeout_s=_SHUTDOWN_S)
    except api.RefusedError:
        cut(ours)


def cut(ours: Held) -> None:
    """Switch a machine off as if by its plug. Off is success."""
    with suppress(api.RefusedError):  # it is off, or gone
        _switch(ours.mark, "stop", force=True)


def reset(ours: Held, watch: Watch) -> Observed:
    """Make a machine anew; on again if it was."""
    item = ours.mark.machine
    images.fingerprint(item.image)  # where it can't be had the old one stays
    on = item.start or ours.is_active
    delete(ours)
    return create(ours.mark.copy, replace(item, start=on), watch)


def observed(ours: Held) -> Observed:
    """Return a machine as it is now, inside too, if it may be looked at."""
    return inside(glimpsed(ours), partial(guest.look, ours.place))


def glimpsed(ours: Held) -> Observed:
    """Return a machine as Incus has it; one that is not whole does not run."""
    item = instance.observed(ours.mark.machine, ours.mark.copy, ours.known["devices"])
    return Observed(ours.mark.ref, item, running=ours.mark.whole and ours.is_active)


def _make(mark: Mark) -> None:
    """Make the instance of *mark*, off."""
    item = mark.machine
    source = {"type": "image", "fingerprint": images.fingerprint(item.image)}
    wanted = {"name": item.name, "type": "container", "profiles": [], "source": source}
    for attempt in range(_ATTEMPTS):
        projects.ensure(mark.copy)
        try:
            with projects.room(mark.copy, item):
                spread.add_instance(mark.copy, item, {**wanted, **_told(mark, {})})
        except api.RefusedError as error:
            lost = api.LOST in error.problem
            if lost and held(mark.ref, mark.copy, item.name):
                return  # it was made, whatever its member has forgotten since
            # The project went with a container that was the last in it: one that is made anew.
            if not (lost or projects.GONE in error.problem) or attempt + 1 == _ATTEMPTS:
                raise
        else:
            return


def _awake(mark: Mark) -> Held | None:
    """Return what there is of the machine of *mark*; one that stands still goes on."""
    ours = held_or_free(mark)
    if ours is None or not ours.is_still:
        return ours
    wake(ours.place.path("state"))
    return held_or_free(mark)


def _is_hollow(ours: Held) -> bool:
    """Return whether a machine never was one: its host went while it was made, maybe its disk."""
    return not (ours.mark.whole or ours.is_active or READY in ours.known["config"])


def _change(ours: Held, mark: Mark, *, runs: bool) -> None:
    """Make the instance of *ours* that of *mark*: while it *runs*, or off."""
    if runs:
        guest.tell(ours.place, ours.mark.machine, mark.machine)
    else:
        stop(ours)
    _become(ours, mark)
    lans.tidy_behind(mark.copy, ours.mark.machine, mark.machine)


def _become(ours: Held, mark: Mark) -> None:
    """Give an instance the configuration and the devices of *mark*, while it runs or not."""
    path = ours.place.path()
    with projects.room(mark.copy, mark.machine):
        known = api.get(path) or ours.known  # Incus keeps notes there, other ones since it stopped
        kept = {key: known[key] for key in ("architecture", "ephemeral", "profiles")}
        api.call("PUT", path, {**kept, **_told(mark, known["config"])})


def _told(mark: Mark, known: dict[str, str]) -> dict[str, Any]:
    item = mark.machine
    return {
        "description": item.host_name,
        "config": instance.configuration(mark, known),
        "devices": instance.devices(mark.copy, item, images.pool(), lans.forwards(mark.copy, item)),
    }


def _note(mark: Mark) -> None:
    config = {MARK: mark.to_json(), READY: "true"}
    api.call("PATCH", place(mark.copy, mark.item.name).path(), {"config": config})


def _switch_on(mark: Mark) -> None:
    """Start a machine, or see its host do so: one that was without power starts what it had."""
    try:
        _switch(mark, "start")
    except api.RefusedError:
        if not any(_is_on_soon(mark) for _ in range(_LOOKS)):
            raise


def _is_on_soon(mark: Mark) -> bool:
    ours = held(mark.ref, mark.copy, mark.item.name)
    if ours is None or not ours.is_active:
        time.sleep(_SOON_S)
        return False
    return True


def _switch(mark: Mark, action: str, *, force: bool = False, timeout_s: int = -1) -> None:
    wanted = {"action": action, "force": force, "timeout": timeout_s}
    api.call("PUT", place(mark.copy, mark.item.name).path("state"), wanted)


def _follows(ours: Held, item: Machine) -> bool:
    """Return whether the container of *ours*, which runs, can become *item* without a boot."""
    was = ours.mark.machine
    if not ours.mark.whole and was != item:
        return False  # it never got as far as to be told anything
    return cost("machine", was, item, boots=True, live=FEATURES.live) == "live"


def _found(mark: Mark) -> Observed:
    ours = held(mark.ref, mark.copy, mark.item.name)
    if ours is None:
        raise BackendError(f"incus {mark.item.name}", "it went while it was made", fix="try again")
    return observed(ours)


def _mended(mark: Mark, found: Observed, goal: Machine) -> Observed:
    """Make a container *goal* inside, and return it as it is then."""
    where = place(mark.copy, goal.name)
    for number in range(_ROUNDS * _LOOKS):
        if not isinstance(found.item, Machine) or not found.running or found.item == goal:
            break
        if number % _LOOKS == 0:
            guest.mend(where, found.item, goal)
        time.sleep(_SOON_S)
        found = _found(mark)
    return found
