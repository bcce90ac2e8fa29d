"""The programs that read a seed in a guest judge it here.

Debian packages cloud-init, netplan.io, nftables, procps and systemd. Where CI is set nothing is
skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import yaml

from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

PACKAGES = {
    "cloud-init": "cloud-init",
    "netplan": "netplan.io",
    "nft": "nftables",
    "sysctl": "procps",
    "sh": "dash",
    "systemd-analyze": "systemd",
    "vtysh": "frr",
}
NODES = ("r1", "r2", "fw", "gw", "br", "campus", "pc1", "pc2", "pc3")
APART = ["unshare", "--user", "--map-root-user", "--net"]
"""Runs a program as root of a network of its own."""


@pytest.fixture
def tool():
    """Return what runs one of `PACKAGES` and returns all it said, and fails the test if it does."""

    def run(name, *argv, within=()):
        if shutil.which(name) is None:
            missing = f"{name} is not installed: apt-get install {PACKAGES[name]}"
            pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
        done = subprocess.run(
            [*within, name, *argv], check=False, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def seed(plan, node):
    return {file.name: file.text for file in plan.machine(node).seed}


@pytest.mark.parametrize("node", NODES)
def test_cloud_init_takes_the_user_data(tool, everything, node, tmp_path):
    path = tmp_path / "user-data"
    path.write_text(seed(everything, node)["user-data"])
    assert "Valid" in tool("cloud-init", "schema", "--config-file", str(path))


def test_cloud_init_would_refuse_a_value_of_the_wrong_kind(tool, everything, tmp_path):
    path = tmp_path / "user-data"
    path.write_text(seed(everything, "pc1")["user-data"].replace(": false", ": 7", 1))
    with pytest.raises(AssertionError, match="manage_etc_hosts: 7 is not"):
        tool("cloud-init", "schema", "--config-file", str(path))


@pytest.mark.parametrize("node", NODES)
def test_netplan_takes_the_network_config(tool, everything, node, tmp_path):
    networks = generated(tool, seed(everything, node)["network-config"], tmp_path)
    machine = everything.machine(node)
    tags = 0 if machine.switch else sum(len(nic.trunk) for nic in machine.nics)
    assert len(networks) == (machine.role == "bridge") + len(machine.nics) + tags


def test_the_boot_waits_for_addresses_that_are_given_and_for_nothing_else(
    tool, everything, tmp_path
):
    # systemd-networkd-wait-online gives up after 120 s where every link is "no" (systemd 252).
    networks = generated(tool, seed(everything, "r1")["network-config"], tmp_path)
    waits = {name for name, text in networks.items() if "RequiredForOnline=no" not in text}
    assert waits == {"eth0", "wan0", "eth2.10", "eth2.20"}
    unplugged = generated(tool, seed(everything, "pc2")["network-config"], tmp_path)
    assert "RequiredForOnline=no" in unplugged["eth0"]


def test_the_boot_of_a_bridge_waits_for_its_ports_and_not_for_the_bridge(
    tool, everything, tmp_path
):
    # A port in its bridge is online ("enslaved"); the bridge, without an address, never is.
    networks = generated(tool, seed(everything, "br")["network-config"], tmp_path)
    waits = {name for name, text in networks.items() if "RequiredForOnline=no" not in text}
    assert waits == {"eth0"}  # eth1's cable is out


def test_netplan_makes_a_bridge_of_its_nics_without_spanning_tree_or_address(
    tool, everything, tmp_path
):
    networks = generated(tool, seed(everything, "br")["network-config"], tmp_path)
    assert all("Bridge=br0\n" in networks[port] for port in ("eth0", "eth1"))
    assert "LinkLocalAddressing=no" in networks["br0"]
    netdev = (tmp_path / "run/systemd/network/10-netplan-br0.netdev").read_text()
    assert "Kind=bridge\n" in netdev
    assert "STP=false\n" in netdev


def test_systemd_networkd_makes_a_switch_whose_ports_take_what_the_plan_says(everything):
    files = written(everything, "campus")
    netdev = files["/etc/systemd/network/05-labiac-br0.netdev"]
    assert "VLANFiltering=yes\nDefaultPVID=none\nSTP=no\n" in netdev
    ports = {nic.name: nic for nic in everything.machine("campus").nics}
    assert {name: vlans(files, name) for name in ports} == {
        "r1_eth2": ["VLAN=10", "VLAN=20"],
        "pc3_eth0": ["PVID=10", "EgressUntagged=10"],
    }
    for name, nic in ports.items():
        match = f"[Match]\nPermanentMACAddress={nic.mac}\n\n[Network]\nBridge=br0\n"
        assert files[f"/etc/systemd/network/05-labiac-{name}.network"].startswith(match)


def vlans(files, port):
    """Return what is said of the VLANs of a *port*."""
    text = files[f"/etc/systemd/network/05-labiac-{port}.network"]
    return [
        line for line in text.splitlines() if "VLAN=" in line or "PVID=" in line or "Egress" in line
    ]


def test_netplan_gives_a_router_its_names_addresses_routes_and_vlans(tool, everything, tmp_path):
    networks = generated(tool, seed(everything, "r2")["network-config"], tmp_path)
    nic = everything.machine("r2").nics[0]
    assert networks["eth0"] == (
        f"[Match]\nPermanentMACAddress={nic.mac}\nName=eth0\n\n"
        "[Network]\nLinkLocalAddressing=ipv6\n"
        "Address=10.0.1.2/24\nAddress=fd00:0:0:1::2/64\nIPv6AcceptRA=no\n\n"
        "[Route]\nDestination=0.0.0.0/0\nGateway=10.0.1.1\n\n"
        "[Route]\nDestination=10.0.10.0/24\nGateway=10.0.1.1\n\n"
        "[Route]\nDestination=10.9.0.0/16\nGateway=10.0.1.1\n\n"
        "[Route]\nDestination=10.20.0.0/24\nGateway=10.0.1.1\n\n"
        "[Route]\nDestination=fd00:0:0:10::/64\nGateway=fd00:0:0:1::1\n"
    )
    trunk = generated(tool, seed(everything, "r1")["network-config"], tmp_path)["eth2"]
    assert trunk.endswith(
        "[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nVLAN=eth2.10\nVLAN=eth2.20\n"
    )


def generated(tool, config, root):
    """Return the systemd-networkd files that netplan makes of *config*, by interface."""
    path = root / "etc/netplan/50-cloud-init.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"network": yaml.safe_load(config)}))
    path.chmod(0o600)
    assert tool("netplan", "generate", "--root-dir", str(root)) == ""
    files = (root / "run/systemd/network").glob("10-netplan-*.network")
    return {file.stem.removeprefix("10-netplan-"): file.read_text() for file in files}


def written(plan, node):
    """Return the files that the user-data of *node* writes: path to content."""
    files = yaml.safe_load(seed(plan, node)["user-data"])["write_files"]
    return {file["path"]: file["content"] for file in files}


@pytest.mark.parametrize(
    ("node", "forwards"), [("r1", "1"), ("fw", "1"), ("gw", "1"), ("br", "0"), ("pc1", "0")]
)
def test_only_who_routes_forwards(tool, everything, node, forwards, tmp_path):
    path = tmp_path / "90-labiac.conf"
    path.write_text(written(everything, node)["/etc/sysctl.d/90-labiac.conf"])
    said = tool("sysctl", "--load", str(path), within=APART)
    assert f"net.ipv4.ip_forward = {forwards}\n" in said
    assert f"net.ipv6.conf.all.forwarding = {forwards}\n" in said
    assert "net.ipv4.conf.lo.rp_filter = 0\n" in said


@pytest.mark.parametrize("node", ["fw", "gw"])
def test_nftables_takes_the_ruleset_and_it_is_loaded_before_packets_are_forwarded(
    tool, everything, node, tmp_path
):
    path = tmp_path / "nftables.conf"
    path.write_text(written(everything, node)["/etc/nftables.conf"])
    assert tool("nft", "--file", str(path), within=APART) == ""
    steps = [step[0] for step in yaml.safe_load(seed(everything, node)["user-data"])["runcmd"]]
    assert steps == ["systemctl", "systemctl", "sysctl", "find"]


@pytest.mark.parametrize("protocol", ["ospf", "rip", "bgp"])
def test_frr_takes_the_configuration_of_a_routing_protocol(tool, protocol, tmp_path):
    lab = {
        "name": "dynamic",
        "routing": protocol,
        "pool": {"ipv4": "10.0.0.0/8", "ipv6": "fd00::/48"},
        "lans": {"lan1": {}, "lan2": {}, "lan3": {}},
        "routers": {
            "r1": {"lans": ["lan1", "lan2"]},
            "r2": {"lans": ["lan2", "lan3"]},
            "r3": {"lans": ["lan3"], "routing": "none"},
        },
    }
    plan = resolve(from_data(lab), backend="libvirt")
    for node in ("r1", "r2"):
        path = tmp_path / f"{node}.conf"
        path.write_text(written(plan, node)["/etc/frr/frr.conf"])
        assert tool("vtysh", "--dryrun", "--inputfile", str(path)) == ""
        assert "Valid" in validated(tool, seed(plan, node)["user-data"], tmp_path)


def test_frr_would_refuse_a_line_that_it_does_not_know(tool, tmp_path):
    path = tmp_path / "frr.conf"
    path.write_text("router ospf\n ospf router-id pc1\n")
    with pytest.raises(AssertionError, match="ospf router-id pc1"):
        tool("vtysh", "--dryrun", "--inputfile", str(path))


def test_cloud_init_takes_what_a_lab_file_adds(tool, tmp_path):
    lab = {
        "name": "added",
        "defaults": {"cloud_init": {"timezone": "UTC", "runcmd": [["echo", "a"]]}},
        "lans": {"lan1": {}},
        "pcs": {
            "pc1": {
                "lan": "lan1",
                "cloud_init": {
                    "users": [{"name": "eva"}],
                    "write_files": [{"path": "/etc/motd", "content": "two\nlines\n"}],
                    "packages": ["mc"],
                },
            }
        },
    }
    plan = resolve(from_data(lab), backend="libvirt")
    assert "Valid" in validated(tool, seed(plan, "pc1")["user-data"], tmp_path)


def validated(tool, text, folder):
    path = folder / "user-data"
    path.write_text(text)
    return tool("cloud-init", "schema", "--config-file", str(path))


@pytest.mark.parametrize("node", NODES)
def test_the_shell_takes_what_undoes_an_earlier_seed(tool, everything, node, tmp_path):
    (command,) = yaml.safe_load(seed(everything, node)["user-data"])["bootcmd"]
    assert command[:5] == ["cloud-init-per", "instance", "labiac-undo", "sh", "-c"]
    script = tmp_path / "undo"
    script.write_text(command[5])
    assert tool("sh", "-n", str(script)) == ""


def test_systemd_takes_the_unit_of_a_service(tool, everything, tmp_path):
    files = written(everything, "r1")
    units = [path for path in files if path.endswith(".service")]
    assert len(units) == 2
    for path in units:
        unit = tmp_path / path.rpartition("/")[2]
        unit.write_text(files[path])
        assert tool("systemd-analyze", "verify", "--man=no", str(unit)) == ""


def test_systemd_would_refuse_a_unit_without_a_program(tool, tmp_path):
    unit = tmp_path / "labiac-none.service"
    unit.write_text("[Service]\nExecStart=:\n")
    with pytest.raises(AssertionError, match="Empty path in command line"):
        tool("systemd-analyze", "verify", "--man=no", str(unit))
