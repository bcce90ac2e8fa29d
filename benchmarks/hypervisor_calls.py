"""Count what labiac asks of a hypervisor to make the practical, to read it, and to delete it.

    python benchmarks/hypervisor_calls.py virtualbox | hyperv

Nothing is started. VirtualBox is asked by calls of the real VBoxManage, Hyper-V by round trips to
the simulated host of the tests. Prints one line of JSON, with what each took in milliseconds.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rivals import PROJECT, Figures
from timing import MissingError, run

if TYPE_CHECKING:
    from collections.abc import Callable


def virtualbox(copies: int) -> Figures:
    """Return how often VBoxManage is called."""
    del copies
    if not os.environ.get("LABIAC_VBOXMANAGE"):
        raise MissingError("export LABIAC_VBOXMANAGE=$(make --silent virtualbox-up)")
    return _counted("virtualbox")


def hyperv(copies: int) -> Figures:
    """Return how often a Hyper-V host is asked and answers."""
    del copies
    if find_spec("psrpcore") is None:
        raise MissingError("pip install 'labiac[hyperv]'")
    return _counted("hyperv")


def _counted(backend: str) -> Figures:
    if shutil.which("qemu-img") is None:
        raise MissingError("apt-get install qemu-utils")
    return run([sys.executable, __file__, backend], env={"PYTHONPATH": str(PROJECT)}).figures()


def main() -> None:
    """Make, read and delete the practical on the backend that the only argument names."""
    (name,) = sys.argv[1:]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        print(json.dumps(_measured(name, Path(folder))))


def _measured(name: str, folder: Path) -> Figures:
    os.environ["LABIAC_HOME"] = str(folder / "labiac")
    from labiac.backends import open_backend
    from labiac.backends.base import Copy
    from labiac.plan.model import unstarted
    from labiac.plan.resolve import plan_file
    from tests.backends.hyperv.simulated import adopt_an_image

    asked = {"virtualbox": _vboxmanage, "hyperv": _host}[name](folder)
    adopt_an_image(folder)
    backend: Any = open_backend(name)
    backend.bring("debian")
    plan = unstarted(plan_file("three-lans", backend=name))
    copy, items = Copy(plan.lab, plan.student), (*plan.networks, *plan.machines)
    figures: Figures = {}

    def phase(what: str, work: Callable[[], list[Any]]) -> list[Any]:
        asked.clear()
        begun = time.monotonic()
        done = work()
        figures[what] = len(asked)
        figures[f"{what}_ms"] = 1000 * (time.monotonic() - begun)
        return done

    made = phase("make", lambda: [backend.create(copy, item) for item in items])
    phase("read", lambda: [backend.read(each.ref) for each in made])
    phase("delete", lambda: [backend.delete(each.ref) for each in reversed(made)])
    return figures


def _vboxmanage(folder: Path) -> list[None]:
    """Return a list that grows by one with each call of VBoxManage, which has nothing yet."""
    from labiac.backends.virtualbox import manage

    os.environ["VBOX_USER_HOME"] = str(folder / "user")
    os.environ["VBOX_IPC_SOCKETID"] = f"labiac-{secrets.token_hex(4)}"
    return _counting(manage, "run")


def _host(folder: Path) -> list[None]:
    """Return a list that grows by one with each round trip to a simulated host of its own."""
    from labiac.backends.hyperv.host import HOST
    from labiac.backends.hyperv.stdio import Stdio
    from tests.backends.hyperv.simulated import install

    os.environ[HOST] = str(install(folder)[0])
    return _counting(Stdio, "invoke")


def _counting(owner: Any, name: str) -> list[None]:
    real, asked = getattr(owner, name), []

    def counted(*arguments: Any, **options: Any) -> Any:
        asked.append(None)
        return real(*arguments, **options)

    setattr(owner, name, counted)
    return asked


if __name__ == "__main__":
    main()
