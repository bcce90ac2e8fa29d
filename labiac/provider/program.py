"""The Pulumi program: one lab, one copy, one stack. ``stacks/`` runs it, and so does ``labiac up``.

Both ways make the same resources with the same URNs, so either goes on where the other stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from labiac.errors import LabError
from labiac.provider.component import Lab, planned, student_of

if TYPE_CHECKING:
    from labiac.plan.model import Plan


def run(plan: Plan | None = None, host: str = "") -> None:
    """Declare the copy of a lab that the stack stands for, and export what it promises.

    Args:
        plan: What will exist. None: the stack says it, by its configuration or else by its name
            (``three-lans.ana`` is ana's copy of three-lans).
        host: Which machine of a cluster shall have it. Empty: the stack's configuration says it,
            or nobody.

    Raises:
        pulumi.RunError: the lab cannot be; the message says why, and what to do.
    """
    try:
        plan = plan or _configured()
        lab = Lab(plan.lab, plan, host=host or pulumi.Config("labiac").get("host") or "")
    except LabError as error:
        raise pulumi.RunError(str(error)) from error
    for name, value in lab.outputs.items():
        pulumi.export(name, value)


def _configured() -> Plan:
    stack, config = pulumi.get_stack(), pulumi.Config("labiac")
    lab = config.get("lab") or stack.rpartition(".")[0]
    if not lab:
        fix = "pulumi config set labiac:lab three-lans"
        raise LabError(f"stack {stack}", "does not say which lab it is", fix=fix)
    return planned(
        lab,
        config.get("student") or student_of(stack),
        config.get("backend") or "auto",
        pulumi.runtime.get_root_directory() or "",
    )
