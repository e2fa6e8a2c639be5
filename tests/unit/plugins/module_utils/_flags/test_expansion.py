# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._flags.expansion import (
    escaped,
    expanded,
    protected,
    references,
    runs_with,
    shown,
)

TEXTS = st.lists(st.sampled_from(["$", "(", ")", "A", "x", "$(A)", "$$"])).map("".join)
VALUES = {"A": "1", "B": "$(A)", "EMPTY": "", "A B": "odd"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("--v=$(A)", "--v=1"),
        ("$(A)$(A)-$(EMPTY)", "11-"),
        ("$(B)", "$(A)"),  # a value is not looked at again
        ("$(A B)", "odd"),
        ("$(NOWHERE)", "$(NOWHERE)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$A ${A} 100$", "$A ${A} 100$"),
        ("$(A", "$(A"),
        ("$($(A)", "$($(A)"),
        ("$(A))", "1)"),
        ("$()", "$()"),
        ("$ü$(A)", "$ü1"),
    ],
)
def test_what_the_kubelet_makes_of_a_text(text: str, expected: str) -> None:
    assert expanded(text, VALUES) == expected


def walked(text: str, values: t.Mapping[str, str]) -> str:
    """Do the same one character after the other, as the API's documentation has it."""
    result, rest = "", text
    while rest:
        if rest.startswith("$$"):
            result, rest = f"{result}$", rest[2:]
        elif rest.startswith("$(") and ")" in rest:
            name, _bracket, rest = rest[2:].partition(")")
            result += values.get(name, f"$({name})")
        elif rest.startswith("$"):
            result, rest = result + rest[:2], rest[2:]
        else:
            result, rest = result + rest[0], rest[1:]
    return result


TEXTS = st.lists(st.sampled_from(["$", "(", ")", "A", "B", "x", "$(A)", "$(B)", "$$", "\n"])).map("".join)


@given(TEXTS, st.dictionaries(st.sampled_from(["A", "B", "AB", ""]), TEXTS))
def test_any_text_is_expanded_as_it_reads(text: str, values: dict[str, str]) -> None:
    assert expanded(text, values) == walked(text, values)
    assert expanded(escaped(text), values) == text
    assert all(expanded(text, {name: "!"}) != text for name in references(text) if "!" not in text)


@pytest.mark.parametrize(
    ("configured", "running", "values"),
    [
        ({"a": ["$(IP)"]}, {"a": ["10.0.0.1"]}, {"IP": "10.0.0.1"}),
        ({"a": ["https://$(IP):2379"]}, {"a": ["https://10.0.0.1:2379"]}, {"IP": "10.0.0.1"}),
        ({"a": ["$(IP)-$(IP)"]}, {"a": ["x-x"]}, {"IP": "x"}),
        ({"a": ["$(IP)-$(IP)"]}, {"a": ["x-y"]}, {}),
        ({"a": ["$(NODE).$(IP)"]}, {"a": ["cp1.x"]}, {"NODE": "cp1", "IP": "x"}),
        ({"a": ["x.$(IP)"]}, {"a": ["y.z"]}, {}),
        ({"a": ["$(IP)"]}, {}, {}),
        ({"a": ["$(IP)"], "b": ["$(IP)"]}, {"a": ["x"], "b": ["y"]}, {"IP": "x"}),
        ({"a": ["$(OTHER)"]}, {"a": ["x"]}, {}),
        ({"a": ["$(IP)"], "b": ["$(IP)"]}, {"a": ["$(IP)"], "b": ["x"]}, {"IP": "x"}),  # escaped in a
        ({"a": ["$(IP)"]}, {"a": ["$(IP)"]}, {"IP": "$(IP)"}),  # not defined
    ],
)
def test_what_a_process_shows_of_a_value_that_the_kubelet_alone_knows(
    configured: dict[str, list[str]], running: dict[str, list[str]], values: dict[str, str]
) -> None:
    assert shown(configured, running, ("IP", "NODE")) == values


ADDRESSES = st.text("01.:af", min_size=1, max_size=6)


@given(st.lists(st.lists(st.sampled_from(["$(IP)", "$(NODE)", "x", "/"]), max_size=3)), ADDRESSES, ADDRESSES)
def test_flags_are_those_of_a_process_whatever_the_values_are(pieces: list[list[str]], address: str, node: str) -> None:
    configured = {str(number): ["".join(piece)] for number, piece in enumerate([["$(IP)"], ["$(NODE)"], *pieces])}
    values = {"IP": address, "NODE": node}
    running = {flag: [expanded(text, values) for text in texts] for flag, texts in configured.items()}
    assert runs_with(configured, running, ("IP", "NODE"))
    assert not runs_with({**configured, "1": ["y"]}, running, ("IP", "NODE"))
    assert not runs_with({**configured, "more": ["y"]}, running, ("IP", "NODE"))
    assert not runs_with({**configured, "0": ["$(IP)", "y"]}, running, ("IP", "NODE"))


@given(TEXTS, st.dictionaries(st.just("A"), TEXTS))
def test_a_protected_text_reaches_the_program_whatever_variables_there_are(text: str, values: dict[str, str]) -> None:
    assert expanded(protected(text), values) == text


@pytest.mark.parametrize("text", ["", "https://a.example.com/x$y", "US$", "$(open", "a$b$c"])
def test_what_the_kubelet_leaves_alone_is_not_escaped(text: str) -> None:
    assert protected(text) == text
