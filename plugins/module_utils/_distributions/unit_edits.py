# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags in the command of a systemd unit, changed where they are written. PRIVATE to the collection.

Pure. A flag may stand in the unit, in a drop-in, or in a file with variables that the command names. It is changed
where it is; every byte that does not belong to it stays, comments and continued lines among them.
"""

from __future__ import annotations

import difflib
import re
import typing as t
from itertools import zip_longest

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import UnitFile
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.unit_files import (
    Command,
    Word,
    command_of,
    written,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import Flag, Flags, flags_of, occurrences

# What packages, images and generators write: a change there is lost with the next one, or at the next boot.
_OF_OTHERS = ("/usr/lib/", "/usr/share/", "/lib/", "/run/", "/nix/store/")

# What means the same in a value with quotes of either kind and without, and is no separator when it is split.
_PLAIN = re.compile(r"[^\s\\'\"`]+")
_SEPARATOR = re.compile(r"[\s\\]*")


class NotOursError(Exception):
    """A flag is written in a file that belongs to a package, an image or a generator; path names it."""

    def __init__(self, path: str, *, command: bool) -> None:
        """Take the file, and whether the command itself stands there."""
        super().__init__(path)
        self.path = path
        self.command = command


class _Splice(t.NamedTuple):
    file: str
    start: int
    end: int
    text: str


class _Insertion(t.NamedTuple):
    anchor: Word
    behind: bool
    value: str


def may_be_changed(path: str) -> bool:
    """Return whether a file is the user's own, and not written by a package, an image or a generator."""
    return not path.startswith(_OF_OTHERS)


def with_flags(
    files: t.Sequence[UnitFile], environment_texts: t.Mapping[str, str], wanted: Flags, *, unit: str
) -> dict[str, str]:
    """Return the new texts of the files that change, by their paths; none where the flags are as they should be.

    files, environment_texts, unit: as command_of takes them, which starts a command with them.
    wanted: values in their order; none to remove a flag. A new flag comes right behind the program, or where the unit
    is not the user's own, behind the other arguments of a file with variables that is.
    Raises NotOursError where a change would go to a file of others, and InputError where the rest would not stay.
    """
    command = _command(files, environment_texts, unit)
    texts = {**environment_texts, **{file.path: file.text for file in files}}
    change = _Change(command, texts)
    for name, values in wanted.items():
        change.set(name, values)
    after = {path: text for path, text in change.texts().items() if text != texts[path]}
    _require_nothing_else(files, environment_texts, wanted, after, unit)
    return after


def _command(files: t.Sequence[UnitFile], texts: t.Mapping[str, str], unit: str) -> Command:
    command = command_of(files, texts, unit=unit)
    if command is None:
        raise InputError(f"{unit}: it starts nothing.", fix="Set ExecStart= in it.")
    return command


class _Change:
    """Gathers what is to be changed in the texts of one command."""

    def __init__(self, command: Command, texts: t.Mapping[str, str]) -> None:
        self.command = command
        self.before = texts
        self.arguments = command.words[1:]
        self.splices: list[_Splice] = []
        self.insertions: list[_Insertion] = []
        self.gone: list[Word] = []

    def set(self, name: str, values: list[str]) -> None:
        """Give a flag its values; what stays the same keeps its place."""
        present = [flag for flag in occurrences([word.value for word in self.arguments]) if flag.name == name]
        matcher = difflib.SequenceMatcher(None, [flag.value for flag in present], values, autojunk=False)
        for tag, old, old_end, new, new_end in matcher.get_opcodes():
            if tag == "equal":
                continue
            gone, come = present[old:old_end], values[new:new_end]
            for flag, value in zip_longest(gone, come[: len(gone)]):
                self._rewrite(flag, value)
            anchor, behind = self._place(present, old + min(len(gone), len(come)))
            self.insertions += [_Insertion(anchor, behind, f"--{name}={value}") for value in come[len(gone) :]]

    def _place(self, present: list[Flag], number: int) -> tuple[Word, bool]:
        """Return next to which word the occurrence with this number goes, and whether behind it."""
        if number > 0:
            return self.arguments[present[number - 1].end - 1], True
        if present:
            return self.arguments[present[0].index], False
        program = self.command.words[0]
        if may_be_changed(program.file):
            return program, True
        own = [word for word in self.arguments if word.from_variable and may_be_changed(word.file)]
        return (own or [program])[-1], True

    def _rewrite(self, flag: Flag, value: str | None) -> None:
        """Give an occurrence another value, in the form in which it is written; None removes it."""
        first, last = self.arguments[flag.index], self.arguments[flag.end - 1]
        if value is None:
            self.gone += self.arguments[flag.index : flag.end]
        elif self._in_variable(last, flag, value):
            return
        elif flag.length > 1 and not value.startswith("-"):
            self._replace(last, value)
        else:
            name = first.value if flag.bare or flag.length > 1 else first.value[: len(first.value) - len(flag.value)]
            self._replace(first, f"{name.rstrip('=')}={value}")
            self.gone += self.arguments[flag.index + 1 : flag.end]

    def _in_variable(self, word: Word, flag: Flag, value: str) -> bool:
        """Give a variable another value where it is that of the flag, and nothing else of the command has it."""
        name = word.variables[0] if len(word.variables) == 1 else ""
        variable = self.command.environment.get(name)
        uses = [other for other in self.command.words if name in (*other.variables, other.from_variable)]
        if variable is None or variable.in_unit or len(uses) > 1 or not may_be_changed(variable.source.file):
            return False
        raw = self.before[variable.source.file][variable.start : variable.end]
        quote = raw[:1] if raw[:1] in ("'", '"') else ""
        if flag.value != variable.value or not _PLAIN.fullmatch(value):
            return False
        self.splices.append(_Splice(variable.source.file, variable.start, variable.end, f"{quote}{value}{quote}"))
        return True

    def _replace(self, word: Word, value: str) -> None:
        self.splices.append(_Splice(self._file(word), word.start, word.end, self._written(word, value)))

    def _file(self, word: Word) -> str:
        if not may_be_changed(word.file):
            raise NotOursError(word.file, command=not word.from_variable)
        return word.file

    def _written(self, like: Word, value: str) -> str:
        """Return a word as the place of another one has to say it."""
        if not like.from_variable:
            return written(value, expands=self.command.expands)
        if not _PLAIN.fullmatch(value):
            raise InputError(
                f"{like.source}: {value!r} has blanks, quotes or a backslash in it, which the variable "
                f"{like.from_variable} cannot hold in every form.",
                fix="Write that flag in ExecStart= of the unit, and run it again.",
            )
        return value.replace("%", "%%") if self.command.environment[like.from_variable].in_unit else value

    def _row(self, word: Word) -> list[tuple[int, int]]:
        """Return where the words are that are written next to one: in the command, or in the value of its variable."""
        places = {
            (other.start, other.end)
            for other in self.command.words
            if (other.file, other.from_variable) == (word.file, word.from_variable)
        }
        if not word.from_variable:
            places |= {(reference.start, reference.end) for reference in self.command.references}
        return sorted(places)

    def texts(self) -> dict[str, str]:
        """Return all texts with the changes in them."""
        splices = [*self.splices, *self._inserted(), *self._removed()]
        after = dict(self.before)
        for splice in sorted(splices, key=lambda splice: (splice.start, splice.end), reverse=True):
            text = after[splice.file]
            after[splice.file] = text[: splice.start] + splice.text + text[splice.end :]
        return after

    def _inserted(self) -> t.Iterator[_Splice]:
        """Yield what is put next to a word: one splice for all that goes to one place, as one more has no order."""
        places: dict[tuple[str, int], str] = {}
        for anchor, behind, value in self.insertions:
            separator, word = self._separator(anchor), self._written(anchor, value)
            place = (self._file(anchor), anchor.end if behind else anchor.start)
            places[place] = places.get(place, "") + (separator + word if behind else word + separator)
        for (file, offset), text in places.items():
            yield _Splice(file, offset, offset, text)

    def _separator(self, word: Word) -> str:
        """Return what is between a word and the next one, or else the one before: where each has a line, a line."""
        row, text = self._row(word), self.before[word.file]
        number = row.index((word.start, word.end))
        gaps = [text[left[1] : right[0]] for left, right in zip(row, row[1:])]
        near = [*gaps[number : number + 1], *gaps[:number][::-1], *gaps[number:]]
        return next((gap for gap in near if gap and _SEPARATOR.fullmatch(gap)), " ")

    def _removed(self) -> t.Iterator[_Splice]:
        """Yield what removes words, with what is between them and those that stay; comments in between stay, too."""
        rows = {(self._file(word), word.from_variable): self._row(word) for word in self.gone}
        for (file, variable), row in rows.items():
            own = {(word.start, word.end) for word in self.gone if (word.file, word.from_variable) == (file, variable)}
            numbers = [number for number, place in enumerate(row) if place in own]
            for run in _runs(numbers):
                yield from _without(file, self.before[file], row, run)


def _runs(numbers: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def _without(file: str, text: str, row: list[tuple[int, int]], run: list[int]) -> t.Iterator[_Splice]:
    first, last = run[0], run[-1]
    if first > 0:
        if _SEPARATOR.fullmatch("".join(text[row[number - 1][1] : row[number][0]] for number in run)):
            yield _Splice(file, row[first - 1][1], row[last][1], "")
            return
    elif _SEPARATOR.fullmatch(
        "".join(text[row[number][1] : row[number + 1][0]] for number in run if number + 1 < len(row))
    ):
        yield _Splice(file, row[first][0], row[last + 1][0] if last + 1 < len(row) else row[last][1], "")
        return
    for number in run:
        yield _Splice(file, *row[number], "")


def _require_nothing_else(
    files: t.Sequence[UnitFile], texts: t.Mapping[str, str], wanted: Flags, after: t.Mapping[str, str], unit: str
) -> None:
    """Read the new texts back: what cannot be changed alone, as a variable that is used twice, ends here."""
    before = _command(files, texts, unit)
    new_files = [UnitFile(file.path, after.get(file.path, file.text)) for file in files]
    new_texts = {path: after.get(path, text) for path, text in texts.items()}
    try:
        now = _command(new_files, new_texts, unit)
        same = _rest(now, wanted) == _rest(before, wanted) and (now.program, now.user) == (before.program, before.user)
        found = flags_of(now.arguments[1:])
        same = same and all(found.get(name, []) == values for name, values in wanted.items())
    except InputError:
        same = False
    if not same:
        raise InputError(
            f"{before.source}: {', '.join(f'--{name}' for name in wanted)} cannot be changed alone as they are written "
            "(a variable that is used twice, or one without quotes around its value).",
            fix="Write these flags in ExecStart= itself, and run it again.",
        )


def _rest(command: Command, wanted: Flags) -> list[str]:
    arguments = command.arguments
    own = {
        number
        for flag in occurrences(arguments, start=1)
        if flag.name in wanted
        for number in range(flag.index, flag.end)
    }
    return [argument for number, argument in enumerate(arguments) if number not in own]


__all__: t.Final = ("NotOursError", "may_be_changed", "with_flags")
