"""The lab image on machines of each kind: firmware, disks, CD drives as hypervisors have them."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from labiac.backends.libvirt.domain import NOT_EMULATED
from labiac.backends.seed import iso
from labiac.images import store
from labiac.images.build import build
from labiac.plan.model import SeedFile

pytestmark = [pytest.mark.libvirt, pytest.mark.timeout(900)]

DEADLINE_S = 400
"""For a boot on an emulated processor, on a machine that does other things too."""

CPU = "max," + ",".join(f"-{name}" for name in NOT_EMULATED)

OVMF = Path("/usr/share/OVMF")

LOOK = """\
exec >/dev/ttyS1 2>&1
echo "disk $(lsblk --bytes --nodeps --noheadings --output SIZE /dev/[sv]da)"
echo "root $(df --block-size=M --output=size / | tail -1)"
echo "address $(ip -brief -4 address show dev lan0)"
echo "firmware $([ -d /sys/firmware/efi ] && echo uefi || echo bios)"
echo "secure $(od -An -t u1 -j 4 /sys/firmware/efi/efivars/SecureBoot-* 2>/dev/null)"
echo "machine $(wc -c </etc/machine-id)"
echo "keys $(ls /etc/ssh/ssh_host_*_key)"
echo "running $(systemctl is-active frr dnsmasq nftables ssh ssh.socket | xargs)"
echo "failed $(systemctl list-units --failed --plain --no-legend)"
echo "cloud-init $(cloud-init status)"
echo LABIAC-END
"""

SEED = (
    SeedFile("meta-data", "instance-id: boot-1\nlocal-hostname: guest\n"),
    SeedFile(
        "network-config",
        "version: 2\n"
        "ethernets:\n"
        '  lan0: {match: {macaddress: "52:54:00:00:00:01"}, set-name: lan0, dhcp4: false,\n'
        "         accept-ra: false, addresses: [192.0.2.1/24]}\n",
    ),
    SeedFile(
        "user-data",
        "#cloud-config\nhostname: guest\nwrite_files:\n  - path: /root/look\n    content: |\n"
        + "".join(f"      {line}\n" for line in LOOK.splitlines())
        + "runcmd:\n  - [sh, /root/look]\n",
    ),
)


@pytest.fixture(scope="module")
def overlay_of(tmp_path_factory):
    """Return the file of a fresh 4 GiB disk on the lab image, and of the seed, in a folder."""
    base = store.file_of(build())

    def make() -> Path:
        folder = tmp_path_factory.mktemp("guest")
        (folder / "seed.iso").write_bytes(iso(SEED))
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(base), "-F", "qcow2"]
        subprocess.run([*argv, str(folder / "disk.qcow2"), "4G"], check=True)
        return folder

    return make


def boot(folder: Path, *hardware: str) -> dict[str, str]:
    """Boot the guest in *folder*, and return what it says of itself at the end of its seed."""
    # fmt: off
    argv = [
        "qemu-system-x86_64", "-accel", "tcg", "-cpu", CPU, "-m", "512", "-smp", "1",
        "-display", "none", "-monitor", "none", "-no-reboot",
        "-serial", f"file:{folder}/console", "-serial", "stdio",  # a login hangs up the first
        "-drive", f"file={folder}/disk.qcow2,if=none,id=disk,discard=unmap",
        "-drive", f"file={folder}/seed.iso,media=cdrom,readonly=on",
        "-netdev", "user,id=lan,restrict=on",
        "-device", "virtio-net-pci,netdev=lan,mac=52:54:00:00:00:01",
        *hardware,
    ]
    # fmt: on
    said = {}
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as guest:
        alarm = threading.Timer(DEADLINE_S, guest.kill)
        alarm.start()
        for line in guest.stdout:
            word, _, rest = line.strip().partition(" ")
            said[word] = rest.strip()
            if word == "LABIAC-END":
                break
        alarm.cancel()
        guest.kill()
    assert "LABIAC-END" in said, (folder / "console").read_text(errors="replace")[-4000:]
    return said


def is_a_node(said: dict[str, str]) -> None:
    """Assert what holds of a guest on any hardware."""
    assert said["disk"] == str(4 * 2**30)
    assert int(said["root"].rstrip("M")) > 3800  # it has grown with the disk
    assert "192.0.2.1/24" in said["address"]
    assert said["machine"] == "33"
    assert said["keys"] == "/etc/ssh/ssh_host_ed25519_key"
    assert said["running"] == "inactive inactive inactive inactive active"
    assert said["failed"] == ""
    assert said["cloud-init"] == "status: running"  # its last command is what asks


def test_it_boots_from_a_virtio_disk_under_the_bios(overlay_of):
    said = boot(overlay_of(), "-machine", "q35", "-device", "virtio-blk-pci,drive=disk")

    is_a_node(said)
    assert said["firmware"] == "bios"


def test_it_boots_from_a_sata_disk_under_uefi_with_secure_boot(overlay_of):
    folder = overlay_of()
    variables = folder / "variables.fd"
    shutil.copyfile(OVMF / "OVMF_VARS_4M.ms.fd", variables)
    # fmt: off
    said = boot(
        folder, "-machine", "q35,smm=on", "-device", "ide-hd,drive=disk,bus=ide.1",
        "-global", "driver=cfi.pflash01,property=secure,value=on",
        "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / 'OVMF_CODE_4M.ms.fd'}",
        "-drive", f"if=pflash,format=raw,file={variables}",
    )
    # fmt: on

    is_a_node(said)
    assert said["firmware"] == "uefi"
    assert said["secure"] == "1"
