"""An Image: what differs, what is refused, and its life where machines boot from it."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from labiac.backends.libvirt.connection import URI, connect
from labiac.backends.libvirt.storage import POOL
from labiac.images import store

DEBIAN = {"backend": "libvirt", "name": "debian", "sha256": "12" * 32}
IDENTITY = "libvirt:image/debian"


def test_an_image_of_a_backend_that_boots_is_fine(plugin):
    assert plugin.failures("Image", DEBIAN) == {}
    assert plugin.failures("Image", {**DEBIAN, "sha256": None}) == {}


@pytest.mark.parametrize("backend", ["netns", "memory", "vmware"])
def test_a_backend_that_boots_nothing_is_refused_with_those_that_do(plugin, backend):
    failures = plugin.failures("Image", {**DEBIAN, "backend": backend})
    assert list(failures) == ["backend"]
    assert repr(backend) in failures["backend"]
    assert "libvirt" in failures["backend"]


def test_every_property_that_is_missing_or_unknown_is_said(plugin):
    assert set(plugin.failures("Image", {"format": "qcow2"})) == {"backend", "name", "format"}


def test_another_content_is_brought_and_takes_no_machine_with_it(plugin):
    state = {**DEBIAN, "format": "qcow2", "size": 1}
    news = {**DEBIAN, "sha256": "34" * 32}
    assert plugin.diff("Image", state, news) == ({"sha256": "update"}, [])


def test_any_content_will_do_where_none_is_named(plugin):
    assert plugin.diff("Image", DEBIAN, {**DEBIAN, "sha256": None}) == ({}, [])


def test_another_image_is_another_resource(plugin):
    changed, replaces = plugin.diff("Image", DEBIAN, {**DEBIAN, "name": "alpine"})
    assert changed == {"name": "update_replace"}
    assert replaces == ["name"]


def test_all_stacks_have_the_same_image(plugin):
    made = plugin.call("Create", "Image", properties=DEBIAN, preview=True)
    assert made.id == IDENTITY


def test_deleting_an_image_touches_nothing_and_needs_no_libvirt(plugin, monkeypatch):
    monkeypatch.setenv(URI, "qemu:///system?socket=/nowhere")
    plugin.delete("Image", IDENTITY)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """An image of this test's own on this machine; what is brought of it goes at the end."""
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "labiac"))
    disk = tmp_path / "tiny.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "1M"], check=True)
    with disk.open("ab") as file:
        file.write(os.urandom(512))  # so that nobody else has the same
    key = hashlib.sha256(disk.read_bytes()).hexdigest()
    yield store.take("tiny", disk, origin="a test", key=key)
    remove(f"image-{key[:32]}.qcow2")


def remove(name: str) -> None:
    """Remove from libvirt's pool the volumes whose names begin with *name*."""
    pool = connect().storagePoolLookupByName(POOL)
    for volume in pool.listAllVolumes():
        if volume.name().startswith(name):
            volume.delete()


@pytest.mark.libvirt
def test_an_image_is_brought_once_and_goes_with_no_stack(plugin, engine, tiny):
    inputs = {"backend": "libvirt", "name": "tiny", "sha256": tiny.sha256}
    first, second = (plugin.create("Image", inputs) for _ in range(2))
    assert first == second
    identity, state = first
    assert identity == "libvirt:image/tiny"
    assert state == {**inputs, "format": "qcow2", "size": state["size"]}
    assert 0 < state["size"] < 2**20
    assert engine.heard(1) == ["tiny: bringing it to where machines boot"]
    plugin.delete("Image", identity)
    assert plugin.read("Image", identity, state, inputs) == (identity, state, inputs)


@pytest.mark.libvirt
def test_an_image_that_is_gone_from_the_host_is_drift_and_comes_back(plugin, tiny):
    inputs = {"backend": "libvirt", "name": "tiny", "sha256": tiny.sha256}
    identity, state = plugin.create("Image", inputs)
    remove(f"image-{tiny.sha256[:32]}.qcow2")
    assert plugin.read("Image", identity, state, inputs) is None
    assert plugin.create("Image", inputs) == (identity, state)


@pytest.mark.libvirt
def test_an_image_is_imported_by_its_name(plugin, tiny):
    inputs = {"backend": "libvirt", "name": "tiny", "sha256": tiny.sha256}
    assert plugin.read("Image", "libvirt:image/tiny", {}, {}) is None
    identity, state = plugin.create("Image", inputs)
    assert plugin.read("Image", identity, {}, {}) == (identity, state, inputs)


@pytest.mark.libvirt
@pytest.mark.usefixtures("tiny")
def test_an_image_that_this_machine_lacks_is_refused_with_how_to_get_it(plugin):
    with pytest.raises(Exception, match="there is no image 'other' on this machine") as caught:
        plugin.create("Image", {"backend": "libvirt", "name": "other"})
    assert "labiac image build" in str(caught.value)
