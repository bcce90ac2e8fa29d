"""The pure half: plan items to XML that libvirt's own schema takes, and back."""

import subprocess
from dataclasses import replace
from xml.etree.ElementTree import fromstring, tostring

import pytest

from labiac.backends.base import Copy
from labiac.backends.libvirt import cards, domain, network
from labiac.backends.libvirt.domain import Host
from labiac.backends.libvirt.marks import mark_of
from labiac.backends.mark import Mark
from labiac.plan.model import Impairments
from labiac.plan.resolve import plan_file, resolve
from labiac.schema.load import from_data

HOST = Host("tcg", "/pool/disk.qcow2", "/pool/seed.iso", "/pool/console", "none")
ANA = Copy("meeting", "ana")
TUNNEL = {"dest": "192.0.2.7", "dport": "7001", "sport": "7002"}
MEETING = {
    "name": "meeting",
    "lans": {
        "plain": {"type": "internal"},
        "hosted": {"type": "host", "ipv6": "fd00:0:0:2::/64", "ipv4": "10.0.2.0/24"},
        "routed": {"type": "host", "host": {"router": True}},
        "natted": {"type": "nat"},
        "bridged": {"type": "bridged", "interface": "eth7"},
    },
    "routers": {"r1": {"lans": ["plain", "hosted"]}},
    "pcs": {
        "pc1": {
            "nics": [
                {"lan": "plain", "connected": False, "model": "e1000"},
                {"attach": "nat"},
                {"attach": "none"},
                {"lan": "bridged", "impair": {"rate_kbit": 8000}},
                {"attach": "generic", "driver": "UDPTunnel", "properties": TUNNEL},
            ],
            "cpus": 2,
            "memory_mib": 768,
        }
    },
}


@pytest.fixture(scope="module")
def meeting():
    """A lab with each type of LAN, and each way to attach a NIC."""
    return resolve(from_data(MEETING, "test"), "ana", "libvirt")


def valid(kind: str, text: str, folder) -> str:
    """Return *text* once libvirt's own schema has taken it."""
    file = folder / "it.xml"
    file.write_text(text, encoding="utf-8")
    argv = ["virt-xml-validate", file, kind]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return text


def test_the_practical_is_as_it_was_approved(golden, tmp_path):
    plan = plan_file("three-lans", "ana", "libvirt")
    copy = Copy(plan.lab, plan.student)
    for lan in plan.networks:
        text = network.network(lan, Mark(copy, lan, whole=True))
        golden(f"three-lans/{lan.name}.xml", unmarked(valid("network", text, tmp_path)))
    for machine in plan.machines:
        text = domain.domain(machine, Mark(copy, machine, whole=False), HOST)
        golden(f"three-lans/{machine.name}.xml", unmarked(valid("domain", text, tmp_path)))


@pytest.mark.parametrize("name", MEETING["lans"])
def test_each_type_of_lan_is_as_it_was_approved(meeting, name, golden, tmp_path):
    lan = meeting.network(name)
    text = network.network(lan, Mark(ANA, lan, whole=True))
    golden(f"meeting/{name}.xml", unmarked(valid("network", text, tmp_path)))
    assert network.observed(lan, text) == lan


@pytest.mark.parametrize("accelerator", ["kvm", "tcg"])
def test_each_way_to_attach_a_nic_is_as_it_was_approved(meeting, accelerator, golden, tmp_path):
    machine = meeting.machine("pc1")
    host = replace(HOST, accelerator=accelerator)
    text = domain.domain(machine, Mark(ANA, machine, whole=True), host)
    golden(f"meeting/pc1.{accelerator}.xml", unmarked(valid("domain", text, tmp_path)))
    assert domain.observed(machine, ANA, text) == machine


def test_a_screen_is_shown_on_its_host_alone(meeting, golden, tmp_path):
    machine = meeting.machine("pc1")
    host = replace(HOST, screen="vnc")
    text = domain.domain(machine, Mark(ANA, machine, whole=True), host)
    golden("meeting/pc1.vnc.xml", unmarked(valid("domain", text, tmp_path)))
    assert '<listen type="address" address="127.0.0.1" />' in text


def test_a_mark_comes_back_from_the_xml_it_stands_in(meeting):
    for item in (*meeting.networks, *meeting.machines):
        mark = Mark(ANA, item, whole=False)
        text = (
            network.network(item, mark)
            if mark.kind == "network"
            else domain.domain(item, mark, HOST)
        )
        assert mark_of(text) == mark


def test_what_has_no_mark_is_not_labiacs():
    assert mark_of("<domain><name>theirs</name></domain>") is None
    assert mark_of("<domain><metadata><x xmlns='urn:else'>1</x></metadata></domain>") is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"copy": {"lab": "a", "year": 2030}}'])
def test_a_mark_that_nobody_can_read_is_not_labiacs_and_no_hindrance(meeting, text):
    machine = meeting.machine("pc1")
    root = fromstring(domain.domain(machine, Mark(ANA, machine, whole=True), HOST))  # noqa: S314  # our own
    root.find("metadata")[0].text = text
    assert mark_of(tostring(root, encoding="unicode")) is None


def test_a_value_never_becomes_markup(meeting):
    machine = replace(meeting.machine("pc1"), hosts="</metadata><!-- & -->\n")
    mark = Mark(ANA, machine, whole=True)
    assert mark_of(domain.domain(machine, mark, HOST)) == mark


def test_hardware_changed_by_hand_is_seen(meeting):
    machine = meeting.machine("pc1")
    text = domain.domain(machine, Mark(ANA, machine, whole=True), HOST)
    by_hand = (
        text.replace('<memory unit="MiB">768', '<memory unit="KiB">1048576')
        .replace("<vcpu>2", "<vcpu>1")
        .replace('network="meeting-ana-bridged"', 'network="default"')
        .replace('<link state="down" />', '<link state="up" />', 1)
    )
    seen = domain.observed(machine, ANA, by_hand)
    assert (seen.memory_mib, seen.cpus) == (1024, 1)
    assert [nic.network for nic in seen.nics] == ["plain", "", "", "default", ""]
    assert [nic.connected for nic in seen.nics] == [True, True, True, True, True]


def test_a_tunnel_that_leads_elsewhere_by_hand_is_seen(meeting):
    machine = meeting.machine("pc1")
    text = domain.domain(machine, Mark(ANA, machine, whole=True), HOST)
    seen = domain.observed(machine, ANA, text.replace("192.0.2.7", "192.0.2.8"))
    assert dict(seen.nics[4].properties) == {**TUNNEL, "dest": "192.0.2.8"}


@pytest.mark.parametrize(
    ("dest", "own"), [("127.0.0.1", "127.0.0.1"), ("192.0.2.7", cards.ANYWHERE)]
)
def test_the_frames_of_a_tunnel_on_one_host_are_taken_from_that_host_alone(meeting, dest, own):
    tunnel = meeting.machine("pc1").nics[4]
    near = replace(tunnel, properties=tuple(sorted({**TUNNEL, "dest": dest}.items())))
    assert f'<local address="{own}" port="7002" />' in cards.card(near, ANA).xml


def test_a_nic_that_leads_nowhere_and_got_a_cable_by_hand_is_seen(meeting):
    none = meeting.machine("pc1").nics[2]
    there = cards.card(none, ANA)
    by_hand = cards.cards(f"<x><devices>{there.cabled(plugged=True)}</devices></x>")[none.mac]
    assert cards.observed(none, ANA, there) == none
    assert cards.observed(none, ANA, by_hand).attach == "nat"
    assert there.is_like(by_hand)


def test_a_nat_of_a_nics_own_is_not_in_the_subnet_that_a_lan_may_have(meeting):
    nat = cards.card(replace(meeting.machine("pc1").nics[1], addresses=("100.64.7.6/30",)), ANA)
    assert '<ip family="ipv4" address="100.64.7.0" prefix="24" />' in nat.xml


def test_a_nic_that_was_taken_out_by_hand_is_seen(meeting):
    machine = meeting.machine("pc1")
    mark = Mark(ANA, machine, whole=True)
    text = domain.domain(replace(machine, nics=machine.nics[1:]), mark, HOST)
    assert domain.observed(machine, ANA, text).nics == machine.nics[1:]


@pytest.mark.parametrize(
    ("change", "alike"),
    [
        ({"connected": True}, True),
        ({"addresses": ("10.9.9.9/24",)}, True),
        ({"network": "hosted"}, False),
        ({"attach": "none", "network": ""}, False),
        ({"model": "virtio"}, False),
        ({"impair": Impairments(0, 0, 0, 100)}, False),
        ({"name": "eth7"}, False),
    ],
)
def test_a_card_is_another_one_unless_its_cable_alone_differs(meeting, change, alike):
    nic = meeting.machine("pc1").nics[0]
    assert cards.card(nic, ANA).is_like(cards.card(replace(nic, **change), ANA)) is alike


def test_a_cable_is_put_in_on_the_card_as_it_is(meeting):
    machine = meeting.machine("pc1")
    there = cards.cards(domain.domain(machine, Mark(ANA, machine, whole=True), HOST))
    card = there[machine.nics[0].mac]
    assert not card.plugged
    assert card.cabled(plugged=True) == card.xml.strip().replace('state="down"', 'state="up"')


@pytest.mark.parametrize(
    ("old", "new", "enough"),
    [
        (0, ["virtio", "e1000e"], True),
        (0, ["virtio"] * 3, False),
        (1, ["virtio"] * 3, True),
        (0, ["e1000"], False),
        (0, [], True),
    ],
)
def test_a_guest_takes_the_cards_that_it_has_slots_for_while_it_runs(meeting, old, new, enough):
    slot = '<controller type="pci" index="{}" model="pcie-root-port"/>'
    slots = "".join(slot.format(index) for index in range(1, 4))
    taken = '<interface type="user"><address type="pci" bus="0x03"/></interface>'
    running = f"<domain><devices>{slots}{taken}</devices></domain>"
    nic = replace(meeting.machine("pc1").nics[0], model="virtio")
    leave = [cards.card(nic, ANA)] * old
    come = [cards.card(replace(nic, model=model), ANA) for model in new]
    assert cards.have_slots(running, leave, come) is enough


@pytest.mark.parametrize(("number", "live"), [(1, True), (3, True), (4, False)])
def test_a_guest_takes_only_cards_while_it_runs_that_libvirt_plugs_in_then(meeting, number, live):
    running = '<domain><devices><controller index="1" model="pcie-root-port"/></devices></domain>'
    come = cards.card(meeting.machine("pc1").nics[number], ANA)
    assert cards.have_slots(running, [], [come]) is live


def unmarked(text: str) -> str:
    """Return *text* without the mark, which has the whole plan item in it."""
    start, end = text.index("<metadata>"), text.index("</metadata>")
    return f"{text[:start]}<metadata>...{text[end:]}"


def test_a_machine_on_a_user_s_own_libvirt_is_as_it_was_approved(meeting, golden, tmp_path):
    machine = meeting.machine("pc1")
    text = domain.domain(machine, Mark(ANA, machine, whole=True), replace(HOST, user=1000))
    golden("meeting/pc1-of-a-user.xml", unmarked(valid("domain", text, tmp_path)))
    assert domain.observed(machine, ANA, text, 1000) == machine


def test_a_card_that_leads_to_another_switch_by_hand_is_seen(meeting):
    machine = meeting.machine("pc1")
    text = domain.domain(machine, Mark(ANA, machine, whole=True), replace(HOST, user=1000))
    seen = domain.observed(machine, ANA, text, 1001)
    assert [nic.network for nic in seen.nics if nic.attach == "lan"] == ["", ""]
