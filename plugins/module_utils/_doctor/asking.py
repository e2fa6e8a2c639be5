# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of a cluster as the doctor asks it: within its rights, and each list once. PRIVATE: it may change.

Pure: what asks is handed in.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.rights import right_of
from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError

Json = dict[str, t.Any]


class Api(t.Protocol):
    """What asks an API server."""

    @property
    def server(self) -> str:
        """Its URL."""

    def at(self, server: str) -> Api:
        """Return what asks another one of the same cluster."""

    def get(self, path: str, *, accept: str = "") -> Json | None:
        """Return the object at a path, None for none."""

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a list, with version and kind; none where their kind is not served."""

    def each(self, path: str, *, labels: str = "", fields: str = "") -> t.Iterator[Json]:
        """Yield the objects of a list, a page at a time."""

    def some(self, path: str, number: int, *, labels: str = "") -> list[Json]:
        """Return the first objects of a list, so many at most."""

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object."""


class Within:
    """Asks what C(rights) allows and raises ApiError for the rest, which it does not ask."""

    def __init__(self, api: Api, own_namespace: str, *, legacy_secrets: bool = False) -> None:
        """Take what asks, and what C(right_of) goes by."""
        self._api, self._own, self._legacy = api, own_namespace, legacy_secrets
        self._lists: dict[tuple[str, str, str], list[Json]] = {}

    @property
    def server(self) -> str:
        """The URL of the API server that is asked."""
        return self._api.server

    def at(self, server: str) -> Within:
        """Return what asks another one of the same cluster within the same rights."""
        return Within(self._api.at(server), self._own, legacy_secrets=self._legacy)

    def get(self, path: str, *, accept: str = "") -> Json | None:
        """Return the object at a path, None for none."""
        self._check("GET", path)
        return self._api.get(path, accept=accept)

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a list, which is asked for once."""
        self._check("GET", path)
        asked = (path, labels, fields)
        if asked not in self._lists:
            self._lists[asked] = self._api.items(path, labels=labels, fields=fields)
        return self._lists[asked]

    def each(self, path: str, *, labels: str = "", fields: str = "") -> t.Iterator[Json]:
        """Yield the objects of a list, a page at a time; the first is asked for at once, so that a refusal shows."""
        self._check("GET", path)
        found = self._api.each(path, labels=labels, fields=fields)
        first = next(found, None)
        return iter(()) if first is None else _after(first, found)

    def some(self, path: str, number: int, *, labels: str = "") -> list[Json]:
        """Return the first objects of a list, so many at most."""
        self._check("GET", path)
        return self._api.some(path, number, labels=labels)

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create what is not stored; a pod is created in a dry run alone."""
        self._check("POST", path, stores=body.get("kind") == "Pod" and not dry_run)
        return self._api.create(path, body, dry_run=dry_run)

    def _check(self, method: str, path: str, *, stores: bool = False) -> None:
        if stores or right_of(method, path, self._own, legacy_secrets=self._legacy) is None:
            raise ApiError(f"The doctor does not ask for {path}.", fix="Nothing has to be done.")


def _after(first: Json, rest: t.Iterator[Json]) -> t.Iterator[Json]:
    yield first
    yield from rest


__all__: t.Final = ("Api", "Within")
