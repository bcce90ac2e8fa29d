import re
from dataclasses import replace
from typing import get_args

import pytest

from labiac.cli import show as show_module
from labiac.cli.draw import mermaid as mermaid_module
from labiac.cli.draw import terminal as terminal_module
from labiac.cli.draw.graph import dot, rendered
from labiac.cli.draw.mermaid import mermaid
from labiac.cli.draw.palette import KINDS
from labiac.cli.draw.picture import plain
from labiac.cli.draw.terminal import drawing
from labiac.cli.draw.topology import ROLES, topology
from labiac.errors import LabError
from labiac.plan.model import END_ROLES, Role
from labiac.plan.resolve import plan_file

from .conftest import DUAL, VLANS
from .test_layout import BOXES, fifty_nodes

WIDE, NARROW = 120, 48


@pytest.fixture
def practical():
    return topology(plan_file("three-lans"))


@pytest.fixture
def dual(lab_file):
    return topology(plan_file(lab_file(DUAL)))


@pytest.fixture
def switches():
    return topology(plan_file("vlans"))


@pytest.fixture
def vlans(lab_file):
    return topology(plan_file(lab_file(VLANS)))


@pytest.fixture
def boxes(lab_file):
    return topology(plan_file(lab_file(BOXES)))


def test_the_practical_is_drawn_as_buses_with_nodes_below(practical, golden):
    golden("three-lans.txt", drawing(practical, WIDE))


def test_a_narrow_terminal_gets_the_host_part_of_addresses_alone(practical, golden):
    golden("three-lans-narrow.txt", drawing(practical, NARROW))


def test_a_line_that_passes_a_bus_is_not_drawn_as_joined_to_it(dual, golden):
    golden("dual.txt", drawing(dual, WIDE))


def test_vlans_nat_and_cables_that_are_out_are_drawn(vlans, golden):
    golden("vlans.txt", drawing(vlans, WIDE))


def test_a_firewall_a_nat_and_a_bridge_are_told_apart(boxes, golden):
    golden("boxes.txt", drawing(boxes, WIDE))


def test_a_switch_is_drawn_as_a_lan_is_and_a_trunk_between_two(switches, golden):
    golden("switches.txt", drawing(switches, WIDE))


def test_a_lan_of_one_switch_that_is_a_machine_is_drawn_as_the_lan_but_for_a_word(lab_file):
    text = VLANS.partition("  out:")[0] + "pcs: {pc1: {lan: sw, access: red}, pc2: {lan: sw}}\n"
    whole, made = (
        topology(plan_file(lab_file(text), backend=name)) for name in ("netns", "libvirt")
    )
    (was,), (now,) = whole.buses, made.buses
    assert now == replace(was, kind="switch", notes=(*was.notes, "switch"))
    assert (made.boxes, made.links) == (whole.boxes, whole.links)


def test_what_does_not_fit_is_not_drawn(dual):
    assert drawing(dual, 30) is None


def test_a_lab_of_nothing_is_an_empty_drawing(lab_file):
    assert drawing(topology(plan_file(lab_file("name: nothing\n"))), WIDE) == ""


def test_every_address_stands_at_its_nic(practical):
    text = drawing(practical, WIDE)
    for link in practical.links:
        for label in link.labels:
            assert f"│ {label.full}" in text


@pytest.mark.parametrize("name", ["practical", "dual", "vlans", "boxes", "switches"])
def test_mermaid_text_is_as_approved(name, request, golden):
    golden(f"{name}.mmd", mermaid(plain(request.getfixturevalue(name))))


@pytest.mark.parametrize("name", ["practical", "dual", "vlans", "boxes", "switches"])
def test_dot_text_is_as_approved(name, request, golden):
    golden(f"{name}.dot", dot(plain(request.getfixturevalue(name))).source)


def test_a_node_called_as_a_word_of_mermaid_does_not_break_it(lab_file):
    text = "name: words\nlans: {graph: {}}\npcs: {end: {lan: graph}}\n"
    lines = mermaid(plain(topology(plan_file(lab_file(text))))).splitlines()
    assert not any(re.match(r"\s*(end|graph)\b", line) for line in lines)


def test_graphviz_lays_the_practical_out_as_svg(practical):
    svg = rendered(plain(practical), "svg").decode()
    assert svg.rstrip().endswith("</svg>")
    for word in ("pc1", "r2", "lan3", "10.0.1.20", "10.0.3.0/24"):
        assert word in svg


def test_an_svg_is_not_larger_than_its_frame(practical):
    svg = rendered(plain(practical), "svg").decode()

    assert 'transform="scale(1 1) ' in svg


def test_graphviz_lays_the_practical_out_as_png(practical):
    assert rendered(plain(practical), "png").startswith(b"\x89PNG\r\n")


def test_without_graphviz_the_remedy_is_said(practical, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabError, match="dot is not on PATH") as caught:
        rendered(plain(practical), "svg")
    assert "apt install graphviz" in caught.value.fix


def test_no_name_of_a_driver_becomes_markup_in_mermaid(lab_file):
    nic = """{attach: generic, driver: '"]) & <b>'}"""
    text = mermaid(plain(topology(plan_file(lab_file(f"name: x\npcs: {{pc1: {nic}}}\n")))))
    assert '(["<b>#34;]) #38; #60;b#62;</b><br/>pc1 eth0"]):::lan' in text


def test_no_name_of_a_driver_becomes_markup_in_a_label_of_graphviz(lab_file):
    nic = """{attach: generic, driver: '</B></TD> & <IMG SRC="x"/>'}"""
    text = dot(plain(topology(plan_file(lab_file(f"name: x\npcs: {{pc1: {nic}}}\n"))))).source
    assert "<B>&lt;/B&gt;&lt;/TD&gt; &amp; &lt;IMG SRC=&quot;x&quot;/&gt;</B>" in text
    assert "<IMG" not in text


def test_of_a_large_lab_addresses_are_what_they_add_to_their_subnet():
    text = dot(plain(topology(fifty_nodes()))).source
    assert "10.0.1.0/24" in text
    assert ">.1<" in text
    assert ">10.0.1.1<" not in text


def test_every_role_has_its_colours_and_shapes():
    kinds = {*get_args(Role), "host", "trunk"} - {"switch"}  # which is drawn as a LAN is
    for drawn in (KINDS, mermaid_module._SHAPES, terminal_module._SHAPES, show_module._STYLES):
        assert set(drawn) == kinds
    assert len(set(KINDS.values())) == len(kinds)
    assert set(ROLES) == kinds - {"host", *END_ROLES}
