from __future__ import annotations

import shlex

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labiac.seed.text import block, quoted, systemd

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
def test_a_quoted_text_is_read_back_as_it_was(text):
    assert yaml.safe_load(f"key: {quoted(text)}\nafter: 1") == {"key": text, "after": 1}


@given(st.lists(TEXT))
def test_a_quoted_tuple_is_read_back_as_a_list(texts):
    assert yaml.safe_load(f"key: {quoted(tuple(texts))}") == {"key": texts}


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (10, "10"), ("no", '"no"')])
def test_a_value_keeps_its_type(value, text):
    assert quoted(value) == text


@given(TEXT)
def test_a_block_is_read_back_as_it_was(text):
    read = yaml.safe_load(f"outer:\n  key: {block(text, 4)}\n  after: 1")
    assert read == {"outer": {"key": text, "after": 1}}


@given(st.lists(st.text("ab :#-\t\n"), min_size=1).map("\n".join))
def test_a_block_of_what_looks_like_yaml_is_read_back_as_it_was(text):
    assert yaml.safe_load(f"key: {block(text, 2)}\nafter: 1") == {"key": text, "after": 1}


def test_plain_lines_stay_lines_for_people():
    assert block("10.0.1.1\tr1\n10.0.1.11\tpc1\n", 4) == "|\n    10.0.1.1\tr1\n    10.0.1.11\tpc1"


def test_lines_with_a_margin_stay_lines_too():
    assert block("table {\n\tchain {\n\t}\n}\n", 2) == "|\n  table {\n  \tchain {\n  \t}\n  }"


@given(st.lists(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)), min_size=1))
def test_a_systemd_command_has_the_words_of_its_argv(argv):
    # Between double quotes, of printable ASCII, the escapes of systemd are those of the shell,
    # but for `$` and backquotes, which ExecStart=: and systemd take as they are.
    line = systemd(argv)
    assert "%" not in line.replace("%%", "")
    assert shlex.split(line.replace("%%", "%")) == argv


def test_a_systemd_command_stays_on_one_line():
    assert systemd(["echo", "a\nExecStopPost=x"]) == '"echo" "a\\nExecStopPost=x"'
