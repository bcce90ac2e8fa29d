"""How labiac talks to Pulumi: the project, the stacks, where state is kept and what guards it."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from labiac.fleet import state
from labiac.host.home import home, keep

if TYPE_CHECKING:
    from labiac.backends.base import Copy

PROJECT = "labiac"


def stack_name(copy: Copy) -> str:
    """Return the name of the stack of *copy*: ``<lab>.<student>``."""
    return f"{copy.lab}.{copy.student}"


def project_folder() -> Path:
    """Return the folder that labiac runs Pulumi in; the program comes from its own process.

    The project is called as the one in the repository, so both have the same stacks.
    """
    folder = home() / "project"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "Pulumi.yaml"
    if not file.exists():
        keep(file, f"name: {PROJECT}\nruntime: python\n")
    return folder


def exports() -> dict[str, str]:
    """Return what the user's environment lacks for plain ``pulumi`` to see labiac's stacks.

    The backend is the one that PULUMI_BACKEND_URL or ``pulumi login`` chose, else a folder of
    labiac's. Secrets in it are guarded by the user's passphrase, else by one that labiac made.
    """
    lacking = {}
    if not os.environ.get("PULUMI_BACKEND_URL") and _logged_in() is None:
        folder = home() / "state"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lacking["PULUMI_BACKEND_URL"] = folder.as_uri()
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & os.environ.keys():
        lacking["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(_passphrase())
    return lacking


def environment(cli: Path) -> dict[str, str]:
    """Return the whole environment to run *cli* in, its language hosts first on PATH."""
    return {
        **os.environ,
        **exports(),
        **_without_logs(),
        "PATH": os.pathsep.join([str(cli.parent), os.environ.get("PATH", os.defpath)]),
        "PULUMI_AUTOMATION_API": "true",
        "PULUMI_DEBUG_COMMANDS": "true",  # --event-log is hidden without it
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",  # our only plugin is this process
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def _without_logs() -> dict[str, str]:
    """Return what keeps the CLI from a log of its own, which labiac keeps of what its users need.

    There is no switch. It takes a sixth of what the CLI takes of a CPU, and 100 KB a run for good;
    the CLI goes on without where a file lies in its place. For Pulumi Cloud it stays: there,
    settings in the user's own folder count.
    """
    url = exports().get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_BACKEND_URL")
    if urlsplit(url or _logged_in() or "").scheme in {"http", "https"}:
        return {}
    folder = home() / "pulumi" / "home"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "logs").exists():
        keep(folder / "logs", "In the place of the CLI's logs: labiac has its own.\n")
    return {"PULUMI_HOME": str(folder), "PULUMI_CREDENTIALS_PATH": str(_credentials())}


def state_file(copy: Copy) -> Path | None:
    """Return where the state of *copy* lies, or None where the backend is no local folder.

    Source:
        The layout of a file backend since Pulumi 3.61: ``.pulumi/stacks/<project>/<stack>.json``.
    """
    url = exports().get("PULUMI_BACKEND_URL") or os.environ.get("PULUMI_BACKEND_URL")
    parts = urlsplit(url or _logged_in() or "")
    if parts.scheme != "file":
        return None
    folder = Path(url2pathname(parts.netloc + parts.path)).expanduser()
    return folder / ".pulumi" / "stacks" / PROJECT / f"{stack_name(copy)}.json"


def backends_in_state(copy: Copy) -> set[str]:
    """Return what makes the machines of *copy* real, as its state on this machine tells."""
    file = state_file(copy)
    known = state.read(file) if file else {}
    latest = known.get("checkpoint", {}).get("latest") or {}
    resources = latest.get("resources") or ()
    machines = (each for each in resources if each["type"] == "labiac:index:Machine")
    return {machine["inputs"]["copy"]["backend"] for machine in machines}


def _logged_in() -> str | None:
    """Return the backend that ``pulumi login`` chose, or None when nobody logged in."""
    try:
        current = json.loads((_credentials() / "credentials.json").read_text())["current"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return current or None


def _credentials() -> Path:
    """Return the folder where the CLI notes who is logged in, and to what."""
    folder = os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi"
    return Path(os.environ.get("PULUMI_CREDENTIALS_PATH") or folder)


def _passphrase() -> Path:
    """Return the file of labiac's own passphrase; one that exists is never written again."""
    file = home() / "passphrase"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        keep(file, secrets.token_urlsafe(32), once=True)
    return file
