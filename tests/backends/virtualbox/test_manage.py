"""The one that calls VBoxManage: what it says is believed more than its exit status."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from labiac.backends.virtualbox import manage as module
from labiac.backends.virtualbox.manage import NOT_FOUND, PROGRAM, RefusedError, manage, version
from labiac.errors import BackendError

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def stand_in(monkeypatch, tmp_path):
    """A program in the place of VBoxManage, for what the real one does only now and then."""
    monkeypatch.setenv("LABIAC_HOME", str(tmp_path / "labiac"))
    monkeypatch.setattr(module, "_PAUSE_S", 0.001)

    def write(body):
        script = tmp_path / "VBoxManage"
        script.write_text(f"#!{sys.executable}\nimport sys, pathlib\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setenv(PROGRAM, str(script))
        return tmp_path

    return write


@pytest.mark.usefixtures("virtualbox")
def test_the_real_one_says_its_version():
    assert version() >= (7, 0)


@pytest.mark.usefixtures("virtualbox")
def test_what_is_not_there_is_known_by_its_code():
    with pytest.raises(RefusedError, match="Could not find a registered machine") as caught:
        manage("showvminfo", NOBODY, where="virtualbox pc1")
    assert caught.value.code == NOT_FOUND
    assert caught.value.where == "virtualbox pc1"


@pytest.mark.usefixtures("virtualbox")
def test_an_error_with_exit_status_0_is_an_error(tmp_path):
    manage("createvm", "--name=odd", f"--uuid={NOBODY}", f"--basefolder={tmp_path}", "--register")
    try:
        with pytest.raises(RefusedError, match="Invalid NIC number 37"):
            manage("modifyvm", NOBODY, "--nic37=null")
    finally:
        manage("unregistervm", NOBODY, "--delete")


@pytest.mark.usefixtures("virtualbox")
def test_a_word_it_does_not_know_is_an_error():
    with pytest.raises(RefusedError):
        manage("nosuchword")


@pytest.mark.usefixtures("virtualbox")
def test_many_at_once_take_turns():
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: manage("list", "systemproperties"), range(16)))
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "The machine 'r1' is already locked for a session (or being unlocked)",
        "The machine 'r1' already has a lock request pending",
        "Failed to create the VirtualBox object!",
    ],
)
def test_what_passes_is_tried_again(stand_in, words):
    folder = stand_in(
        "tries = pathlib.Path(__file__).with_name('tries'); tries.open('a').write('x')\n"
        f"if len(tries.read_text()) < 4: sys.exit({'VBoxManage: error: ' + words!r})\n"
        "print('done')"
    )
    assert manage("startvm", "r1") == "done\n"
    assert (folder / "tries").read_text() == "xxxx"


def test_what_does_not_pass_is_told_in_the_end(stand_in):
    stand_in("sys.exit('VBoxManage: error: Failed to create the VirtualBox object!')")
    with pytest.raises(RefusedError, match="virtualbox: Failed to create the VirtualBox object!"):
        manage("list", "vms")


def test_what_windows_prints_is_read_alike(stand_in):
    stand_in("sys.stdout.write('one\\r\\ntwo\\r\\n'); sys.stderr.write('0%...100%\\r\\n')")
    assert manage("list", "vms") == "one\ntwo\n"
    stand_in("sys.stderr.write('VBoxManage.exe: error: No.\\r\\n')")
    with pytest.raises(RefusedError, match="virtualbox: No"):
        manage("list", "vms")


def test_one_that_fails_without_a_word_is_told_by_its_exit_status(stand_in):
    stand_in("sys.exit(3)")
    with pytest.raises(RefusedError, match="exit status 3"):
        manage("list", "vms")


def test_one_that_hangs_is_ended(stand_in):
    stand_in("import time; time.sleep(60)")
    began = time.monotonic()
    with pytest.raises(BackendError, match=r"took longer than 0\.2 s"):
        manage("list", "vms", timeout_s=0.2)
    assert time.monotonic() - began < 30


def test_no_program_is_an_error_with_where_to_get_it(monkeypatch):
    monkeypatch.delenv(PROGRAM, raising=False)
    monkeypatch.setattr(module, "_places", lambda: iter(()))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BackendError, match=f"there is no VBoxManage\n  fix: .*{PROGRAM}"):
        manage("list", "vms")


@pytest.mark.parametrize(
    ("system", "variables", "path"),
    [
        ("win32", {"VBOX_MSI_INSTALL_PATH": "C:/VirtualBox"}, "C:/VirtualBox/VBoxManage.exe"),
        ("win32", {"VBOX_INSTALL_PATH": "D:/Box"}, "D:/Box/VBoxManage.exe"),
        ("win32", {"PROGRAMFILES": "C:/Programs"}, "C:/Programs/Oracle/VirtualBox/VBoxManage.exe"),
        ("darwin", {}, "/Applications/VirtualBox.app/Contents/MacOS/VBoxManage"),
        ("linux", {}, "/usr/lib/virtualbox/VBoxManage"),
    ],
)
def test_it_is_looked_for_where_each_system_has_it(monkeypatch, system, variables, path):
    for name in ("VBOX_MSI_INSTALL_PATH", "VBOX_INSTALL_PATH", "PROGRAMFILES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module.sys, "platform", system)
    assert path in [place.as_posix() for place in module._places()]
