"""Small labs, written as in a lab file, and what is forecast of them."""

from __future__ import annotations

import pytest

from labiac.plan.resolve import resolve
from labiac.reach.matrix import pair
from labiac.schema.lab import Lab


@pytest.fixture
def planned():
    """Plan a lab from the parts of its file."""
    return lambda **parts: resolve(Lab.model_validate({"name": "small", **parts}))


@pytest.fixture
def forecast(planned):
    """Say of two nodes of a lab: ``ok: pc1 r1 pc2``, or the reason why not, with the path."""

    def say(source, target, **parts):
        found = pair(planned(**parts), source, target)
        assert found.ok is (found.reason == "")
        return f"{found.reason or 'ok'}: {' '.join(found.path)}"

    return say


@pytest.fixture
def row():
    """Three LANs in a row, as a lab file's parts: pc1 - lan1 - r1 - lan2 - r2 - lan3 - pc3."""

    def parts(**changes):
        nodes = {
            "r1": {"lans": ["lan1", "lan2"]},
            "r2": {"lans": ["lan2", "lan3"]},
            "pc1": {"lan": "lan1"},
            "pc2": {"lan": "lan2"},
            "pc3": {"lan": "lan3"},
        }
        for name, change in changes.items():
            nodes[name] = nodes[name] | change
            if "nics" in change:
                nodes[name] = {k: v for k, v in nodes[name].items() if k not in {"lan", "lans"}}
        return {
            "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
            "routers": {name: node for name, node in nodes.items() if name[0] == "r"},
            "pcs": {name: node for name, node in nodes.items() if name[0] == "p"},
        }

    return parts
