# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster a thing on AWS belongs to. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError
from ansible_collections.onprem.irsa.plugins.module_utils._unquoted import (
    is_unquoted,
    unquoted_key_problems,
    unquoted_problem,
)

# The tag that everything carries which the collection makes on AWS; its value is the cluster's name.
CLUSTER_TAG: t.Final = "onprem.irsa/cluster"

# IAM API reference, Tag: letters, digits, blanks and _.:/=+-@; 50 tags at most, of which one is ours.
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MAX_TAGS = 49


def owner(tags: t.Mapping[str, str]) -> str | None:
    """Return the name of the cluster that a thing with these tags belongs to, or None when it belongs to none."""
    return tags.get(CLUSTER_TAG)


def not_ours(what: str, tags: t.Mapping[str, str], *, fix: str) -> IrsaError:
    """Return the error for a thing that was there and is not the cluster's."""
    name = owner(tags)
    whose = f"belongs to the cluster {name}" if name else "was not made for this cluster"
    return IrsaError(f"{what} exists and {whose} (tag {CLUSTER_TAG}).", fix=fix)


def wanted_tags(
    current: t.Mapping[str, str],
    given: t.Mapping[str, t.Any] | None,
    *,
    cluster: str,
    purge: bool,
    ignore_case: bool = False,
) -> dict[str, str]:
    """Return the tags that a thing should have: those given, ours, and the current ones that stay.

    Without given tags (None) the current ones stay. AWS's own (C(aws:)) always stay: nobody else can remove them.
    IGNORE_CASE is IAM's rule for roles, whose keys differ by more than case: a key stays as it is spelt now.
    """
    keep_all = given is None or not purge
    spelt = {_folded(key, ignore_case=True): key for key in current} if ignore_case else {}
    ours = {_folded(CLUSTER_TAG, ignore_case=ignore_case)}
    kept = {
        key: value
        for key, value in current.items()
        if (keep_all or key.startswith("aws:")) and _folded(key, ignore_case=ignore_case) not in ours
    }
    wanted = {
        spelt.get(_folded(str(key), ignore_case=True), str(key)): str(value) for key, value in (given or {}).items()
    }
    return {**kept, **wanted, CLUSTER_TAG: cluster}


def _folded(key: str, *, ignore_case: bool) -> str:
    return key.casefold() if ignore_case else key


def tag_changes(
    current: t.Mapping[str, str], wanted: t.Mapping[str, str], *, ignore_case: bool = False
) -> tuple[list[dict[str, str]], list[str]]:
    """Return the tags to set, as IAM takes them, and the keys to remove; IGNORE_CASE as in wanted_tags()."""
    to_set = [{"Key": key, "Value": value} for key, value in wanted.items() if current.get(key) != value]
    kept = {_folded(key, ignore_case=ignore_case) for key in wanted}
    return to_set, [key for key in current if _folded(key, ignore_case=ignore_case) not in kept]


def tag_problems(
    tags: t.Mapping[str, t.Any] | None, *, ignore_case: bool = False, take_numbers: bool = False
) -> list[str]:
    """Say which of AWS's rules the tags break, and how to fix it; IGNORE_CASE as in wanted_tags().

    TAKE_NUMBERS is for who has looked at what YAML has read before (tag_number_problems): whole numbers are taken.
    """
    problems = unquoted_key_problems("tags", tags)
    if len(tags or {}) > _MAX_TAGS:
        problems.append(f"there are {len(tags or {})} tags, and IAM accepts {_MAX_TAGS} besides ours. Remove some.")
    for key, value in (tags or {}).items():
        if not is_unquoted(key) and _TAG_KEY.fullmatch(str(key)) is None:
            problems.append(f"tag key {key!r} must be 1 to 128 letters, digits, blanks and _.:/=+-@. Rename it.")
        if value is None:
            problems.append(f"tag {key} has no value: null. Give it one, or an empty text in quotes.")
        elif is_unquoted(value) and not (take_numbers and _is_number(value)):
            problems.append(unquoted_problem(f"tag {key}", value))
        elif _TAG_VALUE.fullmatch(str(value)) is None:
            problems.append(
                f"tag {key}: {value!r} must be at most 256 letters, digits, blanks and _.:/=+-@. Change it."
            )
        reserved = _folded(str(key), ignore_case=ignore_case) == CLUSTER_TAG
        if str(key).lower().startswith("aws:") or reserved:
            problems.append(
                f"tag key {key!r} is reserved: AWS sets aws: tags, the option cluster sets ours. Remove it."
            )
    return problems + (_same_key_problems(tags or {}) if ignore_case else [])


def _same_key_problems(tags: t.Mapping[str, t.Any]) -> list[str]:
    spelt: dict[str, list[str]] = {}
    for key in map(str, tags):
        spelt.setdefault(_folded(key, ignore_case=True), []).append(key)
    return [
        f"the tag keys {', '.join(keys)} differ only by case, and IAM treats them as one key of a role. Keep one."
        for keys in spelt.values()
        if len(keys) > 1
    ]


def tag_number_problems(tags: object) -> list[str]:
    """Say which values of tags are whole numbers: what was written, such as C(012345670123), is lost."""
    given = tags if isinstance(tags, t.Mapping) else {}
    return [unquoted_problem(f"tag {key}", value) for key, value in given.items() if _is_number(value)]


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def cluster_problems(cluster: str) -> list[str]:
    """Say which rule the name of a cluster breaks: it becomes the value of a tag."""
    if is_unquoted(cluster):
        return [unquoted_problem("The cluster's name", cluster)]
    if cluster and _TAG_VALUE.fullmatch(cluster):
        return []
    return [f"The cluster's name {cluster!r} must be 1 to 256 letters, digits, blanks and _.:/=+-@ (tag). Rename it."]


__all__: t.Final = (
    "CLUSTER_TAG",
    "cluster_problems",
    "not_ours",
    "owner",
    "tag_changes",
    "tag_number_problems",
    "tag_problems",
    "wanted_tags",
)
