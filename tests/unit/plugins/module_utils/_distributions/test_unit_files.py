# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Source, UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    Command,
    command_of,
    dropin_directories,
    environment_files,
    line_of,
    load_order,
    variables_of,
    written,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._distributions.real_systemd import (
    ANALYZE,
    commands,
    printed,
)

if t.TYPE_CHECKING:
    from pathlib import Path

NAME = "kube-apiserver.service"
PATH = f"/etc/systemd/system/{NAME}"
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")


def unit(command: str, more: str = "") -> UnitFile:
    return UnitFile(PATH, f"[Service]\n{more}ExecStart={command}\n")


def started(
    files: list[UnitFile], texts: dict[str, str] | None = None, name: str = "", specifiers: dict[str, str] | None = None
) -> Command:
    command = command_of(files, texts or {}, unit=name, specifiers=specifiers)
    assert command is not None
    return command


SYNTAX = {
    "plain": ("/bin/x --a=1  --b\t2 ", ["/bin/x", "--a=1", "--b", "2"]),
    "continued": ("/bin/x \\\n  --a=1 \\\n  --b=2", ["/bin/x", "--a=1", "--b=2"]),
    "comments in between, one of which ends in a backslash": (
        "/bin/x \\\n# why \\\n --a=1 \\\n  ; also\n --b=2",
        ["/bin/x", "--a=1", "--b=2"],
    ),
    "an empty line ends it": ("/bin/x \\\n\n --a=1", ["/bin/x"]),
    "two backslashes do not continue": ("/bin/x --a=\\\\\nUser=root", ["/bin/x", "--a=\\"]),
    "continued within a word": ("/bin/x --a=1\\\n2", ["/bin/x", "--a=1", "2"]),
    "quotes": ("""/bin/x "--a=1 2" '--b="3"' --c="4 5\"""", ["/bin/x", "--a=1 2", '--b="3"', "--c=4 5"]),
    "escapes": ("/bin/x --a=\\x41\\102\\u00e9\\s\\\\ --b=\\q", ["/bin/x", "--a=ABé \\", "--b=\\q"]),
    "percent signs": ("/bin/x --a=100%% %n %N %p", ["/bin/x", "--a=100%", NAME, "kube-apiserver", "kube-apiserver"]),
    "a semicolon for the program": ("/bin/x \\; --a", ["/bin/x", ";", "--a"]),
    "prefixes": ("-+/bin/x --a", ["/bin/x", "--a"]),
    "another name": ("@/bin/x apiserver --a", ["apiserver", "--a"]),
    "no expansion": (":/bin/x $A ${A} $$", ["/bin/x", "$A", "${A}", "$$"]),
    "unset variables": ("/bin/x $A --a=${A} $A-b --c=$A $$d", ["/bin/x", "--a=", "--c=$A", "$d"]),
    "a byte order mark is dropped once, at the beginning of a line": (
        "/bin/x \ufeff--a=1 \\\n\ufeff--b=2 \\\n\ufeff--c=3",
        ["/bin/x", "\ufeff--a=1", "--b=2", "\ufeff--c=3"],
    ),
    "carriage returns": ("/bin/x \\\r\n --a=1\r", ["/bin/x", "--a=1"]),
}


@pytest.mark.parametrize(("command", "words"), SYNTAX.values(), ids=SYNTAX)
def test_commands_are_read_as_systemd_does(command: str, words: list[str]) -> None:
    assert started([unit(command)]).arguments == words


@needs_systemd
@pytest.mark.parametrize("command", [command for command, _words in SYNTAX.values()], ids=SYNTAX)
def test_the_table_is_that_of_the_real_systemd(tmp_path: Path, command: str) -> None:
    """Without variables, which it puts in as it starts the process."""
    without = re.sub(r"^([-+@:]*)", r"\1:", command.replace("::", ":"), count=1).replace("::", ":")
    (tmp_path / NAME).write_bytes(unit(without).text.encode())
    [words] = commands(printed(tmp_path, NAME))
    assert started([unit(without)]).arguments == words


_ESCAPES = [f"\\{escape}" for escape in ("x41", "101", "u00e9", "q", "s", "\n# c\n", "\n;k\\\n")]
_WORDS = ["--b=", " \\\n", " \\; ", ";x", "${A}", "$A", "%%", "%p", "%z", "% "]
_PIECES = st.sampled_from([*"a='\"\\ \t$ü@-\ufeff", *_WORDS, *_ESCAPES])


@needs_systemd
@pytest.mark.slow
@given(pieces=st.lists(_PIECES, max_size=9))
@settings(max_examples=60, deadline=None)
def test_any_command_is_read_as_by_the_real_systemd(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str]
) -> None:
    file = unit(f":/bin/echo {''.join(pieces)}")
    directory = tmp_path_factory.mktemp("units")
    (directory / NAME).write_text(file.text)
    found = commands(printed(directory, NAME))
    try:
        assert [started([file]).arguments] == found
    except InputError:
        assert found == []


# The two examples of systemd.service(5), and what they leave open.
VARIABLES = {
    "one": ("Environment=\"ONE=one\" 'TWO=two two'\n", "/bin/echo $ONE $TWO ${TWO}", ["one", "two", "two", "two two"]),
    "exact": (
        "Environment=ONE='one' \"TWO='two two' too\" THREE=\n",
        "/bin/echo ${ONE} ${TWO} ${THREE}",
        ["one", "'two two' too", ""],
    ),
    "split": (
        "Environment=ONE='one' \"TWO='two two' too\" THREE=\n",
        "/bin/echo $ONE $TWO $THREE",
        ["one", "two two", "too"],
    ),
    "the last one counts": ("Environment=A=1\nEnvironment=A=2\n", "/bin/echo $A", ["2"]),
    "a reset": ("Environment=A=1\nEnvironment=\n", "/bin/echo x$A $A", ["x$A"]),
    "a specifier": ('Environment="A=%p"\n', "/bin/echo $A", ["kube-apiserver"]),
    "no second expansion": ("Environment=A=${B} B=1\n", "/bin/echo $A", ["${B}"]),
    "an unknown escape ends the line": ('Environment=A=1 "B=\\q" C=3\n', "/bin/echo ${A}${B}${C}", ["1"]),
}


@pytest.mark.parametrize(("environment", "command", "arguments"), VARIABLES.values(), ids=VARIABLES)
def test_variables_are_put_in_as_systemd_does(environment: str, command: str, arguments: list[str]) -> None:
    assert started([unit(command, environment)]).arguments[1:] == arguments


# By the states of env-file.c.
FILES = {
    "plain": ("A=1\n B = 2 \n", {"A": "1", "B": "2"}),
    "comments": ("# A=0\n;A=0\nA=1 # 2\n", {"A": "1 # 2"}),
    "quotes": ('A="1 2"\nB=\'3 "4"\'\nC="5" 6\n', {"A": "1 2", "B": '3 "4"', "C": "56"}),
    "quotes within": ('A=x"y z"\n', {"A": 'x"y z"'}),
    "continued": ('A="--a \\\n  --b"\nB=--c \\\n --d\n', {"A": "--a   --b", "B": "--c  --d"}),
    "lines in quotes": ("A='1\n2'\n", {"A": "1\n2"}),
    "escapes": ('A=\\"1\\\\\nB="\\"\\q\\$"\n', {"A": '"1\\', "B": '"\\q$'}),
    "no variable": ("export A=1\n2B=3\nnone\nC=4\n", {"C": "4"}),
    "no line break at the end": ("A=1", {"A": "1"}),
    "empty": ("A=\nB=''\n", {"A": "", "B": ""}),
    "escaped blank at the end": ("A=1\\ \n", {"A": "1 "}),
    "windows": ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
}


@pytest.mark.parametrize(("text", "variables"), FILES.values(), ids=FILES)
def test_files_with_variables_are_read_as_systemd_does(text: str, variables: dict[str, str]) -> None:
    assert {variable.name: variable.value for variable in variables_of(text, path="/e")} == variables


def test_where_a_value_is_written_is_known() -> None:
    text = 'A = "1 \\\n2" \nB=3 4\nC=\n'
    found = {variable.name: text[variable.start : variable.end] for variable in variables_of(text, path="/e")}
    assert found == {"A": '"1 \\\n2"', "B": "3 4", "C": ""}


def test_a_comment_that_systemd_versions_read_differently_is_refused() -> None:
    with pytest.raises(InputError, match=r"/e:2: a comment ends in a backslash"):
        variables_of("A=1\n# why \\\nB=2\n", path="/e")


def test_files_of_variables_replace_those_of_the_unit_and_the_last_one_counts() -> None:
    more = "Environment=A=unit\nEnvironmentFile=-/gone\nEnvironmentFile=/e/*.env\nEnvironmentFile=/f\n"
    texts = {"/e/2.env": "A=2\nB=2\n", "/e/1.env": "A=1\nC=1\n", "/e/.3.env": "B=3\n", "/f": "D=%n $A\n"}
    found = started([unit("/bin/x ${A}${B}${C} ${D}", more)], texts)
    assert found.arguments == ["/bin/x", "221", "%n $A"]
    assert environment_files([unit("/bin/x", more)]) == ("/gone", "/e/*.env", "/f")


def test_each_word_knows_where_it_is_written() -> None:
    text = '[Service]\nEnvironmentFile=/e\nExecStart=@/bin/x kube \\\n # c\n  --a="1" $B --c=${D}\n'
    environment = '# none\nB="--b=1 \\\n --d=\\"2\\""\nD=4\n'
    found = started([UnitFile(PATH, text)], {"/e": environment})
    places = [
        (
            word.value,
            {PATH: text, "/e": environment}[word.file][word.start : word.end],
            str(word.source),
            word.from_variable,
        )
        for word in found.words
    ]
    assert places == [
        ("kube", "kube", f"{PATH}:3", ""),
        ("--a=1", '--a="1"', f"{PATH}:5", ""),
        ("--b=1", "--b=1", "/e:2", "B"),
        ("--d=2", '--d=\\"2\\"', "/e:2", "B"),
        ("--c=4", "--c=${D}", f"{PATH}:5", ""),
    ]
    assert text[found.start : found.end].startswith("ExecStart=@")
    assert [(found.program, one.name, one.position) for one in found.references] == [("/bin/x", "B", 2)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[Service]\nExecStart=/bin/x\nExecStart=/bin/y\n", "ExecStart= is set 2 times"),
        ("[Service]\nExecStart=/bin/x '\n", "a quote is not closed"),
        ("[Service]\nExecStart=/bin/x ; /bin/y\n", "several commands"),
        ("[Service]\nExecStart=-\n", "names no program"),
        ("[Service]\nExecStart=@/bin/x\n", "no name for its program"),
        ("[Service]\nExecStart=|x --a\n", "a shell runs it"),
        ("[Service]\nExecStart=/bin/x %H\n", "what %H stands for"),
        ("[Service]\nExecStart=/bin/x ${A:-b}\n", "more than the name of a variable"),
        ("[Service\nExecStart=/bin/x\n", r":1: '\[Service' is no section"),
    ],
)
def test_what_is_no_single_command_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        command_of([UnitFile(PATH, text)], {})
    assert PATH in str(caught.value)


def test_a_unit_may_start_nothing() -> None:
    assert command_of([unit("/bin/x"), UnitFile("/d/1.conf", "[Service]\nExecStart=\n")], {}) is None


@given(
    st.lists(st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" \t\n"), min_size=1)),
    st.booleans(),
)
def test_what_is_written_is_read(values: list[str], expands: bool) -> None:
    words = " ".join(written(value, expands=expands) for value in values)
    assert started([unit(f"{'' if expands else ':'}/bin/p {words}")]).arguments[1:] == values


def test_an_empty_assignment_removes_the_command_before_it() -> None:
    files = [
        unit("/bin/x --a=1"),
        UnitFile("/d/10.conf", "[Service]\nExecStart=\nExecStart=/bin/x --a=2\nUser=kube\n"),
        UnitFile("/d/20.conf", "[Unit]\nExecStart=/bin/no\n[Service]\nUser=\nUser=%p\n"),
    ]
    found = started(files)
    assert (found.arguments, found.source, found.user) == (
        ["/bin/x", "--a=2"],
        Source("/d/10.conf", 3),
        "kube-apiserver",
    )


def test_specifiers_of_the_host_and_of_an_instance() -> None:
    file = UnitFile("/etc/systemd/system/kube@.service", "[Service]\nExecStart=/bin/x %i %H %t\n")
    found = started([file], name="kube@main.service", specifiers={"H": "cp1"})
    assert found.arguments[1:] == ["main", "cp1", "/run"]


LOOKUP = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")


def test_drop_ins_are_loaded_by_name_and_hide_those_of_the_same_name() -> None:
    etc, run, usr = LOOKUP
    found = [
        f"{usr}/{NAME}",
        f"{usr}/{NAME}.d/10-a.conf",
        f"{usr}/service.d/05-all.conf",
        f"{usr}/kube-.service.d/20-kube.conf",
        f"{run}/{NAME}.d/15-b.conf",
        f"{etc}/{NAME}.d/10-a.conf",
        f"{etc}/{NAME}.d/.hidden.conf",
        f"{etc}/{NAME}.d/30-note.txt",
        f"{etc}/service.d/20-kube.conf",
        f"{etc}/other.service.d/50.conf",
    ]
    assert load_order(NAME, LOOKUP, found) == (
        f"{usr}/{NAME}",
        f"{usr}/service.d/05-all.conf",
        f"{etc}/{NAME}.d/10-a.conf",
        f"{run}/{NAME}.d/15-b.conf",
        f"{usr}/kube-.service.d/20-kube.conf",
    )
    assert {path.rpartition("/")[0] for path in found[1:-1]} <= {*dropin_directories(NAME, LOOKUP)}


@needs_systemd
def test_that_order_is_that_of_the_real_systemd(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    names = [
        f"one/{NAME}",
        f"one/{NAME}.d/20.conf",
        f"two/{NAME}.d/10.conf",
        f"two/{NAME}.d/20.conf",
        "one/kube-.service.d/10.conf",
        "one/kube-.service.d/15.conf",
        "two/kube-.service.d/20.conf",
        "one/service.d/12.conf",
        "one/service.d/20.conf",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[Service]\nExecStart=/bin/true\n" if name == names[0] else "[Service]\n")
    paths = re.findall(r"^\s*DropIn Path: (.*)$", printed(one, NAME, after=two), re.MULTILINE)
    found = [str(tmp_path / name) for name in names]
    assert list(load_order(NAME, (str(one), str(two)), found)[1:]) == paths


def test_lines_are_counted_from_one() -> None:
    text = "a\nb\r\nc\rd"
    assert [line_of(text, text.index(letter)) for letter in "abcd"] == [1, 2, 3, 4]
