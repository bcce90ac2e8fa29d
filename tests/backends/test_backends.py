from __future__ import annotations

import subprocess
import sys

import pytest

from labiac import backends
from labiac.backends import BACKENDS, backend_name, hyperv, open_backend
from labiac.errors import LabError


def test_auto_takes_netns_on_linux(monkeypatch):
    monkeypatch.setattr(backends.sys, "platform", "linux")
    assert backend_name("auto") == "netns"


def test_auto_takes_hyper_v_on_a_windows_that_has_it_on(monkeypatch, tmp_path):
    service = tmp_path / "vmms.exe"
    monkeypatch.setattr(backends.sys, "platform", "win32")
    monkeypatch.setattr(hyperv, "_SERVICE", service)
    monkeypatch.delenv("LABIAC_VBOXMANAGE", raising=False)
    with pytest.raises(LabError, match="this is win32"):
        backend_name("auto")
    service.touch()
    assert backend_name("auto") == "hyperv"


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_auto_takes_virtualbox_where_there_is_no_hyper_v(monkeypatch, system):
    monkeypatch.setattr(backends.sys, "platform", system)
    monkeypatch.setenv("LABIAC_VBOXMANAGE", "/opt/VBoxManage")
    assert backend_name("auto") == "virtualbox"


def test_auto_says_what_to_do_elsewhere(monkeypatch):
    monkeypatch.setattr(backends.sys, "platform", "darwin")
    monkeypatch.delenv("LABIAC_VBOXMANAGE", raising=False)
    with pytest.raises(LabError, match=r"netns runs on Linux, and this is darwin; .*\n  fix: "):
        backend_name("auto")


def test_an_unknown_backend_is_refused_with_those_that_are_there():
    with pytest.raises(LabError, match="'vmware' is none of hyperv, incus, libvirt, memory, netns"):
        open_backend("vmware")


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_backend_starts_without_third_party_libraries(name):
    heavy = "{'grpc', 'jinja2', 'pulumi', 'pydantic', 'pyroute2', 'rich', 'typer', 'yaml'}"
    program = (
        "import sys; from labiac.backends import open_backend; "
        f"open_backend({name!r}); print(sorted({heavy} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert said.stdout == b"[]\n"
