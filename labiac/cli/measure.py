"""The live lab, pair by pair: who answers, by which way, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from labiac.backends.base import Copy, Measures, Ping, glance, ref_of
from labiac.backends.live import answered, as_it_is
from labiac.cli.options import up_command
from labiac.cli.output import note
from labiac.errors import LabError

if TYPE_CHECKING:
    from labiac.backends.base import Backend
    from labiac.backends.live import AsItIs
    from labiac.plan.model import Plan
    from labiac.reach.compare import Deviation, Deviations
    from labiac.reach.matrix import Ends, Pair
    from labiac.reach.trace import Trace

TIMEOUT_S = 5.0
"""How long a pair may stay silent."""


class Examined(NamedTuple):
    """One pair of the live lab.

    Args:
        pair: Whether it answers, by which way, and why not.
        differences: What is not as planned on the way of a pair that is silent.
        traces: The way hop by hop, as the nodes are now; none where one of the two does not run.
    """

    pair: Pair
    differences: tuple[Deviation, ...]
    traces: tuple[Trace, ...]


def matrices(plan: Plan, backend: Backend) -> tuple[dict[Ends, Pair], dict[Ends, Pair]]:
    """Return every pair of nodes as predicted, and as `measured`, for ``graph --live`` to draw.

    Raises:
        LabError: the backend cannot measure, or the copy is not up.
    """
    from labiac.reach.matrix import matrix

    predicted = {pair.ends: pair for pair in matrix(plan, all_nodes=True)}
    live = measured(plan, backend, predicted)
    remember(plan, predicted, live)
    return predicted, live


def remember(plan: Plan, predicted: Mapping[Ends, Pair], live: Mapping[Ends, Pair]) -> None:
    """Keep what was measured of a copy for ``graph --live``; a measurement never fails by it."""
    from labiac.fleet.measured import record

    try:
        record(plan, predicted, live)
    except OSError as error:
        note(f"labiac graph --live will not know of this measurement: {error}")


def measured(
    plan: Plan,
    backend: Backend,
    predicted: Mapping[Ends, Pair],
    among: Iterable[Ends] = (),
    *,
    timeout_s: float = TIMEOUT_S,
) -> dict[Ends, Pair]:
    """Return every pair of end nodes, and of those that checks name, as the live lab has it.

    Args:
        plan: The lab; its copy is up.
        backend: What it runs on.
        predicted: Every pair of nodes, routers too.
        among: Measure only these, if any.
        timeout_s: How long a pair may stay silent.

    Raises:
        LabError: the backend cannot measure, or the copy is not up.
    """
    wanted = list(among) or _wanted(plan, predicted)
    answers = _answers(plan, _measuring(backend), wanted, timeout_s)
    as_predicted = all(predicted[ends].ok == ok for ends, ok in answers.items())
    # Of a pair that is silent as predicted, the student's work may have changed the reason.
    worked_on = any(machine.student for machine in plan.machines)
    # Routers that tell each other of a link that is gone go another way, and all answer.
    settled = not any(machine.speaker for machine in plan.machines)
    if settled and as_predicted and (all(answers.values()) or not worked_on):
        return {ends: predicted[ends] for ends in answers}
    return _explained(*_compared(plan, backend), answers)


def insist_up(plan: Plan, backend: Backend, file: str) -> None:
    """Refuse to go on with a copy of which nothing runs.

    Raises:
        LabError: it is not up; the remedy names *file* as the user did.
    """
    copy = Copy(plan.lab, plan.student)
    if plan.machines and all(
        glance(backend, ref_of(copy, "machine", machine.name)) is None for machine in plan.machines
    ):
        raise LabError(f"{plan.lab} of {plan.student}", "is not up", fix=up_command(plan, file))


def _measuring(backend: Backend) -> Measures:
    if not isinstance(backend, Measures):
        raise LabError(f"backend {backend.name}", "cannot measure", fix="use netns")
    return backend


def _wanted(plan: Plan, predicted: Iterable[Ends]) -> list[Ends]:
    from labiac.reach.checks import ends_of

    ends = set(plan.end_nodes)
    named = {ends_of(plan, check.asked) for check in plan.checks}
    return [pair for pair in predicted if ends.issuperset(pair) or pair in named]


def _answers(
    plan: Plan, backend: Measures, wanted: Sequence[Ends], timeout_s: float
) -> dict[Ends, bool]:
    from labiac.reach.matrix import pings

    known = pings(plan, wanted)
    asked = {ends: [Ping(*ping) for ping in known[ends]] for ends in wanted}
    heard = answered(backend, Copy(plan.lab, plan.student), asked, timeout_s=timeout_s)
    return {ends: ends in heard for ends in wanted}


def examined(plan: Plan, backend: Backend, source: str, target: str) -> Examined:
    """Return whether *source* reaches *target* on the live lab, and what is found on the way.

    Raises:
        LabError: the backend cannot measure, or the host refused.
    """
    from labiac.reach.matrix import pings
    from labiac.reach.trace import trace

    ends = source, target
    answers = _answers(plan, _measuring(backend), [ends], TIMEOUT_S)
    now, compared = _compared(plan, backend)
    pair = _explained(now, compared, answers)[ends]
    differ = () if pair.ok else tuple(compared.differences(*ends))
    asked = [ping.address for ping in pings(plan, [ends])[ends]]
    run = {machine.name for machine in now.plan.machines}.issuperset(ends)
    return Examined(pair, differ, trace(now.plan, *ends, asked) if run else ())


def _compared(plan: Plan, backend: Backend) -> tuple[AsItIs, Deviations]:
    """Return what has become of *plan*, and that beside it."""
    from labiac.reach.compare import Deviations

    networks = [network.name for network in plan.networks]
    machines = [machine.name for machine in plan.machines]
    now = as_it_is(backend, Copy(plan.lab, plan.student), networks, machines)
    return now, Deviations(plan, now.plan, now.broken)


def _explained(now: AsItIs, compared: Deviations, answers: Mapping[Ends, bool]) -> dict[Ends, Pair]:
    """Return the pairs that answered, or not, with their way, and the reason if they did not.

    That is what first differs from the plan on the way, else what the nodes, as they are, give.
    """
    from labiac.reach.matrix import Pair, Told, matrix

    found = {pair.ends: pair for pair in matrix(now.plan, all_nodes=True)}
    pairs = {}
    for ends, ok in answers.items():
        pair = found.get(ends, Pair(*ends, Told(ok=False, way=(), why="")))
        # Of a pair that answers although its nodes' configuration says no, the way is not known.
        path = pair.path if pair.ok == ok else ()
        first = None if ok else next(compared.differences(*ends), None)
        reason = first.text if first else now.reason(*ends, pair.reason)
        pairs[ends] = pair.told(ok=ok, path=path, reason="" if ok else reason)
    return pairs
