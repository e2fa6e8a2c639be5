# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as JSON, and back. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import functools
import json
import typing as t
from dataclasses import MISSING, Field, fields, is_dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.redaction import without_secrets
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    VERSION,
    NotLooked,
    Policy,
    Snapshot,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding, State

_NAME: t.Final = "onprem.irsa.doctor"
_NOT_LOOKED: t.Final = "not_looked_at"

# What a time may be, as datetime has it (the years 1 to 9999); no count or duration is longer either.
_LEAST: t.Final = -62_135_596_800
_MOST: t.Final = 253_402_300_799

_Shape = t.Any  # a type as typing has it: a class, a union, a tuple of one kind


def to_json(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON text, one that C(of_json) reads; the same snapshot gives the same bytes."""
    document = {"snapshot": _NAME, "version": VERSION, **t.cast("dict[str, t.Any]", _encoded(snapshot))}
    return json.dumps(document, indent=1, ensure_ascii=False)


def _encoded(value: object) -> object:
    if isinstance(value, NotLooked):
        return {_NOT_LOOKED: without_secrets(value.reason)}
    if isinstance(value, Finding):
        return {name: _encoded(part) for name, part in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _encoded(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, t.Mapping):
        return {without_secrets(str(key)): _encoded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encoded(part) for part in value]
    return without_secrets(value) if isinstance(value, str) else value


def of_json(text: str, *, source: str) -> Snapshot:
    """Return the snapshot of a text, or raise InputError for one that is none, and for one of another version.

    source: what the text is called in messages.
    """
    try:
        document = json.loads(text, parse_constant=_no_number)
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{source} has half of a character (\\ud800 to \\udfff).", fix=_AGAIN) from error
    except ValueError as error:
        raise InputError(f"{source} is not JSON: {error}.", fix=_AGAIN) from error
    except RecursionError as error:
        raise InputError(
            f"{source} has lists or objects in one another, more deeply than any snapshot.", fix=_AGAIN
        ) from error
    if not isinstance(document, dict) or document.get("snapshot") != _NAME:
        raise InputError(f"{source} is no snapshot of {_NAME}.", fix=_AGAIN)
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        raise InputError(
            f"{source} is a snapshot of version {version}, and this doctor reads version {VERSION}.",
            fix="Diagnose it with the release of onprem.irsa that saved it, or save it again with this one.",
        )
    body = {name: value for name, value in document.items() if name not in ("snapshot", "version")}
    try:
        return t.cast("Snapshot", _decoded(Snapshot, body, ""))
    except _UnfitError as error:
        raise InputError(f"{source} cannot be read: {error}.", fix=_AGAIN) from error


_LONG: t.Final = 80
_AGAIN: t.Final = "Give a file that irsa_doctor_snapshot has saved, as it was saved."


def _no_number(name: str) -> t.NoReturn:
    """Refuse what Python reads as a number and JSON does not have: NaN and the infinities."""
    raise ValueError(f"{name} is no number")


class _UnfitError(Exception):
    """A value is not what a snapshot has at its place."""


def _decoded(shape: _Shape, value: object, at: str) -> object:
    if shape == Policy:
        return _policy(value, at)
    return _of_parts(shape, value, at) if t.get_origin(shape) is not None else _of_class(shape, value, at)


def _of_parts(shape: _Shape, value: object, at: str) -> object:
    """Return a value of a tuple, of a mapping from texts, or of one of several types."""
    origin: t.Any = t.get_origin(shape)
    members = t.get_args(shape)
    if origin is tuple:
        items = _a(list, value, at)
        shapes = [members[0]] * len(items) if Ellipsis in members else [*members]
        if len(shapes) != len(items):
            raise _UnfitError(f"{at.lstrip('.')} has {len(items)} values, not {len(shapes)}")
        return tuple(_decoded(each, item, f"{at}[{number}]") for number, (each, item) in enumerate(zip(shapes, items)))
    if isinstance(origin, type) and issubclass(origin, t.Mapping):
        pairs = _a(dict, value, at)
        return {key: _decoded(members[1], item, f"{at}.{key}") for key, item in pairs.items()}
    return _of_union(members, value, at)


def _of_class(shape: _Shape, value: object, at: str) -> object:
    if shape is t.Any:
        return value
    if shape is Finding:
        return _finding(value, at)
    is_object = isinstance(shape, type) and is_dataclass(shape)
    return _object(shape, value, at) if is_object else _plain(shape, value, at)


def _of_union(members: tuple[_Shape, ...], value: object, at: str) -> object:
    """Return a value of one of several types, of which only one is neither None nor NotLooked."""
    if value is None and type(None) in members:
        return None
    if isinstance(value, dict) and set(value) == {_NOT_LOOKED} and NotLooked in members:
        return NotLooked(str(value[_NOT_LOOKED]))
    (left,) = [member for member in members if member not in (type(None), NotLooked)]
    return _decoded(left, value, at)


def _object(shape: type, value: object, at: str) -> object:
    found = _a(dict, value, at)
    shapes, known = _shapes(shape)
    # A field more than this release knows was added by a later one, and nothing here goes by it.
    given = {name: _decoded(shapes[name], part, f"{at}.{name}") for name, part in found.items() if name in known}
    missing = [
        name
        for name, item in known.items()
        if name not in given and item.default is MISSING and item.default_factory is MISSING
    ]
    if missing:
        raise _UnfitError(f"{at.lstrip('.') or 'it'} has no {', '.join(missing)}")
    return shape(**given)


@functools.cache
def _shapes(shape: type) -> tuple[t.Mapping[str, _Shape], t.Mapping[str, Field[t.Any]]]:
    """Return the types and the fields of a dataclass, by their names."""
    return t.get_type_hints(shape), {item.name: item for item in fields(shape)}


def _policy(value: object, at: str) -> Policy:
    """Return a policy in which statements, and operators of their conditions, are objects, as AWS takes them alone."""
    found = _a(dict, value, at)
    listed = found.get("Statement", [])
    statements = listed if isinstance(listed, list) else [listed]
    for number, statement in enumerate(statements):
        place = f"{at}.Statement[{number}]"
        condition = _a(dict, _a(dict, statement, place).get("Condition", {}), f"{place}.Condition")
        for name, keys in condition.items():
            _a(dict, keys, f"{place}.Condition.{name}")
    return {**found, "Statement": statements} if found else {}


def _finding(value: object, at: str) -> Finding:
    found = _a(dict, value, at)
    try:
        finding = Finding(**{name: str(part) for name, part in found.items()})  # type: ignore[arg-type]
    except TypeError as error:
        raise _UnfitError(f"{at.lstrip('.')} is no finding") from error
    if finding.state not in t.get_args(State):
        raise _UnfitError(f"{at.lstrip('.')}.state is {finding.state!r}, not {' or '.join(t.get_args(State))}")
    return finding


def _a(kind: type, value: object, at: str) -> t.Any:  # noqa: ANN401 -- JSON
    if not isinstance(value, kind):
        raise _UnfitError(f"{at.lstrip('.') or 'it'} is not {'a list' if kind is list else 'an object'}")
    return value


def _plain(shape: _Shape, value: object, at: str) -> object:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and shape in (int, float) and not _LEAST <= t.cast("float", value) <= _MOST:
        raise _UnfitError(f"{at.lstrip('.')} is {_shown(value)}, which no time, count or duration is")
    if shape is float and number:
        return float(t.cast("float", value))
    if not isinstance(value, shape) or (isinstance(value, bool) and shape is not bool):
        raise _UnfitError(f"{at.lstrip('.')} is {_shown(value)}, not a value of the type {shape.__name__}")
    return value


def _shown(value: object) -> str:
    """Return a value as messages have it: the beginning of a long one."""
    if isinstance(value, int) and abs(value) > _MOST:
        return "a number of many digits"
    return repr(value) if len(repr(value)) <= _LONG else f"{repr(value)[:_LONG]}..."


__all__: t.Final = ("of_json", "to_json")
