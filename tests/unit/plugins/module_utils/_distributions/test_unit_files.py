# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the command line that systemd makes of a unit, its drop-ins and its files with variables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    Command,
    command_of,
    environment_files,
    written,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

UNIT = "/etc/systemd/system/a.service"


def started(*texts: str, **variables: str) -> Command:
    files = [UnitFile(UNIT if not number else f"{UNIT}.d/{number}.conf", text) for number, text in enumerate(texts)]
    command = command_of(files, {f"/etc/{name}": text for name, text in variables.items()}, unit="a@b.service")
    assert command is not None
    return command


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("/bin/p a b", ["/bin/p", "a", "b"]),
        ("/bin/p \\\n  a \\\n# a comment\n  ; another\n  b", ["/bin/p", "a", "b"]),
        ("/bin/p 'a b' \"c 'd\"e", ["/bin/p", "a b", "c 'de"]),
        (r"/bin/p a\x20b \101 \u00e9 \s\t \q \\", ["/bin/p", "a b", "A", "é", " \t", r"\q", "\\"]),
        ("-/bin/p a", ["/bin/p", "a"]),
        ("@/bin/p called a", ["/bin/p", "a"]),
        ("!!/bin/p a", ["/bin/p", "a"]),
        (":/bin/p $A ${A}", ["/bin/p", "$A", "${A}"]),
        ("/bin/p $A x${A}y $$A $NONE ${NONE} ${A}", ["/bin/p", "1", "2 3", "x1 '2 3'y", "$A", "", "1 '2 3'"]),
        ("/bin/p %n %N %p 100%% %H", ["/bin/p", "a@b.service", "a@b", "a", "100%", "%H"]),
        ("/bin/p a\\", ["/bin/p", "a"]),
    ],
)
def test_words(start: str, words: list[str]) -> None:
    command = started(f"[Service]\nEnvironment=\"A=1 '2 3'\"\nExecStart={start}\n")
    assert command.arguments == words


def test_a_word_has_its_place() -> None:
    text = "[Unit]\nExecStart=no\n[Service]\nExecStart=/bin/p \\\n  '--a=b c' \\\n  $B\n"
    command = started(text + "EnvironmentFile=/etc/env\n", env="# x\n\nB=--c=d\n")
    _program, first, second = command.words
    assert (first.value, str(first.source), text[first.start : first.end]) == ("--a=b c", f"{UNIT}:5", "'--a=b c'")
    assert (second.value, str(second.source), second.variable) == ("--c=d", "/etc/env:3", "B")
    assert text[second.start : second.end] == "$B"


def test_a_drop_in_takes_the_place_of_the_command() -> None:
    command = started(
        "[Service]\nUser=kube\nExecStart=/bin/old a\n", "[Service]\nExecStart=\nExecStart=/bin/new b\nUser=\n"
    )
    assert command.arguments == ["/bin/new", "b"]
    assert (command.user, command.file) == ("root", f"{UNIT}.d/1.conf")
    assert started("[Service]\nUser=kube\nExecStart=/bin/p\n").user == "kube"


def test_a_unit_may_start_nothing() -> None:
    assert command_of([UnitFile(UNIT, "[Service]\nExecStart=/bin/p\nExecStart=\n")], {}) is None


def test_files_with_variables() -> None:
    files = [UnitFile(UNIT, "[Service]\nEnvironmentFile=/lost\nEnvironmentFile=\nEnvironmentFile=-/etc/default/%N\n")]
    files.append(UnitFile(f"{UNIT}.d/1.conf", "[Service]\nEnvironmentFile=/etc/x\n"))
    assert environment_files(files, "k3s.service") == ("/etc/default/k3s", "/etc/x")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=plain  \n", "plain"),
        ("A = 'quoted  '\n", "quoted  "),
        ('A="with \\" and \\$ and \\q"\n', 'with " and $ and \\q'),
        ("A='a'\"b\"c\n", "abc"),
        ("A=it's\n", "it's"),
        ("A=a\\\nb\n", "ab"),
        ("A=a\\ b\n", "a b"),
        ("#A=no\n;A=no\nnonsense\nA=yes", "yes"),
        ("A=first\nA=second\n", "second"),
        ("A='two\nlines'\n", "two\nlines"),
        ("A=\n", ""),
    ],
)
def test_variables_of_a_file(text: str, value: str) -> None:
    unit = "[Service]\nEnvironment=A=less\nEnvironmentFile=/etc/env\nExecStart=/bin/p\n"
    assert started(unit, env=text).environment["A"].value == value


def test_a_quote_without_end_is_refused() -> None:
    with pytest.raises(InputError, match=r"a\.service:2: ExecStart= has a quote"):
        started("[Service]\nExecStart=/bin/p 'a\n")


@given(st.lists(st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" \t\n"), min_size=1)))
def test_what_is_written_is_read(values: list[str]) -> None:
    words = " ".join(written(value) for value in values)
    assert started(f"[Service]\nExecStart=/bin/p {words}\n").arguments[1:] == values
