"""A lab at the end of one of its stages: the reference that a stuck student is brought to."""

from __future__ import annotations

from typing import Any

from labiac.schema.lab import Lab, kind_of
from labiac.schema.node import Node
from labiac.schema.stage import Reference

KEPT = ("routing", "routes", "gateway", "policy", "rules")
"""Keys of a reference that a node has under the same name."""


def reached(lab: Lab, name: str) -> Lab:
    """Return *lab* as it is when the stage called *name* is done, and all before it.

    Raises:
        KeyError: there is no such stage.
    """
    for stage in lab.stages:
        for node, reference in stage.reference.items():
            section = kind_of(lab.nodes[node])
            nodes = {**getattr(lab, section), node: _done(lab.nodes[node], reference)}
            lab = lab.model_copy(update={section: nodes})
        if stage.name == name:
            return lab
    raise KeyError(name)


def staged(lab: Lab) -> set[str]:
    """Return the nodes that the stages of *lab* bring somewhere: they are the student's."""
    return {node for stage in lab.stages for node in stage.reference}


def _done(node: Node, reference: Reference) -> Node:
    said = {key: getattr(reference, key) for key in KEPT}
    update: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
    for lan, addresses in reference.addresses.items():
        node = with_nic(
            node,
            lan,
            ipv4=tuple(each for each in addresses if ":" not in each),
            ipv6=tuple(each for each in addresses if ":" in each),
        )
    return node.model_copy(update=update)


def with_nic(node: Node, lan: str, **fields: Any) -> Node:
    """Return *node* with other *fields* of its first NIC in *lan*, however that is written."""
    nics = list(node.interfaces())
    index = [nic.lan for nic in nics].index(lan)
    if not node.nics and not node.lans:  # written in short, on the node itself
        return node.model_copy(update=fields)
    nics[index] = nics[index].model_copy(update=fields)
    return node.model_copy(update={"nics": tuple(nics), "lans": ()})
