# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line that a systemd unit starts. PRIVATE to the collection: it may change without notice.

As systemd reads it (systemd.syntax(7); systemd.service(5), "Command lines"; systemd.exec(5), C(Environment=) and
C(EnvironmentFile=); src/basic/extract-word.c, env-file.c). Pure, with the place of each word, so that words can be
changed in the text itself.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Source, UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

_BLANK = " \t\n\r"
_PREFIXES = "@-:+!|"
_COMMENTS = ("#", ";")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_NUMBER = re.compile(r"x(?P<hex>[0-9a-fA-F]{2})|u(?P<four>[0-9a-fA-F]{4})|(?P<octal>[0-7]{3})")
_SPECIFIER = re.compile(r"%(.)")
_VARIABLE = re.compile(r"\$(?:\$|\{([^}]*)\})")
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=,@+-]+")

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ENTRY = re.compile(
    r"""[ \t]*(?P<key>[^#;\s=][^=\n]*)="""
    r"""(?P<quoted>(?:[ \t]*(?:'[^']*'|"(?:[^"\\]|\\.)*"))*)(?P<plain>(?:\\.|[^\n\\])*)""",
    re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """A word of a command line as the program gets it, and where it is written."""

    value: str
    source: Source
    start: int = 0
    """Where the word begins in the text of the file, quotes among it."""
    end: int = 0
    variable: str = ""
    """The variable of the environment that it comes from as a whole (C($NAME)), whose place SOURCE is; mostly none.

    START and END are those of C($NAME) in the unit then.
    """


@dataclass(frozen=True)
class Command:
    """What a unit starts."""

    words: tuple[Word, ...]
    """The program first."""
    user: str
    """C(User=), or C(root)."""
    environment: t.Mapping[str, Word] = field(default_factory=dict, repr=False)
    """The variables that the unit gives it; the place is that of the assignment."""
    file: str = ""
    """The file with the ExecStart= that counts."""

    @property
    def arguments(self) -> list[str]:
        """The words' values, the program first."""
        return [word.value for word in self.words]


@dataclass(frozen=True)
class _Assignment:
    name: str
    file: str
    characters: tuple[tuple[str, int], ...]
    """Of the value, each with its place; the lines of a continued one joined by blanks."""
    text: str
    line: int

    @property
    def value(self) -> str:
        return "".join(character for character, _place in self.characters).strip(_BLANK)


def environment_files(files: t.Iterable[UnitFile], unit: str = "") -> tuple[str, ...]:
    """Return the files with variables that a unit names, in their order; those that may be absent are among them."""
    found: list[str] = []
    for assignment in _in_service(files):
        if assignment.name == "EnvironmentFile":
            path = _specified(assignment.value.lstrip("-"), unit)
            found = [*found, path] if path else []
    return tuple(found)


def command_of(files: t.Sequence[UnitFile], texts: t.Mapping[str, str], *, unit: str = "") -> Command | None:
    """Return what a unit starts; None where it starts nothing.

    files: those of the unit in the order in which systemd loads them.
    texts: of the files with variables, by path; absent ones are taken for absent.
    unit: its name, which C(%n) stands for.
    """
    start, user = None, "root"
    for assignment in _in_service(files):
        if assignment.name == "ExecStart":
            start = assignment if assignment.value else None
        elif assignment.name == "User":
            user = assignment.value or "root"
    if start is None:
        return None
    environment = _environment(files, texts, unit)
    words = list(_words(start))
    prefix = words[0].value[: len(words[0].value) - len(words[0].value.lstrip(_PREFIXES))]
    first = words[0]
    words[0] = Word(first.value[len(prefix) :], first.source, first.start + len(prefix), first.end)
    if "@" in prefix:
        del words[1:2]
    words = [_with_value(word, _specified(word.value, unit)) for word in words]
    if ":" not in prefix:
        words = [expanded for word in words for expanded in _expanded(word, environment)]
    return Command(tuple(words), user, environment, start.file)


def written(value: str) -> str:
    """Return a word as a unit has to say it, so that the program gets this value."""
    escaped = value.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    if _PLAIN_WORD.fullmatch(value):
        return escaped
    return '"' + escaped.replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def _in_service(files: t.Iterable[UnitFile]) -> t.Iterator[_Assignment]:
    for file in files:
        section = ""
        for characters in _logical_lines(file.text):
            line = "".join(character for character, _place in characters).strip(_BLANK)
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
            elif section == "Service" and "=" in line:
                at = next(number for number, (character, _place) in enumerate(characters) if character == "=")
                name = "".join(character for character, _place in characters[:at]).strip()
                number = file.text.count("\n", 0, characters[at][1]) + 1
                yield _Assignment(name, file.path, tuple(characters[at + 1 :]), file.text, number)


def _logical_lines(text: str) -> t.Iterator[list[tuple[str, int]]]:
    """Yield the lines of a unit, a continued one joined, without comments; each character with its place."""
    so_far: list[tuple[str, int]] = []
    place = 0
    for line in _LINE.findall(text):
        start, place = place, place + len(line)
        bare = line.rstrip("\r\n")
        if bare.lstrip(_BLANK).startswith(_COMMENTS):
            continue
        goes_on = bare.endswith("\\")
        so_far += [(character, start + number) for number, character in enumerate(bare[:-1] if goes_on else bare)]
        if goes_on:
            so_far.append((" ", start + len(bare) - 1))
        else:
            yield so_far
            so_far = []
    if so_far:
        yield so_far


def _words(assignment: _Assignment) -> t.Iterator[Word]:
    """Yield the words of a value, without quotes and escapes."""
    characters = assignment.characters
    index = 0
    while index < len(characters):
        if characters[index][0] in _BLANK:
            index += 1
            continue
        start = index
        value, index = _word(characters, index, assignment)
        line = assignment.text.count("\n", 0, characters[start][1]) + 1
        source = Source(assignment.file, line)
        yield Word(value, source, characters[start][1], characters[index - 1][1] + 1)


def _word(characters: t.Sequence[tuple[str, int]], index: int, assignment: _Assignment) -> tuple[str, int]:
    """Return the word that begins at an index, and the index behind it."""
    value, quote = "", ""
    while index < len(characters) and (quote or characters[index][0] not in _BLANK):
        character = characters[index][0]
        if character == "\\":
            meant, length = _unescaped("".join(each for each, _place in characters[index + 1 : index + 6]))
            value, index = value + meant, index + 1 + length
            continue
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        else:
            value += character
        index += 1
    if quote:
        raise InputError(
            f"{assignment.file}:{assignment.line}: {assignment.name}= has a quote ({quote}) that does not end.",
            fix="Correct the unit; `systemd-analyze verify` tells what else is wrong with it.",
        )
    return value, index


def _unescaped(behind: str) -> tuple[str, int]:
    """Return what a backslash with these characters behind it means, and how many of them belong to it."""
    number = _NUMBER.match(behind)
    if number is not None:
        digits = number["octal"]
        return chr(int(digits, 8) if digits else int(number["hex"] or number["four"], 16)), len(number[0])
    if behind[:1] in ("\\", '"', "'"):
        return behind[0], 1
    known = _ESCAPES.get(behind[:1])
    return (known, 1) if known else ("\\", 0)


def _specified(value: str, unit: str) -> str:
    name = unit.rpartition(".")[0] or unit
    known = {"%": "%", "n": unit, "N": name, "p": name.partition("@")[0]}
    return _SPECIFIER.sub(lambda match: known.get(match[1], match[0]), value)


def _with_value(word: Word, value: str) -> Word:
    return Word(value, word.source, word.start, word.end, word.variable)


def _expanded(word: Word, environment: t.Mapping[str, Word]) -> t.Iterator[Word]:
    """Yield what a word becomes with the variables: C($NAME) by itself is split at blanks, C(${NAME}) is not."""
    if word.value.startswith("$") and word.value[1:2] not in ("{", "$", ""):
        name = word.value[1:]
        variable = environment.get(name)
        for value in _split(variable.value) if variable else []:
            yield Word(value, t.cast("Word", variable).source, word.start, word.end, name)
        return

    def meant(match: re.Match[str]) -> str:
        return "$" if match[1] is None else environment[match[1]].value if match[1] in environment else ""

    whole = _VARIABLE.fullmatch(word.value)
    variable = environment.get(whole[1]) if whole and whole[1] else None
    source = variable.source if variable else word.source
    yield Word(
        _VARIABLE.sub(meant, word.value),
        source,
        word.start,
        word.end,
        t.cast("str", whole[1]) if whole and variable else "",
    )


def _split(value: str) -> list[str]:
    characters = tuple((character, place) for place, character in enumerate(value))
    return [word.value for word in _words(_Assignment("Environment", "", characters, value, 1))]


def _environment(files: t.Sequence[UnitFile], texts: t.Mapping[str, str], unit: str) -> dict[str, Word]:
    """Return the variables of a unit; those of files count more than C(Environment=), and later ones more."""
    found: dict[str, Word] = {}
    for assignment in _in_service(files):
        if assignment.name == "Environment":
            found = found if assignment.value else {}
            for word in _words(assignment):
                name, sign, value = _specified(word.value, unit).partition("=")
                if sign:
                    found[name] = _with_value(word, value)
    for path in environment_files(files, unit):
        found.update(_of_file(posixpath.normpath(path), texts.get(path, "")))
    return found


def _of_file(path: str, text: str) -> t.Iterator[tuple[str, Word]]:
    place = 0
    while place < len(text):
        match = _ENTRY.match(text, place)
        if match is not None:
            line = text.count("\n", 0, match.start("key")) + 1
            value = "".join(map(_of_quoted, _QUOTED.finditer(match["quoted"])))
            value += re.sub(r"\\(\n|.)", lambda each: each[1].strip("\n"), match["plain"].strip(), flags=re.DOTALL)
            yield match["key"].strip(), Word(value, Source(path, line), match.start("quoted"), match.end())
            place = match.end()
        place = text.find("\n", place) + 1 or len(text)


def _of_quoted(match: re.Match[str]) -> str:
    if match[1] is not None:
        return match[1]
    return re.sub(r'\\([\n"\\`$])', lambda each: each[1].strip("\n"), match[2])


__all__: t.Final = ("Command", "Word", "command_of", "environment_files", "written")
