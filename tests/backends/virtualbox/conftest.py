"""Labs on the real VBoxManage."""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

import pytest

from labiac.backends.base import Copy, ref_of
from labiac.backends.virtualbox.manage import PROGRAM, manage
from labiac.plan.model import Machine, unstarted
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data


class Lab:
    """One copy of a lab, with a name of its own; its machines are made, and not started."""

    def __init__(self, backend, description, student="ana"):
        name = f"vb{secrets.token_hex(4)}"
        self.backend = backend
        self.description = {"name": name, **description}
        self.student = student
        self.plan = self.planned({})
        self.copy = Copy(self.plan.lab, self.plan.student)

    def planned(self, change):
        """Return the plan with *change* on top of what the lab is."""
        lab = from_data({**self.description, **change}, "test")
        return unstarted(resolve(lab, self.student, "virtualbox"))

    def up(self, plan=None):
        plan = plan or self.plan
        return [self.backend.create(self.copy, item) for item in (*plan.networks, *plan.machines)]

    def down(self):
        for item in (*self.plan.machines, *self.plan.networks):
            self.backend.delete(self.ref(item))

    def ref(self, item):
        kind = "machine" if isinstance(item, Machine) else "network"
        return ref_of(self.copy, kind, item.name)

    def read(self, item):
        observed = self.backend.read(self.ref(item))
        return observed and observed.item


@pytest.fixture
def lab(virtualbox):
    """Make labs, and delete what is left of them."""
    made = []

    def make(description, student="ana"):
        made.append(Lab(virtualbox, description, student))
        return made[-1]

    yield make
    for each in made:
        each.down()


class Power:
    """Which machines are on, where a switch of the test's stands before the real VBoxManage."""

    def __init__(self, folder):
        self.folder = folder

    def state(self, uuid):
        file = self.folder / uuid
        return file.read_text() if file.exists() else "poweroff"

    def adapters(self):
        """Return the address of each of the host's own adapters, by its name."""
        file = self.folder / "adapters"
        return json.loads(file.read_text()) if file.exists() else {}

    def calls(self, *words):
        """Return what was asked of VBoxManage since this was last called, if it has a word."""
        log = self.folder / "log"
        said = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line for line in said if any(word in line.split() for word in words)]


@pytest.fixture
def power(virtualbox, tmp_path, monkeypatch):  # noqa: ARG001  # in its place
    """Let machines be switched on as far as labiac can see; see `powered`."""
    program = tmp_path / "VBoxManage"
    script = Path(__file__).with_name("powered.py")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {script} "$@"\n')
    program.chmod(0o755)
    folder = tmp_path / "power"
    folder.mkdir()
    monkeypatch.setenv("LABIAC_TEST_VBOXMANAGE", os.environ[PROGRAM])
    monkeypatch.setenv("LABIAC_TEST_POWER", str(folder))
    monkeypatch.setenv(PROGRAM, str(program))
    return Power(folder)


def machines():
    """Return the names of all machines that VirtualBox has, labiac's templates left out."""
    names = {line.split('"')[1] for line in manage("list", "vms").splitlines()}
    return {name for name in names if not name.startswith("labiac-image-")}
