"""The switches of a LAN in a lab file, and every mistake there at its line."""

from __future__ import annotations

import pytest

from labiac.schema.load import from_data, read

LAB = """\
name: x
lans:
  campus: {vlans: {red: 10, blue: 20}, switches: [sw1, sw2]}
  one: {vlans: {red: 10}}
  plain: {}
routers:
  r1: {nics: [{lan: campus, trunk: [red, blue], switch: sw2}, {lan: plain}]}
pcs:
  pc1: {lan: campus, access: red, switch: sw1}
  pc2: {lan: one, access: red}
"""


def said_of(text, tmp_path):
    """Return the problems of a lab file, each a line: line, place, problem, fix."""
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    return [
        f"{each.where.rpartition(':')[2]} {each.field}: {each.problem} ({each.fix})"
        for each in read(str(file)).problems
    ]


def test_a_lan_names_its_switches_and_a_nic_the_one_it_is_plugged_into(tmp_path):
    assert said_of(LAB, tmp_path) == []
    lab = from_data(
        {
            "name": "x",
            "lans": {"campus": {"vlans": {"red": 10}, "switches": ["sw1", "sw2"]}},
            "pcs": {"pc1": {"lan": "campus", "access": "red", "switch": "sw2"}},
        }
    )
    assert lab.lans["campus"].switches == ("sw1", "sw2")
    assert lab.pcs["pc1"].interfaces()[0].switch == "sw2"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "access: red, switch: sw1",
            "access: red, switch: sw3",
            "9 pcs.pc1.switch: there is no switch of campus 'sw3' (did you mean sw2?)",
        ),
        (
            "{lan: one, access: red}",
            "{lan: one, access: red, switch: sw1}",
            (
                "10 pcs.pc2.switch: the switches of one have no names "
                "(leave it out, or add switches: [sw1] to one)"
            ),
        ),
        (
            "{lan: plain}",
            "{attach: none, switch: sw1}",
            (
                "7 routers.r1.nics[1].switch: switch: says where in a LAN, and this NIC has none "
                "(add lan:)"
            ),
        ),
        (
            "plain: {}",
            "plain: {switches: [sw3]}",
            (
                "5 lans.plain.switches: plain carries no VLANs: it is one switch "
                "(add vlans: {red: 10}, or join two LANs by a bridge)"
            ),
        ),
        (
            "[sw1, sw2]",
            "[sw1, sw2, sw1]",
            (
                "3 lans.campus.switches[2]: sw1 is a switch of campus too "
                "(give each switch a name of its own)"
            ),
        ),
        (
            "one: {vlans: {red: 10}}",
            "one: {vlans: {red: 10}, switches: [sw2]}",
            (
                "4 lans.one.switches[0]: sw2 is a switch of campus too "
                "(give each switch a name of its own)"
            ),
        ),
        (
            "[sw1, sw2]",
            "[sw1, sw2, pc2]",
            "3 lans.campus.switches[2]: pc2 is a node too (give each switch a name of its own)",
        ),
        (
            "[sw1, sw2]",
            "[sw1, sw2, plain]",
            "3 lans.campus.switches[2]: plain is a LAN too (give each switch a name of its own)",
        ),
        (
            "  pc2: {lan: one",
            "  one: {lan: one",
            (
                "4 lans.one: one is a node too, and a LAN with VLANs can become a switch of "
                "its name "
                "(call one of them otherwise, or add switches: [sw1])"
            ),
        ),
    ],
)
def test_a_mistake_about_a_switch_is_named_at_its_line(was, now, said, tmp_path):
    assert said_of(LAB.replace(was, now), tmp_path) == [said]


def test_an_unknown_lan_is_not_blamed_on_the_switch(tmp_path):
    (said,) = said_of(LAB.replace("lan: campus, access", "lan: camp, access"), tmp_path)
    assert said.startswith("9 pcs.pc1.lan: there is no LAN 'camp'")
