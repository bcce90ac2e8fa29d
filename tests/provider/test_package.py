from __future__ import annotations

from labiac.plan import model
from labiac.provider import package
from labiac.provider.server import SCHEMA


def test_the_committed_schema_is_what_the_classes_say():
    assert SCHEMA.read_text() == package.text(), "run python -m labiac.provider.package"


def test_every_property_of_a_machine_is_described_by_the_plan():
    machine = package.schema()["resources"]["labiac:index:Machine"]
    assert machine["inputProperties"]["memoryMib"] == {
        "type": "integer",
        "description": "Guest memory, MiB (virtual machines).",
    }
    assert machine["requiredInputs"][-1] == "copy"
    assert "networkIds" not in machine["requiredInputs"]


def test_every_reference_in_the_schema_leads_somewhere():
    schema = package.schema()
    references = [
        value.removeprefix("#/types/") for value in strings(schema) if value.startswith("#/types/")
    ]
    assert set(references) == set(schema["types"])
    assert model.Nic.__name__ in {token.rpartition(":")[2] for token in references}


def strings(tree):
    if isinstance(tree, dict):
        for value in tree.values():
            yield from strings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from strings(value)
    elif isinstance(tree, str):
        yield tree
