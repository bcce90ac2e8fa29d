"""What a shell proposes when Tab is pressed."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("labiac ver", ["verify"]),
        ("labiac plan three", ["three-lans"]),
        ("labiac exec three-lans pc", ["pc1", "pc2", "pc3", "pc4"]),
        ("labiac plan three-lans --backend n", ["netns"]),
        ("labiac exec no-such-lab pc", []),
    ],
)
def test_the_shell_completes_commands_labs_nodes_and_backends(process, words, completed):
    last = str(len(words.split()) - 1)
    ran = process(_LABIAC_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=last)
    assert ran.out.split() == completed
    assert ran.err == ""
