# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks that one value of a YAML text can be changed, and that every other byte stays."""

from __future__ import annotations

import io
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.tree import Value, documents, member, with_value

PATH = ("spec", "api", "x")


def put(text: str, value: Value | None, path: tuple[str, ...] = PATH, number: int = 0) -> str:
    return with_value(text, path, value, source="F", number=number)


@pytest.mark.parametrize(
    ("text", "value", "after"),
    [
        ("", "a", 'spec:\n  api:\n    x: "a"\n'),
        ("# c", "a", '# c\nspec:\n  api:\n    x: "a"\n'),
        ("a: b\n", ["c", "d"], 'a: b\nspec:\n  api:\n    x:\n    - "c"\n    - "d"\n'),
        ("spec: # s\n", "a", 'spec: # s\n  api:\n    x: "a"\n'),
        ("spec: {}\nb: c\n", "a", 'spec:\n  api:\n    x: "a"\nb: c\n'),
        ("spec: {api: {y: z}}\n", "a", 'spec: {api: {y: z, "x": "a"}}\n'),
        ("spec:\n    api:\n        y: z\n", "a", 'spec:\n    api:\n        y: z\n        x: "a"\n'),
        ("spec:\n  api:\n    x: b # c\n", "a", 'spec:\n  api:\n    x: "a" # c\n'),
        ("spec:\n  api:\n    x:\n    - b\n    - c # d\n", ["c"], "spec:\n  api:\n    x:\n    - c # d\n"),
        ("spec:\n  api:\n    x: [b, c] # d\n", ["c", "a"], 'spec:\n  api:\n    x: [c, "a"] # d\n'),
        ("spec:\n  api:\n    x: []\n", ["a"], 'spec:\n  api:\n    x:\n    - "a"\n'),
        ("spec:\n  api:\n    x: ~ # c\n", "a", 'spec:\n  api:\n    x: "a"\n'),
        ("spec:\n  api:\n    x: a\n    y: b\n", ["a"], 'spec:\n  api:\n    x:\n    - "a"\n    y: b\n'),
        ("spec:\n  api:\n    y: b\n    x: [a]\n", "a", 'spec:\n  api:\n    y: b\n    x: "a"\n'),
        ("spec:\n  api:\n    x: a\n    y: b\n", None, "spec:\n  api:\n    y: b\n"),
        ("spec:\n  api:\n    x: a\nb: c\n", None, "b: c\n"),
        ("spec: {api: {x: a}, y: z}\n", None, "spec: {y: z}\n"),
        ("spec: {y: z}\n", None, "spec: {y: z}\n"),
        ("", None, ""),
        ("spec:\n  api:\n    x: !!binary YQ== # c\n", "a", 'spec:\n  api:\n    x: "a" # c\n'),
        ("\ufeffa: b\r\n", "c", '\ufeffa: b\r\nspec:\r\n  api:\r\n    x: "c"\r\n'),
    ],
)
def test_one_value_is_changed(text: str, value: Value | None, after: str) -> None:
    assert put(text, value) == after
    assert put(after, value) == after


def test_another_document_is_changed() -> None:
    text = "a: b\n---\n# second\nspec:\n  api: {x: b}\n---\nc: d\n"
    assert put(text, "e", number=1) == text.replace("x: b", 'x: "e"')
    with pytest.raises(InputError, match="cannot be changed alone"):  # its documents would have other numbers
        put(text, None, ("a",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("spec: [", "F is not YAML"),
        ("spec: here\n", "no mapping at spec"),
        ("- a\n", "no mapping at its top"),
        ("{}\n", "cannot be changed alone"),
        ("spec:\n  api: {<<: {x: a}}\n", "merge key"),
        ("spec: {}\nspec: {}\n", "spec twice"),
        ("spec:\n  api:\n    x: &n b\n    y: *n\n", "cannot be changed alone"),
        ("spec:\n  api: &n {y: z}\nother: *n\n", "cannot be changed alone"),
        ("spec:\n  api: *n\n", "F is not YAML"),
    ],
)
def test_a_text_that_leaves_a_doubt_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        put(text, "a")


def test_a_list_of_lists_is_refused() -> None:
    with pytest.raises(InputError, match=r"neither a text nor a list of texts|cannot be changed alone"):
        put("spec:\n  api:\n    x: [[a]]\n", ["a"])


def test_a_member_says_where_it_is() -> None:
    root = documents("a:\n  b: c\n", source="F")[0]
    pair = member(root, ("a", "b"), source="F")
    assert pair is not None
    assert pair[0].start_mark.line == 1
    assert member(root, ("a", "c"), source="F") is None
    assert member(None, ("a",), source="F") is None


WORDS = st.sampled_from(
    ["a", "'b'", '"c: d"', "4", "true", "~", "2026-11-29", "[e, f]", "{g: h}", ">-\n      i\n      j"]
)
COMMENTS = st.sampled_from(["", " # why"])
VALUES = st.one_of(
    st.none(),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp")), max_size=8),
    st.lists(st.sampled_from(["a", "b", "--c=d", "https://e.example"]), min_size=1, max_size=4),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    keys = draw(st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=3))
    lines = ["# first\n", "kind: K # k\n", "spec:\n", "  other: [1, 2]\n", "  api:\n" if keys else ""]
    for key in keys:
        word = draw(WORDS)
        lines.append(
            f"    {key}: {word}{draw(COMMENTS) if word[0] != '>' else ''}\n{draw(st.sampled_from(['', '    # c', '']))}"
        )
        lines[-1] += "" if lines[-1].endswith("\n") else "\n"
    lines.append(draw(st.sampled_from(["", "last: 0123\n", "---\nsecond: on\n"])))
    return "".join(lines)


def others(text: str) -> list[t.Any]:
    """Return the documents as a reader by the rules of YAML 1.2 sees them, without the value."""
    read = list(YAML(typ="safe", pure=True).load_all(io.StringIO(text)))
    spec = read[0]["spec"]
    api = {key: value for key, value in (spec.get("api") or {}).items() if key != "x"}
    return [{**read[0], "spec": {**{key: spec[key] for key in spec if key != "api"}, "api": api}}, *read[1:]]


@settings(deadline=None)
@given(texts(), VALUES)
def test_everything_else_stays(text: str, value: Value | None) -> None:
    after = put(text, value)
    assert put(after, value) == after
    assert others(after) == others(text)
    found = next(YAML(typ="safe", pure=True).load_all(io.StringIO(after)))["spec"].get("api") or {}
    assert found.get("x") == value
    kept = [line for line in text.splitlines() if line.lstrip().startswith(("#", "y: ", "z: ", "kind", "last"))]
    left = iter(after.splitlines())
    assert all(any(line == other for other in left) for line in kept)
