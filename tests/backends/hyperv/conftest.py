"""A simulated Hyper-V host with nothing on it, and labs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from labiac.backends.base import Copy, ref_of
from labiac.backends.hyperv import images
from labiac.plan.model import Machine, unstarted
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data


class Lab:
    """One copy of a lab; its machines are made, and not started."""

    def __init__(self, backend, description):
        self.backend = backend
        self.description = {"name": "lab", **description}
        self.plan = self.planned({})
        self.copy = Copy(self.plan.lab, self.plan.student)

    def planned(self, change):
        """Return the plan with *change* on top of what the lab is."""
        lab = from_data({**self.description, **change}, "test")
        return unstarted(resolve(lab, "ana", "hyperv"))

    def items(self):
        return (*self.plan.networks, *self.plan.machines)

    def up(self):
        return [self.backend.create(self.copy, item) for item in self.items()]

    def down(self):
        for item in reversed(self.items()):
            self.backend.delete(self.ref(item))

    def ref(self, item):
        if isinstance(item, str):
            item = self.plan.machine(item)
        kind = "machine" if isinstance(item, Machine) else "network"
        return ref_of(self.copy, kind, item.name)

    def read(self):
        return [observed and observed.item for observed in map(self.backend.read, self.refs())]

    def refs(self):
        return [self.ref(item) for item in self.items()]


@pytest.fixture
def server(hyperv, hyperv_host):
    """Return a host with nothing on it: the backend on it, and its store."""
    _, store, _ = hyperv_host
    store.path.unlink(missing_ok=True)
    images._READY.clear()
    return SimpleNamespace(backend=hyperv, store=store)


@pytest.fixture
def lab(server):
    """Make labs on a host with nothing else."""
    return lambda description: Lab(server.backend, description)
