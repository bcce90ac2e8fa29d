"""Makes .venv from the lock files named: ``python3 tools/venv.py run.txt dev.txt``.

Standard library only: this is what runs before anything is installed. Hash-pinned throughout; uv
does it where it is on PATH, else venv and pip.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)

if sys.version_info < OLDEST:
    sys.exit(
        "labiac needs Python {}.{} or newer, and {} is {}.{}\n  fix: make PYTHON=python3.12".format(
            *OLDEST, sys.executable, *sys.version_info[:2]
        )
    )

sys.path.insert(0, str(ROOT))

from labiac.host.process import run  # noqa: E402 - needs the path, and the version, from above
from labiac.host.progress import Progress  # noqa: E402


def main(locks: list[str]) -> None:
    """Make the virtual environment if need be, and install what *locks* pin, and labiac itself."""
    uv = shutil.which("uv")
    pip = [uv, "pip"] if uv else [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
    into = ["--python", str(PYTHON)] if uv else []
    if not PYTHON.exists():
        _run(".venv", _venv(uv))
    for lock in locks:
        pinned = str(ROOT / "requirements" / lock)
        _run(
            f"what requirements/{lock} pins",
            [*pip, "install", *into, "--require-hashes", "-r", pinned],
        )
    own = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    _run("labiac itself", [*pip, "install", *into, *own])


def _venv(uv: str | None) -> list[str]:
    if uv:
        # Pulumi lists what is installed with pip, so that is seeded.
        return [uv, "venv", "--seed", "--allow-existing", "--python", sys.executable, str(VENV)]
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            f"{sys.executable} cannot make virtual environments: it has no ensurepip\n"
            "  fix: apt-get install python3-venv (Debian, Ubuntu), or install uv"
        )
    return [sys.executable, "-m", "venv", str(VENV)]


def _run(what: str, argv: list[str]) -> None:
    sys.stderr.write(f"setup: {what}\n")
    with Progress(f"setup: {what}") as progress:

        def show(line: str) -> None:
            progress.last = line

        ended = run(argv, cwd=ROOT, env=os.environ, on_line=show)
    if ended.code:
        last = "\n".join(ended.output.splitlines()[-20:])
        sys.exit(f"{last}\nsetup: {argv[0]} exited {ended.code}")


if __name__ == "__main__":
    main(sys.argv[1:])
