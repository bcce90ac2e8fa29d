"""One look at the live lab for one check: does it hold, why not, and what was seen."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import permutations
from typing import TYPE_CHECKING, Any, NamedTuple

from labiac.backends.base import Copy, Executes, ref_of
from labiac.cli.checks import domain
from labiac.cli.checks.way import way
from labiac.cli.measure import measured
from labiac.errors import LabError
from labiac.plan.checks import (
    AddressCheck,
    AllPingCheck,
    CommandCheck,
    DnsCheck,
    HttpCheck,
    PathCheck,
    PingCheck,
    PortCheck,
    RouteCheck,
    denies,
)
from labiac.plan.model import Machine
from labiac.reach.checks import (
    CheckResult,
    ends_of,
    kernel_routes,
    reason_of_address,
    reason_of_all,
    reason_of_path,
    reason_of_ping,
    reason_of_route,
)
from labiac.reach.matrix import pings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from labiac.backends.base import Backend, Ran
    from labiac.plan.checks import Asked, Check
    from labiac.plan.model import Plan
    from labiac.reach.matrix import Ends, Pair

PROBE = files(__package__).joinpath("probe.py").read_text(encoding="utf-8")
PYTHON = ("python3", "-I", "-S", "-c", PROBE)
"""Runs the probe on a node, whatever else is installed there or lies in the working directory."""
START_S = 2.0
"""What a program on a node may take beyond its own time, to start and to end."""
NOT_FOUND = 127
NO_SERVER = 9
"""Exit status of dig when it gets no answer."""
PACKAGES = {"dig": "bind9-dnsutils", "getent": "libc-bin", "python3": "python3"}
"""Debian packages of the programs that are run on nodes."""
SHOWN = 2000
"""Characters of a command's output that are shown as evidence."""


class Seen(NamedTuple):
    """What one look finds: why the check does not hold, and what was seen."""

    reason: str
    evidence: dict[str, Any]


class Look:
    """Looks at the live lab; several threads may do so at once."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        predicted: Mapping[Ends, Pair],
        live: Mapping[Ends, Pair],
    ) -> None:
        self._plan, self._backend = plan, backend
        self._predicted, self._live = predicted, live
        self._looks: dict[type[Asked], Callable[[Any, float], Seen]] = {
            RouteCheck: self._route,
            AddressCheck: self._address,
            PortCheck: self._port,
            HttpCheck: self._http,
            DnsCheck: self._dns,
            CommandCheck: self._command,
        }

    def at(self, check: Check, seconds: float, *, first: bool) -> CheckResult:
        """Return whether *check* holds now, as far as *seconds* suffice to see.

        With *first*, whatever only pings takes the matrix for its answer.
        """
        asked = check.asked
        try:
            dead = self._dead(asked) if denies(asked) else ""
            if dead:
                seen = Seen(dead, {})
            elif isinstance(asked, PingCheck | PathCheck | AllPingCheck):
                seen = self._ping(asked, seconds, first=first)
            else:
                seen = self._looks[type(asked)](asked, seconds)
        except LabError as error:
            seen = Seen(error.problem, {})
        return CheckResult(check, seen.reason, measured=True, evidence=seen.evidence)

    def _dead(self, asked: Asked) -> str:
        """Return which node that *asked* needs does not run: what is dead has denied nothing."""
        for name in ends_of(self._plan, asked) or ():
            observed = self._backend.read(self._ref(name))
            if observed is None or not observed.running:
                return f"{name} does not run"
        return ""

    def _ping(
        self, asked: PingCheck | PathCheck | AllPingCheck, seconds: float, *, first: bool
    ) -> Seen:
        ends = self._plan.end_nodes
        wanted = [each] if (each := ends_of(self._plan, asked)) else list(permutations(ends, 2))
        pairs = self._live
        if not first and wanted:
            pairs = measured(self._plan, self._backend, self._predicted, wanted, timeout_s=seconds)
        if isinstance(asked, AllPingCheck):
            return Seen(reason_of_all(ends, pairs), {"answered": sum(pairs[e].ok for e in wanted)})
        pair = pairs[asked.source, asked.target]
        if isinstance(asked, PingCheck):
            return Seen(reason_of_ping(asked, pair), {"answered": pair.ok})
        if pair.ok and isinstance(self._backend, Executes):
            visited = way(self._plan, self._backend, *pair.ends, timeout_s=seconds)
            pair = pair.told(path=visited)
        return Seen(reason_of_path(asked, pair), {"answered": pair.ok, "path": list(pair.path)})

    def _route(self, asked: RouteCheck, seconds: float) -> Seen:
        del seconds
        live = self._machine(asked.node)
        routes = kernel_routes(self._plan, live)
        shown = [f"{to} via {hop}" for to, hops in routes.items() for hop in hops]
        return Seen(reason_of_route(asked, live, routes), {"routes": shown})

    def _address(self, asked: AddressCheck, seconds: float) -> Seen:
        del seconds
        live = self._machine(asked.node)
        shown = [f"{address} on {name}" for name, held in live.interfaces() for address in held]
        return Seen(reason_of_address(asked, live), {"addresses": shown})

    def _port(self, asked: PortCheck, seconds: float) -> Seen:
        argv = ["port", str(asked.port), *asked.addresses]
        found, evidence = self._probed(asked.source, seconds, argv)
        ports: dict[str, str] = found.get("ports", {})
        reached = [address for address, state in ports.items() if state == "open"]
        if not ports:
            reason = found.get("problem", "no answer")
        elif asked.open:
            said = ", ".join(f"{address}: {state}" for address, state in ports.items())
            reason = "" if reached else self._why(asked, said)
        else:
            reason = f"{', '.join(reached)} accepts connections" if reached else ""
        return Seen(reason, evidence | found)

    def _http(self, asked: HttpCheck, seconds: float) -> Seen:
        found, evidence = self._probed(asked.source, seconds, ["page", asked.url, asked.contains])
        if "problem" in found:
            reason = self._why(asked, found["problem"])
        elif found["status"] != asked.status:
            reason = f"status {found['status']}, not {asked.status}"
        else:
            reason = "" if found["contains"] else f"the page does not contain {asked.contains!r}"
        return Seen(reason, evidence | found)

    def _dns(self, asked: DnsCheck, seconds: float) -> Seen:
        ran, evidence = self._ran(asked.source, domain.argv(asked, seconds), seconds + START_S)
        found = domain.records(asked, ran.stdout.decode(errors="replace"))
        missing = domain.missing(asked, found)
        if ran.status == NO_SERVER:
            reason = self._why(asked, f"{asked.server or 'the name server'} does not answer")
        elif not found:
            reason = f"{asked.name} has no {asked.type} record"
        elif missing:
            reason = f"{asked.name} has {', '.join(found)}, not {', '.join(missing)}"
        else:
            reason = ""
        return Seen(reason, evidence | {"records": found})

    def _command(self, asked: CommandCheck, seconds: float) -> Seen:
        ran, evidence = self._ran(asked.node, asked.argv, seconds)
        if ran.status != asked.status:
            last = _tail(ran.stderr)
            reason = f"exit status {ran.status}, not {asked.status}{f': {last}' if last else ''}"
        elif re.search(asked.output, ran.stdout.decode(errors="replace"), re.MULTILINE):
            reason = ""
        else:
            reason = f"{asked.output!r} is not found in its output"
        return Seen(reason, evidence)

    def _why(self, asked: PortCheck | HttpCheck | DnsCheck, said: str) -> str:
        """Return what was *said*, with the reason where the two nodes don't reach each other."""
        ends = ends_of(self._plan, asked)
        pair = self._live.get(ends) if ends else None
        if pair is None or pair.ok or not self._pinged(pair).intersection(asked.addresses):
            return said
        return f"{said}; {pair.reason}"

    def _pinged(self, pair: Pair) -> set[str]:
        """Return the addresses that *pair* speaks of: its target may have others besides."""
        return {ping.address for ping in pings(self._plan, [pair.ends])[pair.ends]}

    def _probed(
        self, node: str, seconds: float, argv: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the probe finds on *node*, and how it was asked.

        Raises:
            LabError: it cannot run there, or it found nothing in time.
        """
        ran, _ = self._ran(node, [*PYTHON, f"{seconds:.3f}", *argv], seconds + START_S)
        evidence = {"argv": ["python3", "probe.py", *argv], "status": ran.status}
        if ran.status != 0:
            last = _tail(ran.stderr)
            raise LabError(node, "no answer" if last == "TimeoutError" else f"python3: {last}")
        found: dict[str, Any] = json.loads(ran.stdout)
        return found, evidence

    def _ran(self, node: str, argv: Sequence[str], timeout_s: float) -> tuple[Ran, dict[str, Any]]:
        """Return what came of *argv* on *node*, and that as evidence.

        Raises:
            LabError: there is no such program, it takes too long, or the backend runs none.
        """
        if not isinstance(self._backend, Executes):
            raise LabError(node, f"backend {self._backend.name} runs no commands")
        ran = self._backend.execute(self._ref(node), argv, timeout_s=timeout_s)
        if ran.status == NOT_FOUND and argv[0] in PACKAGES:
            raise LabError(node, f"{node} has no {argv[0]}: install {PACKAGES[argv[0]]} there")
        said = (ran.stdout + ran.stderr).decode(errors="replace")
        shown = said if len(said) <= SHOWN else f"{said[:SHOWN]}..."
        return ran, {"argv": list(argv), "status": ran.status, "output": shown}

    def _machine(self, name: str) -> Machine:
        """Return the node called *name* as it is now.

        Raises:
            LabError: it is gone, or does not run.
        """
        observed = self._backend.read(self._ref(name))
        if observed is None or not observed.running or not isinstance(observed.item, Machine):
            raise LabError(name, f"{name} does not run")
        return observed.item

    def _ref(self, name: str) -> str:
        return ref_of(Copy(self._plan.lab, self._plan.student), "machine", name)


def _tail(stderr: bytes) -> str:
    """Return the last line of what a program complained."""
    return next(reversed(stderr.decode(errors="replace").strip().splitlines()), "")
