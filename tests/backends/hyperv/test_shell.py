"""How labiac speaks with a Hyper-V host: the same over every transport, and never in script."""

import json
import os
from pathlib import Path

import pytest

from labiac.backends.hyperv import host
from labiac.backends.hyperv.shell import LostError, RefusedError, Size, command, select
from labiac.errors import BackendError
from tests.backends.hyperv import facts
from tests.backends.hyperv.wsman import served

REFERENCE = "LABIAC_HYPERV_CMDLETS"
NASTY = [
    "'; Remove-Item C:\\ -Recurse #",
    '"$(Stop-Computer)`n',
    "a;b|c&d",
    "ü\u2028<>&\x01_x000A_",
]
DISK = r"C:\ProgramData\Microsoft\Windows\Virtual Hard Disks"


@pytest.fixture(params=["stdio", "http"])
def transport(request, server, monkeypatch):
    """Each way to the host that can be gone here."""
    if request.param == "stdio":
        yield request.param
        return
    with served(server.store) as url:
        monkeypatch.setenv(host.HOST, url)
        yield request.param
        host.close()


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("name", NASTY)
def test_no_name_ever_becomes_script(server, name):
    made = command("New-VMSwitch", Name=name, SwitchType="Private", Notes=name) | select("Name")
    assert host.change(made, where="test") == [{"Name": name}]
    assert [switch.Notes for switch in server.store.look().switches] == [name]


@pytest.mark.usefixtures("transport", "server")
def test_errors_come_back_by_what_they_are():
    with pytest.raises(RefusedError) as refused:
        host.change(command("New-VMSwitch", Name="x", SwitchType="NAT"), where="hyperv lan1")
    assert refused.value.failure.identifier == "CannotConvertArgumentNoMessage,New-VMSwitch"
    assert refused.value.failure.category == "InvalidArgument"
    assert host.look(command("Get-VMSwitch", Name="none") | select("Id"), where="test") == []


@pytest.mark.usefixtures("transport")
def test_the_first_error_ends_what_is_changed(server):
    made = [command("New-VMSwitch", Name=name, SwitchType="Private") for name in ("a", "b")]
    made.insert(1, command("Remove-NetNat", Name=["none"], Confirm=False))
    with pytest.raises(RefusedError):
        host.change(*(each | command("Out-Null") for each in made), where="test")
    assert [switch.Name for switch in server.store.look().switches] == ["a"]


@pytest.mark.usefixtures("transport")
def test_sizes_keep_their_64_bits(server):
    folder = command("New-Item", Path=[DISK], ItemType="Directory", Force=True)
    disk = command("Set-Content", LiteralPath=[rf"{DISK}\a"], Value=b"abc", Encoding="Byte")
    child = command(
        "New-VHD",
        Path=[rf"{DISK}\b"],
        ParentPath=rf"{DISK}\a",
        Differencing=True,
        SizeBytes=Size(8 << 30),
    )
    host.change(folder | command("Out-Null"), disk, child | command("Out-Null"), where="test")
    world = server.store.look()
    assert (world.file(rf"{DISK}\a").Length, world.file(rf"{DISK}\b").Length) == (3, 8 << 30)


@pytest.mark.parametrize(
    ("wrong", "identifier"),
    [
        (command("Get-Foo"), "CommandNotFoundException"),
        (command("Get-VMSwitch", Foo=1), "NamedParameterNotFound,Get-VMSwitch"),
        (command("Set-VMComPort", Number="1"), "CannotConvertArgumentNoMessage,Set-VMComPort"),
        (
            command("New-VMSwitch", Name="x", NetAdapterName=["y"], SwitchType="Private"),
            "AmbiguousParameterSet,New-VMSwitch",
        ),
        (command("Set-VM", Notes="x"), "AmbiguousParameterSet,Set-VM"),
    ],
)
def test_the_simulated_host_refuses_what_a_real_one_would(server, wrong, identifier):
    del server
    with pytest.raises(RefusedError) as refused:
        host.change(wrong, where="test")
    assert refused.value.failure.identifier == identifier


def test_a_host_that_ends_is_lost_and_is_found_again(server):
    looks = command("Get-VMSwitch") | select("Name")
    assert host.look(looks, where="test") == []
    with server.store.open() as world:
        world.dies_before = 1
    with pytest.raises(LostError, match="ended, or does not answer"):
        host.look(looks, where="test")
    assert host.look(looks, where="test") == []


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ("exec sleep 60", "does not answer"),
        ("echo hello; exec sleep 60", "does not speak PowerShell's protocol: b'hello"),
    ],
)
def test_a_program_that_is_no_powershell_is_found_out(tmp_path, monkeypatch, does, problem):
    script = tmp_path / "program"
    script.write_text(f"#!/bin/sh\n{does}\n")
    script.chmod(0o755)
    monkeypatch.setenv(host.HOST, str(script))
    monkeypatch.setattr("labiac.backends.hyperv.stdio._OPEN_S", 0.5)
    with pytest.raises(LostError, match=problem):
        host.look(command("Get-VM"), where="test")


def test_a_program_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv(host.HOST, "/nowhere/pwsh")
    with pytest.raises(LostError, match="can't start /nowhere/pwsh"):
        host.look(command("Get-VM"), where="test")


def test_a_door_that_is_closed_is_named(monkeypatch):
    monkeypatch.setenv(host.HOST, "http://ana@127.0.0.1:9")
    with pytest.raises(LostError, match=r"127\.0\.0\.1: .*\n  fix: winrm quickconfig"):
        host.look(command("Get-VM"), where="test")


def test_a_host_says_what_it_is(transport, server):
    del transport
    said = "Hyper-V of Microsoft Windows Server 2025 Standard 10.0.26100, PowerShell 5"
    assert server.backend.version() == said


def test_ssh_is_asked_for_its_subsystem_and_reads_no_option_in_a_host():
    assert host.argv("ssh://ana@server:2222") == [
        "ssh", "-o", "BatchMode=yes", "-p", "2222", "-l", "ana", "-s", "--", "server", "powershell",
    ]  # fmt: skip
    for wrong in ("ssh://", "ftp://server", "ssh://-oProxyCommand=x"):
        with pytest.raises(BackendError, match="names no host"):
            host.argv(wrong)


def test_without_a_host_the_remedy_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv(host.HOST, raising=False)
    with pytest.raises(BackendError, match="not Windows\n  fix: set LABIAC_HYPERV"):
        host.look(command("Get-VM"), where="test")


def test_a_copy_is_brought_to_a_host_that_does_not_read_our_files(transport, server):
    image = server.backend.bring("debian")
    assert image.size > 1 << 20
    assert server.backend.brought("debian", image.sha256) == image
    assert host.is_here() is (transport == "stdio")


def test_the_facts_are_those_of_the_reference():
    reference = os.environ.get(REFERENCE)
    if not reference:
        pytest.skip(f"{REFERENCE} names no table of Microsoft's reference")
    kept = facts.kept(json.loads(Path(reference).read_text()))
    assert facts.FILE.read_text() == facts.lines(kept)
