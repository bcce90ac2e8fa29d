"""The key of a copy: made by the real ssh-keygen, secret wherever it goes, in its place at last."""

from __future__ import annotations

import subprocess

import pytest

from labiac.plan.model import SeedFile
from labiac.provider.key import PUBLIC
from labiac.provider.values import secrets
from labiac.seed.key import PLACE, UNKEYED, with_key, without_key
from tests.provider.conftest import inputs_of, planned

SEED = [
    {"name": "user-data", "text": f'#cloud-config\nkeys: ["{PLACE}"]\n'},
    {"name": "meta-data", "text": f"instance-id: r1-0123-{UNKEYED}\n"},
]


@pytest.fixture
def key(plugin, whose):
    """Return the properties of a key that was made."""
    return plugin.create("Key", {"copy": whose})[1]


def test_a_key_is_a_pair_that_ssh_itself_takes(key, tmp_path):
    file = tmp_path / "key"
    file.write_text(key["privateKey"])
    file.chmod(0o600)
    done = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(file)], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == key["publicKey"]
    assert PUBLIC.fullmatch(key["publicKey"])
    assert key["publicKey"].endswith(" practical.ana")


def test_no_two_keys_are_the_same(plugin, whose, key):
    assert plugin.create("Key", {"copy": whose})[1] != key


def test_the_private_half_is_a_secret_when_it_is_made_and_when_it_is_read(plugin, whose, key):
    made = plugin.call("Create", "Key", properties={"copy": whose})
    assert secrets(made.properties) == {"privateKey"}
    read = plugin.call("Read", "Key", id=made.id, properties=key, inputs={"copy": whose})
    assert secrets(read.properties) == {"privateKey"}


def test_a_key_stays_as_long_as_its_copy_is_the_same(plugin, whose, key):
    assert plugin.diff("Key", key, {"copy": whose}) == ({}, [])
    others = {"copy": {**whose, "student": "eva"}}
    assert plugin.diff("Key", key, others) == ({"copy.student": "update_replace"}, ["copy"])


def test_a_key_is_nowhere_but_in_the_state(plugin, whose, key):
    assert plugin.read("Key", "memory:practical/ana/key", key, {"copy": whose})[1] == key
    assert plugin.read("Key", "memory:practical/ana/key", {}, {}) is None
    plugin.delete("Key", "memory:practical/ana/key")


def test_a_machine_gets_the_key_in_its_place_and_the_state_keeps_the_plan(
    plugin, memory, whose, key
):
    inputs = {**inputs_of(planned().machine("r1"), whose), "seed": SEED, "key": key["publicKey"]}
    identity, state = plugin.create("Machine", inputs)
    assert state["seed"] == SEED
    user_data, meta_data = memory.read("practical/ana/machine/r1").item.seed
    assert user_data == SeedFile("user-data", f'#cloud-config\nkeys: ["{key["publicKey"]}"]\n')
    assert UNKEYED not in meta_data.text
    assert plugin.diff("Machine", state, inputs) == ({}, [])
    assert plugin.read("Machine", identity, state, inputs)[1] == state


def test_another_key_changes_a_machine(plugin, memory, whose, key):
    inputs = {**inputs_of(planned().machine("r1"), whose), "seed": SEED, "key": key["publicKey"]}
    identity, state = plugin.create("Machine", inputs)
    was = memory.read("practical/ana/machine/r1").item.seed
    other = {**inputs, "key": plugin.create("Key", {"copy": whose})[1]["publicKey"]}
    assert plugin.diff("Machine", state, other) == ({"key": "update"}, [])
    plugin.update("Machine", identity, state, other)
    now = memory.read("practical/ana/machine/r1").item.seed
    assert all(before != after for before, after in zip(was, now, strict=True))


def test_what_is_no_key_gets_into_no_seed(plugin, whose):
    inputs = {**inputs_of(planned().machine("r1"), whose), "key": 'x"\n  - evil: [}'}
    assert plugin.failures("Machine", inputs) == {
        "key": "is no public SSH key, and must be that of a Key"
    }


def test_a_place_is_filled_and_emptied_without_a_trace():
    text = f"{PLACE}\n{UNKEYED}\n"
    public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHb practical.ana"
    filled = with_key(text, public)
    assert filled.startswith(f"{public}\nkey-")
    assert without_key(filled, public) == text
