# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster a thing on AWS belongs to. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import IrsaError

# The tag that everything carries which the collection makes on AWS; its value is the cluster's name.
CLUSTER_TAG: t.Final = "onprem.irsa/cluster"

# IAM API reference, Tag: letters, digits, blanks and _.:/=+-@; 50 tags at most, of which one is ours.
_TAG_KEY = re.compile(r"[\w .:/=+@-]{1,128}")
_TAG_VALUE = re.compile(r"[\w .:/=+@-]{0,256}")
_MAX_TAGS = 49


def owner(tags: t.Mapping[str, str]) -> str | None:
    """Return the name of the cluster that a thing with these tags belongs to, or None when it belongs to none."""
    return tags.get(CLUSTER_TAG)


def foreign(what: str, tags: t.Mapping[str, str], *, fix: str) -> IrsaError:
    """Return the error for a thing that was there and is not the cluster's."""
    name = owner(tags)
    whose = f"belongs to the cluster {name}" if name else "was not made for this cluster"
    return IrsaError(f"{what} exists and {whose} (tag {CLUSTER_TAG}).", fix=fix)


def wanted_tags(
    current: t.Mapping[str, str], given: t.Mapping[str, t.Any] | None, *, cluster: str, purge: bool
) -> dict[str, str]:
    """Return the tags that a thing is to have: those given, ours, and of the current ones what is not to be purged.

    Without given tags (None) the current ones stay. AWS's own (C(aws:)) always stay: nobody else can remove them.
    """
    keep_all = given is None or not purge
    kept = {key: value for key, value in current.items() if keep_all or key.startswith("aws:")}
    return {**kept, **{str(key): str(value) for key, value in (given or {}).items()}, CLUSTER_TAG: cluster}


def tag_changes(current: t.Mapping[str, str], wanted: t.Mapping[str, str]) -> tuple[list[dict[str, str]], list[str]]:
    """Return the tags to set, as IAM takes them, and the keys to remove."""
    to_set = [{"Key": key, "Value": value} for key, value in wanted.items() if current.get(key) != value]
    return to_set, [key for key in current if key not in wanted]


def tag_problems(tags: t.Mapping[str, t.Any] | None) -> list[str]:
    """Say which of IAM's rules the tags break, and how to mend it."""
    problems = []
    if len(tags or {}) > _MAX_TAGS:
        problems.append(f"there are {len(tags or {})} tags, and IAM takes {_MAX_TAGS} beside ours. Remove some.")
    for key, value in (tags or {}).items():
        if _TAG_KEY.fullmatch(str(key)) is None:
            problems.append(f"tag key {key!r} must be 1 to 128 letters, digits, blanks and _.:/=+-@. Rename it.")
        if _TAG_VALUE.fullmatch(str(value)) is None:
            problems.append(
                f"tag {key}: {value!r} must be at most 256 letters, digits, blanks and _.:/=+-@. Change it."
            )
        if str(key).lower().startswith("aws:") or str(key) == CLUSTER_TAG:
            problems.append(
                f"tag key {key!r} is reserved: AWS sets aws: tags, the option cluster sets ours. Remove it."
            )
    return problems


def cluster_problems(cluster: str) -> list[str]:
    """Say which rule the name of a cluster breaks: it becomes the value of a tag."""
    if cluster and _TAG_VALUE.fullmatch(cluster):
        return []
    return [f"The cluster's name {cluster!r} must be 1 to 256 letters, digits, blanks and _.:/=+-@ (tag). Rename it."]


__all__: t.Final = ("CLUSTER_TAG", "cluster_problems", "foreign", "owner", "tag_changes", "tag_problems", "wanted_tags")
