from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from labiac.fleet.pulumi_cli import find

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def pulumi_folder() -> Path:
    """The folder of the Pulumi CLI of this machine; installs one where there is none."""
    return find().path.parent


@pytest.fixture
def own_home(tmp_path, monkeypatch) -> Path:
    """A labiac and a Pulumi of this test's own, that know nothing of the user's."""
    for name in [name for name in os.environ if name.startswith("PULUMI_")]:
        monkeypatch.delenv(name)
    home = tmp_path / "labiac"
    monkeypatch.setenv("LABIAC_HOME", str(home))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
    return home


@pytest.fixture
def own_pulumi(pulumi_folder, own_home, monkeypatch) -> Path:
    """The same, with the real Pulumi CLI on PATH."""
    monkeypatch.setenv("PATH", f"{pulumi_folder}{os.pathsep}{os.environ['PATH']}")
    return own_home
