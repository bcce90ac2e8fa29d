"""The real VBoxManage, with a power switch of its own: here no machine can be switched on.

What is about power, and the host's own adapters, it answers itself, in the words of the real one,
and remembers it in a folder; all else the real one does. So it proves what labiac asks for, and in
what order; it does not prove that VirtualBox does it.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("LABIAC_TEST_POWER", ""))
OFF = "poweroff"
AFTER = {
    "pause": {"running": "paused"},
    "resume": {"paused": "running"},
    "poweroff": {"running": OFF, "paused": OFF},
    "acpipowerbutton": {"running": OFF},
}
"""What a word of controlvm makes of each state that it may come in."""


def power(uuid, state=""):
    """Return the state of a machine, or set it."""
    file = FOLDER / uuid
    if state:
        file.write_text(state)
    return file.read_text() if file.exists() else OFF


def real(*argv):
    return subprocess.run(
        [os.environ["LABIAC_TEST_VBOXMANAGE"], *argv], check=False, capture_output=True, text=True
    )


def refuse(words):
    sys.stderr.write(f"VBoxManage: error: {words}\n")
    sys.exit(1)


LIVE = re.compile(r"(nic|setlinkstate|nicpromisc)(\d+)")
"""What controlvm changes in a slot of a machine that runs."""
NAMED = {"intnet": "intnet", "natnetwork": "nat-network", "hostonly": "host-only-adapter"}


def live(uuid, what, slot, value, *name):
    """Change what is in a slot: of a machine that the real one has off, modifyvm does it."""
    option = {"setlinkstate": "cable-connected", "nicpromisc": "nic-promisc"}.get(what, what)
    named = [f"--{NAMED[value]}{slot}={name[0]}"] if name else []
    done = real("modifyvm", uuid, f"--{option}{slot}={value}", *named)
    if done.returncode:
        refuse(done.stderr)


TRACE = re.compile(r"nictrace(file)?(\d+)")
PCAP = bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000")
PACKET = bytes(8) + (60).to_bytes(4, "little") * 2 + bytes(range(60))
"""A record of pcap: when, how much of it, how much there was, and the packet."""


def trace(uuid, file, slot, value):
    """Write three packets where it was said that those of a slot are to be written."""
    place = FOLDER / f"trace-{uuid}-{slot}"
    if file:
        place.write_text(value)
    elif value == "on":
        Path(place.read_text()).write_bytes(PCAP + 3 * PACKET + PACKET[:20])


def control(uuid, word, *words):
    """Do what controlvm does of its own, or let it pass where that leaves the power as it is."""
    state = power(uuid)
    if state == OFF:
        refuse(f"Machine '{uuid}' is not currently running.")
    if option := LIVE.fullmatch(word):
        live(uuid, *option.groups(), *words)
    if option := TRACE.fullmatch(word):
        trace(uuid, *option.groups(), *words)
    if word in AFTER:
        if state not in AFTER[word]:
            refuse(f"Invalid machine state: {state}")
        power(uuid, AFTER[word][state])


def adapters(*argv):
    """Do what is asked of the host's own adapters, for which the real one has no driver here."""
    file = FOLDER / "adapters"
    there = json.loads(file.read_text()) if file.exists() else {}
    match argv:
        case ["create"]:
            name = next(f"vboxnet{at}" for at in range(9) if f"vboxnet{at}" not in there)
            there[name] = "192.168.56.1"
            sys.stdout.write(f"Interface '{name}' was successfully created\n")
        case ["ipconfig", name, ip, _]:
            there[name] = ip.removeprefix("--ip=")
        case ["remove", name]:
            del there[name]
        case _:
            mask = "NetworkMask:     255.255.255.0\n"
            said = (
                f"Name:            {name}\nIPAddress:       {there[name]}\n{mask}" for name in there
            )
            sys.stdout.write("\n".join(said))
    file.write_text(json.dumps(there))


def main(command, *rest):
    with (FOLDER / "log").open("a") as log:
        log.write(" ".join([command, *rest]) + "\n")
    uuid = rest[0] if rest else ""
    if command == "startvm":
        if power(uuid) != OFF:
            refuse(f"The machine '{uuid}' is already locked by a session")
        power(uuid, "running")
    elif command == "controlvm":
        control(uuid, *rest[1:])
    elif command == "hostonlyif" or rest == ("hostonlyifs",):
        adapters(*rest)
    elif command in {"modifyvm", "unregistervm"} and power(uuid) != OFF:
        refuse(f"The machine '{uuid}' is already locked for a session (or being unlocked)")
    else:
        done = real(command, *rest)
        said = done.stdout
        if command == "showvminfo":
            said = said.replace('VMState="poweroff"', f'VMState="{power(uuid)}"')
        if rest == ("runningvms",):
            names = (path.name for path in FOLDER.iterdir() if path.name != "log")
            said = "".join(f'"vm" {{{name}}}\n' for name in names if power(name) == "running")
        sys.stdout.write(said)
        sys.stderr.write(done.stderr)
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
