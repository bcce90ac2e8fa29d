"""What Hyper-V's cmdlets take, by Microsoft's reference: ``facts.py REFERENCE`` writes facts.json.

REFERENCE is a table of all cmdlets of Windows Server 2025, made from Microsoft's reference of them
(github.com/MicrosoftDocs/windows-powershell-docs, CC BY 4.0). Kept of it is what labiac calls. What
belongs to PowerShell itself is not in there, and is written down here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("facts.json")
CALLED = """
    Add-NetNatStaticMapping Add-VMDvdDrive Add-VMNetworkAdapter Checkpoint-VM
    Connect-VMNetworkAdapter Disconnect-VMNetworkAdapter Export-VM Get-NetAdapter
    Get-NetIPAddress Get-NetNat Get-NetNatStaticMapping Get-VM Get-VMDvdDrive
    Get-VMHardDiskDrive Get-VMHost Get-VMNetworkAdapter Get-VMSnapshot Get-VMSwitch
    New-NetIPAddress New-NetNat New-VHD New-VM New-VMSwitch Remove-NetIPAddress Remove-NetNat
    Remove-NetNatStaticMapping Remove-VM Remove-VMDvdDrive Remove-VMNetworkAdapter
    Remove-VMSnapshot Remove-VMSwitch Restore-VMSnapshot Resume-VM Save-VM Set-VM Set-VMComPort
    Set-VMDvdDrive Set-VMFirmware Set-VMNetworkAdapter Set-VMNetworkAdapterVlan Set-VMSwitch
    Start-VM Stop-VM Suspend-VM
""".split()  # noqa: SIM905  # a line each would be a page
LEFT_OUT = {"CimSession", "ComputerName", "Credential", "ThrottleLimit", "WhatIf"}
"""Parameters that nearly all have, and labiac never uses."""

S, L, B, W = "String", "String[]", "Boolean", "SwitchParameter"
OWN = {
    "Add-Content": {"LiteralPath": L, "Value": "Object[]", "Encoding": S, "AsByteStream": W},
    "Copy-Item": {"LiteralPath": L, "Destination": S, "Force": W},
    "Get-ChildItem": {"LiteralPath": L, "Filter": S, "Force": W, "Recurse": W, "File": W},
    "Get-CimInstance": {"ClassName": S},
    "Move-Item": {"LiteralPath": L, "Destination": S, "Force": W},
    "New-Item": {"Path": L, "ItemType": S, "Force": W},
    "Out-Null": {},
    "Remove-Item": {"LiteralPath": L, "Recurse": W, "Force": W, "Confirm": W},
    "Select-Object": {"Property": "Object[]", "ExpandProperty": S},
    "Set-Content": {"LiteralPath": L, "Value": "Object[]", "Encoding": S, "AsByteStream": W},
    "Set-ItemProperty": {"LiteralPath": L, "Name": S, "Value": "Object"},
    "Where-Object": {"Property": S},
}
"""PowerShell's own cmdlets: the parameters of the sets in which labiac calls them."""


def kept(reference):
    """Return what is kept of the reference: parameters, and of each set those that it must have."""
    return {name: _kept(reference[name]) for name in CALLED}


def _kept(cmdlet):
    return {
        "module": cmdlet["module"],
        "params": {
            name: {
                "type": each["type"],
                "values": each["values"],
                "aliases": each["aliases"],
                "piped": "ByValue" in each["pipeline"],
            }
            for name, each in cmdlet["params"].items()
            if name not in LEFT_OUT
        },
        "sets": {
            name: {
                "default": each["default"],
                "params": [p for p in each["params"] if p not in LEFT_OUT],
                "required": [p for p, said in each["params"].items() if said["required"]],
            }
            for name, each in cmdlet["sets"].items()
        },
    }


def facts():
    """Return what every cmdlet takes that labiac calls."""
    known = json.loads(FILE.read_text())
    for name, params in OWN.items():
        known[name] = {
            "module": "Microsoft.PowerShell",
            "params": {
                param: {"type": kind, "values": [], "aliases": [], "piped": False}
                for param, kind in params.items()
            },
            "sets": {"": {"default": True, "params": list(params), "required": []}},
        }
    return known


def lines(table):
    """Return the text of *table*, a cmdlet a line."""
    rows = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in sorted(table.items()))
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    FILE.write_text(lines(kept(json.loads(Path(sys.argv[1]).read_text()))))
