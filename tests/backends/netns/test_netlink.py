"""What we pack, pyroute2 unpacks: the same words, read by somebody else."""

from __future__ import annotations

import struct
from dataclasses import replace
from socket import AF_BRIDGE, AF_INET, AF_INET6

import pytest
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from labiac.backends.netns import dump, kernel, netlink, shape, wiring
from labiac.backends.netns.enter import traveller
from labiac.plan.model import Impairments, SubInterface
from labiac.plan.resolve import resolve
from labiac.schema.load import from_data

CREATE, EXCLUSIVE = 0x400, 0x200


def parsed(message, kind):
    """Return *message* as pyroute2 reads it, with the header that `Socket.send` would give it."""
    header = struct.pack("=IHHII", 16 + len(message.body), message.type, message.flags | 1, 1, 0)
    read = kind(header + message.body)
    read.decode()
    return read


@pytest.fixture
def space():
    """A network namespace that this thread is in, and a socket there."""
    with traveller():
        kernel.unshare(kernel.NEW_NET)
        with netlink.Socket() as sock:
            yield sock


def test_a_bridge_has_neither_stp_nor_delay_nor_snooping():
    read = parsed(wiring.lan("lan1", 7, vlans=False), ifinfmsg)
    info = read.get_attr("IFLA_LINKINFO")
    data = info.get_attr("IFLA_INFO_DATA")
    assert (read.get_attr("IFLA_IFNAME"), read.get_attr("IFLA_NET_NS_FD")) == ("lan1", 7)
    assert info.get_attr("IFLA_INFO_KIND") == "bridge"
    assert [
        data.get_attr(f"IFLA_BR_{name}")
        for name in ("FORWARD_DELAY", "STP_STATE", "MCAST_SNOOPING", "VLAN_FILTERING")
    ] == [0, 0, 0, None]
    assert read["flags"] & read["change"] & 1


def test_a_bridge_with_vlans_filters_them():
    read = parsed(wiring.lan("lan1", 7, vlans=True), ifinfmsg)
    data = read.get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    assert data.get_attr("IFLA_BR_VLAN_FILTERING") == 1


def test_a_cable_ends_in_the_machine_under_its_final_name_and_mac():
    mac = bytes.fromhex("02abcdef0102")
    ends = wiring.End("pc1.eth0", 7), wiring.End("eth0", mac=mac)
    message = wiring.veth(*ends, master=3, up=True)
    read = parsed(message, ifinfmsg)
    info = read.get_attr("IFLA_LINKINFO")
    peer = info.get_attr("IFLA_INFO_DATA").get_attr("VETH_INFO_PEER")
    assert (read.get_attr("IFLA_IFNAME"), read.get_attr("IFLA_MASTER")) == ("pc1.eth0", 3)
    assert read["header"]["flags"] & CREATE
    assert read["header"]["flags"] & EXCLUSIVE
    assert info.get_attr("IFLA_INFO_KIND") == "veth"
    assert peer.get_attr("IFLA_IFNAME") == "eth0"
    assert peer.get_attr("IFLA_ADDRESS") == "02:ab:cd:ef:01:02"
    assert (read.get_attr("IFLA_NET_NS_FD"), peer.get_attr("IFLA_NET_NS_FD")) == (7, None)


@pytest.mark.parametrize(
    ("cidr", "family", "broadcast"),
    [
        ("10.0.1.11/24", AF_INET, "10.0.1.255"),
        ("192.0.2.0/31", AF_INET, None),
        ("192.0.2.5/32", AF_INET, None),
        ("10.1.2.3/9", AF_INET, "10.127.255.255"),
        ("fd00::1/64", AF_INET6, None),
    ],
)
def test_an_address_has_its_prefix_and_broadcast(cidr, family, broadcast):
    read = parsed(netlink.address(5, cidr), ifaddrmsg)
    address, _, prefix = cidr.partition("/")
    assert (read["family"], read["prefixlen"], read["index"]) == (family, int(prefix), 5)
    assert read.get_attr("IFA_LOCAL") == read.get_attr("IFA_ADDRESS") == address
    assert read.get_attr("IFA_BROADCAST") == broadcast


@pytest.mark.parametrize(("to", "via"), [("10.0.3.0/24", "10.0.2.2"), ("fd00:3::/64", "fd00:2::2")])
def test_a_route_names_its_next_hop(to, via):
    read = parsed(netlink.route(to, via=via), rtmsg)
    target, _, prefix = to.partition("/")
    assert (read.get_attr("RTA_DST"), read["dst_len"]) == (target, int(prefix))
    assert read.get_attr("RTA_GATEWAY") == via
    assert (read["table"], read["proto"], read["type"], read["scope"]) == (254, 4, 1, 0)


def test_a_default_route_has_no_destination():
    read = parsed(netlink.route("0.0.0.0/0", via="10.0.1.1"), rtmsg)
    assert (read.get_attr("RTA_DST"), read["dst_len"]) == (None, 0)


def test_a_sub_interface_has_its_tag_and_its_lower_link():
    message = shape.sub_interface(SubInterface("eth0.10", "red", 10, ()), 4, 99)
    read = parsed(message, ifinfmsg)
    info = read.get_attr("IFLA_LINKINFO")
    assert (read["index"], read.get_attr("IFLA_LINK")) == (99, 4)
    assert info.get_attr("IFLA_INFO_KIND") == "vlan"
    assert info.get_attr("IFLA_INFO_DATA").get_attr("IFLA_VLAN_ID") == 10


def test_an_access_port_leaves_the_first_vlan_for_its_own():
    lab = {"name": "x", "lans": {"lan1": {"vlans": {"red": 10, "blue": 20}}}}
    pcs = {"pc1": {"nics": [{"lan": "lan1", "access": "red"}]}}
    (access_nic,) = resolve(from_data({**lab, "pcs": pcs}, "test")).machine("pc1").nics
    messages = shape.port_vlans(8, access_nic, {"red": 10, "blue": 20}, None)
    assert told(messages) == [(netlink.DELLINK, 1, 0), (netlink.SETLINK, 10, 6)]


def told(messages):
    """Return of each message about a VLAN on a port: its type, the VLAN, and the flags."""
    read = [parsed(message, ifinfmsg) for message in messages]
    assert {each["family"] for each in read} == {AF_BRIDGE}
    infos = [each.get_attr("IFLA_AF_SPEC").get_attr("IFLA_BRIDGE_VLAN_INFO") for each in read]
    return [
        (message.type, info["vid"], info["flags"])
        for message, info in zip(messages, infos, strict=True)
    ]


@pytest.fixture
def switch():
    campus = {"ipv4": "none", "vlans": {"red": 10, "blue": 20}, "switches": ["sw1", "sw2"]}
    pcs = {"pc1": {"lan": "campus", "access": "red"}}
    return resolve(from_data({"name": "x", "lans": {"campus": campus}, "pcs": pcs})).machine("sw1")


def test_a_switch_is_a_bridge_that_filters_vlans_and_takes_nothing_by_default(switch):
    index = {"sw2": 4, "pc1_eth0": 5}
    messages = wiring.configure(None, switch, index)
    made = next(message for message in messages if message.what == "bridge br0")
    data = parsed(made, ifinfmsg).get_attr("IFLA_LINKINFO").get_attr("IFLA_INFO_DATA")
    assert data.get_attr("IFLA_BR_VLAN_FILTERING") == 1
    assert data.get_attr("IFLA_BR_VLAN_DEFAULT_PVID") == 0
    assert told([message for message in messages if " on a port" in message.what]) == [
        *((netlink.SETLINK, 10, 0), (netlink.SETLINK, 20, 0), (netlink.SETLINK, 1, 6)),  # sw2
        *((netlink.DELLINK, 1, 0), (netlink.SETLINK, 10, 6)),  # pc1
    ]
    assert not [message for message in messages if message.what.startswith("vlan ")]


def test_a_port_loses_the_vlans_that_it_had_by_whatever_hand(switch):
    ports = {nic.name: nic for nic in switch.nics}
    pc1 = ports["pc1_eth0"]
    found = replace(
        pc1, vlan=None, native="77", trunk=(SubInterface("pc1_eth0.20", "blue", 20, ()),)
    )
    was = replace(switch, nics=(ports["sw2"], found))
    messages = wiring.configure(was, switch, {"sw2": 4, "pc1_eth0": 5, "br0": 6})
    assert told([message for message in messages if " on a port" in message.what])[-4:] == [
        *((netlink.DELLINK, 1, 0), (netlink.DELLINK, 20, 0), (netlink.DELLINK, 77, 0)),
        (netlink.SETLINK, 10, 6),
    ]


def test_the_vlans_of_a_port_are_read_as_the_kernel_says_them():
    entries = [(0x2 | 0x4, 10), (0, 20), (0, 30)]
    infos = [netlink.attribute(2, struct.pack("=HH", *entry)) for entry in entries]
    header = netlink.link_header(7, family=AF_BRIDGE)

    class Kernel:
        def dump(self, _kind, _header):
            yield header + netlink.nest(26, *infos)
            yield netlink.link_header(8, family=AF_BRIDGE)

    assert dump.ports(Kernel()) == {7: (10, {20, 30}), 8: (0, set())}


def test_delay_and_loss_are_netem_as_tc_would_say_it():
    (message,) = shape.impair(4, Impairments(20.0, 5.0, 10.0, 0), "eth0")
    read = parsed(message, tcmsg)
    assert (read["index"], read.get_attr("TCA_KIND")) == (4, "netem")
    options = message.body[message.body.index(b"netem") + 8 :]
    _, _, loss, _, _, _ = struct.unpack_from("=6I", options, 4)
    assert loss == pytest.approx(0xFFFFFFFF / 10, rel=1e-6)
    found = dict(netlink.attributes(options, 4 + 24))
    assert struct.unpack("=q", found[10]) == (20_000_000,)
    assert struct.unpack("=q", found[11]) == (5_000_000,)


def test_a_rate_is_a_token_bucket_as_the_kernel_reads_it(space):
    assert space.send([netlink.new_link("v", "veth", index=100)]) == []
    assert space.send(shape.impair(100, Impairments(0.0, 0.0, 0.0, 1000), "v")) == []
    replies = space.dump(38, struct.pack("=BxxxiIII", 0, 0, 0, 0, 0))  # RTM_GETQDISC
    found = [dict(netlink.attributes(reply, 20)) for reply in replies]
    (bucket,) = [values for values in found if values[1] == b"tbf\0"]
    rate = struct.unpack_from("=BBHhHI", dict(netlink.attributes(bucket[2]))[1])[-1]
    assert rate == 125_000  # bytes a second
    assert space.send(shape.impair(100, shape.NOTHING, "v")) == []
    assert space.send(shape.impair(100, shape.NOTHING, "v")) == []


def test_a_refusal_names_its_message_and_the_rest_is_done(space):
    refused = space.send(
        [
            netlink.new_link("lan1", "bridge", index=50),
            netlink.route("10.0.3.0/24", via="10.0.2.2"),
            netlink.address(50, "10.0.1.1/24"),
            netlink.address(51, "10.0.1.2/24"),
        ]
    )
    assert [refusal.message.what for refusal in refused] == [
        "route 10.0.3.0/24 via 10.0.2.2",
        "address 10.0.1.2/24",
    ]
    assert "invalid gateway" in refused[0].reason
    assert "10.0.1.1/24" in [line.cidr for line in dump.addresses(space)]


def test_what_is_forgiven_is_no_refusal(space):
    lan = netlink.new_link("lan1", "bridge")._replace(forgiven=(17,))
    assert space.send([lan, lan]) == []
    assert space.send([netlink.delete_link("lan9", 19)]) == []
    assert [refusal.errno for refusal in space.send([netlink.delete_link("lan9")])] == [19]


def test_a_batch_longer_than_a_socket_buffer_arrives_whole(space):
    count = 3000
    lines = [netlink.address(1, f"10.{n // 250}.{n % 250}.1/24") for n in range(count)]
    assert space.send([*lines, lines[0]]) != []
    assert len([line for line in dump.addresses(space) if line.cidr.startswith("10.")]) == count


def test_a_dump_tells_what_was_made(space):
    lan = netlink.new_link("lan1", "bridge", index=50)
    address = netlink.address(50, "10.0.1.1/24")
    route = netlink.route("10.0.3.0/24", via="10.0.1.2")
    direct = netlink.route("10.0.4.0/24", index=50)
    assert space.send([lan, address, route, direct]) == []
    link = dump.links(space)["lan1"]
    assert (link.number, link.kind, link.up) == (50, "bridge", True)
    assert dump.routes(space, AF_INET) == [
        dump.LiveRoute("10.0.3.0/24", "10.0.1.2", 50, 4),
        dump.LiveRoute("10.0.4.0/24", "", 50, 4),
    ]
