# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that a systemd unit starts, and where each of its words is written. PRIVATE to the collection.

Pure, and for the controller and hosts alike. The rules are those of systemd.syntax(7), systemd.service(5),
systemd.exec(5) and systemd.unit(5), and where these are silent, those of systemd's code (conf-parser.c, extract-word.c,
env-file.c, env-util.c), which the tests compare with: comments stand within continued lines, a quote may begin within a
word, C($VAR) as a word of its own is split again, a lone semicolon ends a command.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import sys
import typing as t
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import Source, UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

Character = tuple[str, int, int]
"""A character as it is read, and from where to where it is written in its file."""

_LINE = re.compile(r"([^\r\n]*)(\r\n|\n\r|\n|\r|\Z)")
_COMMENT = "#;"
_BLANK = " \t\n\r"
_BYTE_ORDER_MARK = "\ufeff"
_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[^}]*)\})")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PREFIXES = "-@:+!|"
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./:=,@%$+*?&~^()\[\]{}|<>!-][A-Za-z0-9_./:=,@%$+*?&~^()\[\]{}|<>!#;-]*")

# cunescape_one in systemd's escape.c.
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_ESCAPES.update({character: character for character in "\\\"'"})
_NUMBERS = (
    (re.compile(r"x([0-9a-fA-F]{2})"), 16),
    (re.compile(r"u([0-9a-fA-F]{4})"), 16),
    (re.compile(r"U([0-9a-fA-F]{8})"), 16),
    (re.compile(r"([0-7]{3})"), 8),
)

# systemd.unit(5), "Specifiers", of the system's own manager; of others, systemd alone or the host knows what they say.
_FIXED_SPECIFIERS = {
    "%": "%",
    "C": "/var/cache",
    "E": "/etc",
    "L": "/var/log",
    "S": "/var/lib",
    "T": "/tmp",  # noqa: S108 -- what a unit says, nothing is written there
    "U": "0",
    "V": "/var/tmp",  # noqa: S108 -- as above
    "g": "root",
    "G": "0",
    "h": "/root",
    "t": "/run",
    "u": "root",
}


@dataclass(frozen=True)
class Word:
    """One word of a command: the program, or an argument that it gets."""

    value: str
    source: Source
    """The file and line in which it begins."""
    start: int
    """From where on it is written in the text of its file, with its quotes; for a word of a variable's value, there."""
    end: int
    """Behind its last character."""
    from_variable: str = ""
    """The variable of which it is a word (C($NAME)); empty for one that is written in the command itself."""
    variables: tuple[str, ...] = ()
    """The variables that are written within it (C(${NAME}))."""

    @property
    def file(self) -> str:
        """The file in which it is written."""
        return self.source.file


@dataclass(frozen=True)
class Variable:
    """An environment variable, and where its value is written."""

    name: str
    characters: tuple[Character, ...] = field(repr=False)
    source: Source
    start: int
    """From where on the value is written, with its quotes."""
    end: int
    in_unit: bool
    """Whether it is written in C(Environment=), and not in a file of C(EnvironmentFile=)."""

    @property
    def value(self) -> str:
        """What it holds."""
        return _text(self.characters)


@dataclass(frozen=True)
class Reference:
    """A word C($NAME) of a command, of whose value each word is an argument."""

    name: str
    start: int
    end: int
    position: int
    """The number of words of the command before those of the value."""


@dataclass(frozen=True)
class Command:
    """What C(ExecStart=) of a unit starts in the end."""

    words: tuple[Word, ...]
    """The program's name as the process gets it, and its arguments."""
    program: str
    """The path or name of the file that is run."""
    source: Source
    """Of C(ExecStart=)."""
    start: int
    """Where the lines of that assignment begin in its file."""
    end: int
    """Behind them, with their last line break."""
    references: tuple[Reference, ...]
    environment: t.Mapping[str, Variable] = field(repr=False)
    """The variables that the unit gives the process."""
    expands: bool
    """Whether variables are replaced, and a dollar sign is written twice: not with the prefix C(:)."""
    user: str
    """As C(User=) says it, or C(root)."""

    @property
    def arguments(self) -> list[str]:
        """The words as the process gets them."""
        return [word.value for word in self.words]


@dataclass(frozen=True)
class _Assignment:
    file: UnitFile
    section: str
    name: str
    value: list[Character]
    start: int
    end: int

    @property
    def source(self) -> Source:
        return Source(self.file.path, line_of(self.file.text, self.start))


class _InvalidError(Exception):
    """A quote that is not closed, or an escape that systemd does not know."""


def line_of(text: str, offset: int) -> int:
    """Return the number of the line, from 1 on, in which a character of a text is."""
    return len([match for match in _LINE.finditer(text, 0, offset) if match[2]]) + 1


def command_of(
    files: t.Sequence[UnitFile],
    environment_texts: t.Mapping[str, str],
    *,
    unit: str = "",
    specifiers: t.Mapping[str, str] | None = None,
) -> Command | None:
    """Return the one command that a unit starts; None where it starts none.

    files: of the unit, in the order in which systemd loads them.
    environment_texts: of the files that C(environment_files) lists, by path; for a pattern, all that match. One that is
    not among them is taken for absent.
    unit: the unit's name; by default that of the first file.
    specifiers: what the host's own C(%) specifiers stand for, by their letters, such as H for its name.
    Raises InputError where there are several commands, and for what systemd itself would not load.
    """
    names = _specifiers(unit or (PurePosixPath(files[0].path).name if files else ""), specifiers or {})
    assignments = _in_service(files)
    commands = _since_reset([entry for entry in assignments if entry.name == "ExecStart"])
    if not commands:
        return None
    if len(commands) > 1:
        raise InputError(
            f"{' and '.join(str(entry.source) for entry in commands)}: ExecStart= is set {len(commands)} times, and "
            "one command is expected.",
            fix="Set one command; in a drop-in, an empty ExecStart= before it removes the earlier one.",
        )
    variables = _environment(assignments, environment_texts, names)
    users = [entry for entry in assignments if entry.name == "User"]
    user = _specified(_text(users[-1].value), names, str(users[-1].source)) if users else ""
    return _command(commands[0], variables, names, user=user or "root")


def environment_files(
    files: t.Sequence[UnitFile], unit: str = "", *, specifiers: t.Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the paths and patterns in C(EnvironmentFile=) of a unit, in their order, without the dash in front."""
    names = _specifiers(unit or (PurePosixPath(files[0].path).name if files else ""), specifiers or {})
    return tuple(_environment_files(_in_service(files), names))


def required_files(
    files: t.Sequence[UnitFile], unit: str = "", *, specifiers: t.Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return those of C(environment_files) without which systemd does not start the unit: they have no dash."""
    names = _specifiers(unit or (PurePosixPath(files[0].path).name if files else ""), specifiers or {})
    return tuple(_environment_files(_in_service(files), names, optional=False))


def is_there(pattern: str, paths: t.Iterable[str]) -> bool:
    """Return whether a path, or a pattern as C(EnvironmentFile=) has it, is or matches any of some paths."""
    return any(_matches(path, pattern) for path in paths)


def load_order(name: str, unit_path: t.Sequence[str], found: t.Collection[str]) -> tuple[str, ...]:
    """Return the files of a unit in the order in which systemd loads them: the unit itself, then its drop-ins.

    name: the unit's own one.
    unit_path: the directories in which systemd looks, the first one first (systemctl show --property=UnitPath).
    found: the files that are there, in these directories and in those of drop-ins.
    A drop-in is hidden by one of the same file name in an earlier directory; they are sorted by file name, wherever
    they are (systemd.unit(5), dropin.c).
    """
    base, _at, suffix = name.rpartition(".")
    template = f"{base.split('@')[0]}@.{suffix}" if "@" in base else ""
    units = [f"{directory}/{name}" for directory in unit_path]
    units += [f"{directory}/{template}" for directory in unit_path if template]
    names = [*_with_prefixes(name), *(_with_prefixes(template) if template else [])]
    directories = [f"{directory}/{own}.d" for directory in unit_path for own in names]
    directories += [f"{directory}/{suffix}.d" for directory in unit_path]
    by_name: dict[str, str] = {}
    for directory in directories:
        for path in sorted(found):
            file = PurePosixPath(path)
            if str(file.parent) == directory and file.suffix == ".conf" and not file.name.startswith("."):
                by_name.setdefault(file.name, path)
    dropins = [by_name[file] for file in sorted(by_name, key=str.encode)]
    return (*[path for path in units if path in found][:1], *dropins)


def dropin_directories(name: str, unit_path: t.Sequence[str]) -> tuple[str, ...]:
    """Return the directories in which systemd looks for drop-ins of a unit."""
    base, _dot, suffix = name.rpartition(".")
    names = [*_with_prefixes(name), *(_with_prefixes(f"{base.split('@')[0]}@.{suffix}") if "@" in base else [])]
    return tuple(f"{directory}/{own}.d" for directory in unit_path for own in [*names, suffix])


def _with_prefixes(name: str) -> list[str]:
    """Return a unit's name, and those that stand for all units whose names begin so (foo-.service for foo-bar)."""
    base, _dot, suffix = name.rpartition(".")
    stem, at, _instance = base.partition("@")
    dashes = [number for number, character in enumerate(stem) if character == "-"]
    prefixes = [stem[: number + 1] for number in reversed(dashes) if number + 1 < len(stem)]
    return [name, *[f"{prefix}{at}.{suffix}" for prefix in prefixes]]


def _in_service(files: t.Sequence[UnitFile]) -> list[_Assignment]:
    return [entry for file in files for entry in _assignments(file) if entry.section == "Service"]


def _since_reset(assignments: t.Sequence[_Assignment]) -> list[_Assignment]:
    """Return the assignments of a list that are in force: an empty one removes those before it."""
    kept: list[_Assignment] = []
    for entry in assignments:
        kept = [*kept, entry] if entry.value else []
    return kept


def _assignments(file: UnitFile) -> t.Iterator[_Assignment]:
    """Yield what a file assigns; a line without an equals sign is passed over, as systemd does."""
    section = ""
    for characters, start, end in _logical_lines(file.text):
        line = _stripped(characters)
        text = _text(line)
        if text.startswith("["):
            if not text.endswith("]"):
                raise InputError(
                    f"{Source(file.path, line_of(file.text, start))}: {text!r} is no section of a unit.",
                    fix="Write it like [Service], and see `systemd-analyze verify`.",
                )
            section = text[1:-1]
        elif section and "=" in text:
            name, value = line[: text.index("=")], line[text.index("=") + 1 :]
            yield _Assignment(file, section, _text(_stripped(name)), _stripped(value), start, end)


def _logical_lines(text: str) -> t.Iterator[tuple[list[Character], int, int]]:
    """Yield each line with those that continue it, and from where to where they are written.

    An odd number of backslashes at the end continues a line, as a blank; a comment in between is passed over, and so is
    one that ends in a backslash.
    """
    held: list[Character] | None = None
    begin, is_marked = 0, False
    for match in _LINE.finditer(text):
        line, start = match[1], match.start()
        if start == len(text):  # behind the last line break
            break
        if line.lstrip(_BLANK)[:1] in tuple(_COMMENT):
            continue
        if not is_marked and line.startswith(_BYTE_ORDER_MARK):  # once in a file, at the beginning of any line
            line, start, is_marked = line[1:], start + 1, True
        characters = [(character, start + number, start + number + 1) for number, character in enumerate(line)]
        if held is None:
            held, begin = [], match.start()
        held += characters
        if (len(line) - len(line.rstrip("\\"))) % 2:
            held[-1] = (" ", held[-1][1], held[-1][2])
            continue
        yield held, begin, match.end()
        held = None
    if held is not None:
        yield held, begin, len(text)


def _text(characters: t.Iterable[Character]) -> str:
    return "".join(character for character, _start, _end in characters)


def _stripped(characters: list[Character]) -> list[Character]:
    text = _text(characters)
    return characters[len(text) - len(text.lstrip(_BLANK)) : len(text.rstrip(_BLANK))]


def _environment_files(
    assignments: t.Sequence[_Assignment], names: t.Mapping[str, str], *, optional: bool = True
) -> t.Iterator[str]:
    for entry in _since_reset([entry for entry in assignments if entry.name == "EnvironmentFile"]):
        path = _specified(_text(entry.value), names, str(entry.source))
        if optional or not path.startswith("-"):
            yield posixpath.normpath(path[path.startswith("-") :])


def _environment(
    assignments: t.Sequence[_Assignment], texts: t.Mapping[str, str], names: t.Mapping[str, str]
) -> dict[str, Variable]:
    """Return the variables that a unit sets; those of files replace those of the unit (systemd.exec(5))."""
    found: dict[str, Variable] = {}
    for entry in _since_reset([entry for entry in assignments if entry.name == "Environment"]):
        found.update((variable.name, variable) for variable in _assigned(entry, names))
    for path in _environment_files(assignments, names):
        for other in sorted(other for other in texts if _matches(other, path)):
            found.update((variable.name, variable) for variable in variables_of(texts[other], path=other))
    return found


def _matches(path: str, pattern: str) -> bool:
    one, other = PurePosixPath(path), PurePosixPath(pattern)
    if one == other:
        return True
    hidden = one.name.startswith(".") and not other.name.startswith(".")
    return one.parent == other.parent and not hidden and fnmatch.fnmatchcase(one.name, other.name)


def _assigned(entry: _Assignment, names: t.Mapping[str, str]) -> t.Iterator[Variable]:
    at = 0
    while True:
        try:
            word = _extracted(entry.value, at, escapes=True)
        except _InvalidError:  # systemd ignores the rest of the line, with a warning
            return
        if word is None:
            return
        characters, _begin, _end, at = word
        name, equals, _value = _text(characters).partition("=")
        if equals and _VARIABLE.fullmatch(name):
            value = _replaced(characters[len(name) + 1 :], names, str(entry.source))
            place = characters[len(name)][2]
            end = value[-1][2] if value else place
            source = Source(entry.file.path, line_of(entry.file.text, place))
            yield Variable(name, tuple(value), source, place, end, in_unit=True)


def variables_of(text: str, *, path: str) -> list[Variable]:
    """Return the variables of a file of C(EnvironmentFile=), by the grammar of env-file.c; path names it in messages.

    Raises InputError for a comment that ends in a backslash: before version 254, systemd takes the next line for a part
    of it, and since then for one of its own.
    """
    found: list[Variable] = []
    at = 0
    while at < len(text):
        if text[at] in _BLANK:
            at += 1
        elif text[at] in _COMMENT:
            end = _line_end(text, at)
            if text[at:end].endswith("\\"):
                raise InputError(
                    f"{Source(path, line_of(text, at))}: a comment ends in a backslash, which joins the next "
                    "line to it in some versions of systemd, and in others does not.",
                    fix="Remove that backslash.",
                )
            at = end
        else:
            at = _read_variable(text, at, path, found)
    return found


def _line_end(text: str, at: int) -> int:
    ends = [place for place in (text.find("\n", at), text.find("\r", at)) if place >= 0]
    return min(ends, default=len(text))


def _read_variable(text: str, at: int, path: str, found: list[Variable]) -> int:
    """Read one line of a file with variables from its name on; return where the next one begins."""
    equals = text.find("=", at)
    if equals < 0 or equals > _line_end(text, at):
        return _line_end(text, at)
    name = text[at:equals].rstrip(_BLANK)
    characters, end = _variable_value(text, equals + 1)
    if _VARIABLE.fullmatch(name):
        written = text[equals + 1 : end]
        start = equals + 1 + len(written) - len(written.lstrip(" \t"))
        stop = max(start, equals + 1 + len(written.rstrip(" \t")))
        found.append(Variable(name, tuple(characters), Source(path, line_of(text, at)), start, stop, in_unit=False))
    return end


def _variable_value(text: str, at: int) -> tuple[list[Character], int]:  # noqa: C901, PLR0912 -- the states of env-file.c
    """Return a value with the place of each character, and where its line ends."""
    value: list[Character] = []
    state, kept = "before", 0
    while at < len(text):
        character = text[at]
        if state in ("before", "plain") and character in "\n\r":
            break
        if state == "single":
            if character == "'":
                state, kept = "before", len(value)
            else:
                value.append((character, at, at + 1))
        elif state == "double":
            if character == '"':
                state, kept = "before", len(value)
            elif character == "\\" and at + 1 < len(text):
                following = text[at + 1]
                if following in '"\\`$':
                    value.append((following, at, at + 2))
                elif following != "\n":
                    value += [("\\", at, at + 1), (following, at + 1, at + 2)]
                at += 1
            elif character != "\\":
                value.append((character, at, at + 1))
        elif character == "\\":
            if at + 1 < len(text) and text[at + 1] not in "\n\r":
                value.append((text[at + 1], at, at + 2))
                kept = len(value)
            state, at = "plain", at + 1
        elif state == "before" and character in "'\"":
            state = "single" if character == "'" else "double"
        elif character not in _BLANK or state == "plain":
            value.append((character, at, at + 1))
            state, kept = "plain", len(value) if character not in _BLANK else kept
        at += 1
    if state == "plain":
        del value[kept:]
    return value, min(at, len(text))


def _command(  # noqa: C901 -- config_parse_exec, whose order of rules matters
    entry: _Assignment, variables: t.Mapping[str, Variable], names: t.Mapping[str, str], *, user: str
) -> Command:
    characters = entry.value
    first = _required_word(entry, 0)
    if first is None:
        raise _unreadable(entry, "it is empty")
    name, begin, end, at = first
    prefixes = len(_text(name)) - len(_text(name).lstrip(_PREFIXES))
    marks = _text(name[:prefixes])
    program = _specified(_text(name[prefixes:]), names, str(entry.source))
    if not program or "|" in marks:
        raise _unreadable(entry, "a shell runs it" if program else "it names no program")
    expands, words = ":" not in marks, list[Word]()
    references: list[Reference] = []
    if "@" not in marks:
        start = name[prefixes][1]
        words.append(Word(program, _source(entry, start), start, characters[end - 1][2]))
    while at < len(characters):
        rest = _text(characters[at : at + 3])
        if rest[:1] == ";" and rest[1:2] in ("", *_BLANK):
            raise _unreadable(entry, "it has several commands, with a semicolon between them")
        if rest[:2] == "\\;" and rest[2:3] in ("", *_BLANK):
            words.append(Word(";", _source(entry, characters[at][1]), characters[at][1], characters[at + 1][2]))
            at += 2
            while at < len(characters) and characters[at][0] in _BLANK:
                at += 1
            continue
        found = _required_word(entry, at)
        if found is None:
            break
        word, begin, end, at = found
        value = _text(_replaced(word, names, str(entry.source)))
        place = (characters[begin][1], characters[end - 1][2])
        if not words:  # the name that the process gets in place of its program's
            words.append(Word(value, _source(entry, place[0]), *place))
        elif expands and value.startswith("$") and value[1:2] not in ("{", "$"):
            references.append(Reference(value[1:], *place, position=len(words)))
            words += _words_of(variables.get(value[1:]))
        else:
            words.append(_expanded(value, place, entry, variables) if expands else _literal(value, place, entry))
    if not words:
        raise _unreadable(entry, "it has no name for its program")
    return Command(
        tuple(words), program, entry.source, entry.start, entry.end, tuple(references), variables, expands, user
    )


def _literal(value: str, place: tuple[int, int], entry: _Assignment) -> Word:
    return Word(value, _source(entry, place[0]), *place)


def _source(entry: _Assignment, offset: int) -> Source:
    return Source(entry.file.path, line_of(entry.file.text, offset))


def _unreadable(entry: _Assignment, why: str) -> InputError:
    return InputError(
        f"{entry.source}: the command of ExecStart= cannot be read: {why}.",
        fix="Let ExecStart= start the program itself, and see `systemd-analyze verify`.",
    )


def _required_word(entry: _Assignment, at: int) -> tuple[list[Character], int, int, int] | None:
    """Return the next word of a command as systemd reads it; unknown escapes stay as they are, with a warning there."""
    try:
        return _extracted(entry.value, at, escapes=True)
    except _InvalidError:
        try:
            return _extracted(entry.value, at, escapes=True, keep_unknown=True)
        except _InvalidError:
            raise _unreadable(entry, "a quote is not closed") from None


def _words_of(variable: Variable | None) -> t.Iterator[Word]:
    """Yield the words of a variable's value, whose quotes are respected and removed."""
    at = 0
    while variable is not None:
        found = _extracted(list(variable.characters), at, escapes=False, lenient=True)
        if found is None:
            return
        word, begin, end, at = found
        start, stop = variable.characters[begin][1], variable.characters[end - 1][2]
        yield Word(_text(word), variable.source, start, stop, from_variable=variable.name)


def _expanded(value: str, place: tuple[int, int], entry: _Assignment, variables: t.Mapping[str, Variable]) -> Word:
    within: list[str] = []

    def replacement(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name = match["name"]
        if not _VARIABLE.fullmatch(name):
            raise _unreadable(entry, f"{match[0]} is more than the name of a variable")
        within.append(name)
        return variables[name].value if name in variables else ""

    return Word(_REFERENCE.sub(replacement, value), _source(entry, place[0]), *place, variables=tuple(within))


def _extracted(
    characters: t.Sequence[Character], at: int, *, escapes: bool, keep_unknown: bool = False, lenient: bool = False
) -> tuple[list[Character], int, int, int] | None:
    """Return the next word with its quotes removed, from where to where it is written, and where the next one begins.

    escapes: whether C escapes are replaced; otherwise a backslash protects the next character.
    keep_unknown: whether escapes that are none stay; lenient: whether the end closes a quote.
    Returns None where there is no further word. Raises _InvalidError. As extract_first_word in systemd's code.
    """
    while at < len(characters) and characters[at][0] in _BLANK:
        at += 1
    if at == len(characters):
        return None
    begin, quote = at, ""
    found: list[Character] = []
    while at < len(characters):
        character = characters[at][0]
        if character == "\\":
            decoded, at = _unescaped(
                characters, at, escapes=escapes, keep_unknown=keep_unknown, lenient=lenient, quote=quote
            )
            found += decoded
            continue
        if quote or character not in ("'", '"', *_BLANK):
            if character == quote:
                quote = ""
            else:
                found.append(characters[at])
        elif character in _BLANK:
            break
        else:
            quote = character
        at += 1
    if quote and not lenient:
        raise _InvalidError
    end = at
    while at < len(characters) and characters[at][0] in _BLANK:
        at += 1
    return found, begin, end, at


def _unescaped(  # noqa: PLR0913 -- the flags of extract_first_word
    characters: t.Sequence[Character], at: int, *, escapes: bool, keep_unknown: bool, lenient: bool, quote: str
) -> tuple[list[Character], int]:
    """Return what a backslash and what follows stand for, and where to go on."""
    start = characters[at][1]
    if at + 1 == len(characters):
        if keep_unknown and (not quote or lenient):
            return [characters[at]], at + 1
        if lenient:
            return [], at + 1
        raise _InvalidError
    following = characters[at + 1]
    if not escapes:
        return [(following[0], start, following[2])], at + 2
    if following[0] in _ESCAPES:
        return [(_ESCAPES[following[0]], start, following[2])], at + 2
    rest = _text(characters[at + 1 : at + 10])
    for pattern, base in _NUMBERS:
        match = pattern.match(rest)
        if match is not None and 0 < int(match[1], base) <= sys.maxunicode:
            last = at + len(match[0])
            return [(chr(int(match[1], base)), start, characters[last][2])], last + 1
    if keep_unknown:
        return [characters[at], following], at + 2
    raise _InvalidError


def written(value: str, *, expands: bool = True) -> str:
    """Return a word as C(ExecStart=) has to say it, so that the program gets this value.

    expands: whether variables are replaced there.
    """
    text = value.replace("\\", "\\\\").replace("%", "%%")
    text = text.replace("$", "$$") if expands else text
    if _PLAIN_WORD.fullmatch(value):
        return text
    for character, escape in {'"': '"', "\n": "n", "\t": "t", "\r": "r"}.items():
        text = text.replace(character, f"\\{escape}")
    return f'"{text}"'


def _specifiers(unit: str, more: t.Mapping[str, str]) -> dict[str, str]:
    base = unit.rpartition(".")[0]
    prefix, _at, instance = base.partition("@")
    return {**_FIXED_SPECIFIERS, **more, "n": unit, "N": base, "p": prefix, "i": instance}


def _specified(text: str, names: t.Mapping[str, str], where: str) -> str:
    return _text(_replaced([(character, 0, 0) for character in text], names, where))


def _replaced(characters: list[Character], names: t.Mapping[str, str], where: str) -> list[Character]:
    """Replace the specifiers of a word; a percent sign before anything but a letter or digit stays (specifier.c)."""
    found: list[Character] = []
    at = 0
    while at < len(characters):
        character, start, _end = characters[at]
        letter = characters[at + 1][0] if character == "%" and at + 1 < len(characters) else ""
        if letter in names and letter:
            end = characters[at + 1][2]
            found += [(replacement, start, end) for replacement in names[letter]]
            at += 2
        elif letter.isascii() and letter.isalnum():
            raise InputError(
                f"{where}: what %{letter} stands for is not known here, if it is a specifier of systemd at all.",
                fix="Write out what systemd puts there (`systemctl show --property=ExecStart`); a percent sign itself "
                "is written %%.",
            )
        else:
            found += characters[at : at + (2 if letter else 1)]
            at += 2 if letter else 1
    return found


__all__: t.Final = (
    "Command",
    "Reference",
    "Variable",
    "Word",
    "command_of",
    "dropin_directories",
    "environment_files",
    "is_there",
    "line_of",
    "load_order",
    "required_files",
    "variables_of",
    "written",
)
