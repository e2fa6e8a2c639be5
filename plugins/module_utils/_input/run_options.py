# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of ansible-playbook that leave out too much. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

# Ansible, "Tags": the tags that Ansible gives a meaning. "untagged" names nothing in a playbook whose tasks are all
# tagged, and "never" nothing by itself; C(--list-tags) adds it to "all".
_ALL: t.Final = frozenset({"all", "always", "tagged"})

_PHASES: t.Final = "It has no tags: leave the option out, and say with -e phase=PHASE how far to go."


def run_problem(tags: t.Sequence[str], *, wanted: t.Collection[str], skipped: t.Collection[str], start: str) -> str:
    """Say why a run would do nothing, or begin without the checks that come first; an empty text for a good run.

    TAGS are those of the playbook, none of one that goes by phases, WANTED and SKIPPED those of C(--tags) and
    C(--skip-tags), START the task of C(--start-at-task) or an empty text.
    """
    known = f"Its tags are {', '.join(tags)}." if tags else _PHASES
    if start:
        links = "Name the links to run with --tags. " if tags else ""
        return (
            f"--start-at-task {start!r} would leave out the first play, which finds the hosts and checks the input, "
            f"and nothing would be done. {links}{known}"
        )
    known_tags = _ALL.union(tags, {"never"} if "all" in wanted else ())
    unknown = sorted({*wanted} - known_tags)
    if unknown:
        return f"--tags has {', '.join(unknown)}, which this playbook does not have. {known}"
    return _skip_problem(tags, wanted, skipped, known)


def chosen_tags(
    tags: t.Sequence[str], *, wanted: t.Collection[str], skipped: t.Collection[str] = ()
) -> tuple[str, ...]:
    """Return those of a playbook's TAGS whose tasks are run; WANTED and SKIPPED as in run_problem()."""
    every = not wanted or {"all", "tagged"} & {*wanted}
    return tuple(tag for tag in tags if (every or tag in wanted) and tag not in skipped)


def _skip_problem(tags: t.Sequence[str], wanted: t.Collection[str], skipped: t.Collection[str], known: str) -> str:
    """Say why C(--skip-tags) leaves out what the playbook is for, all of what C(--tags) names, or what comes first."""
    unknown = sorted({*skipped} - _ALL.union(tags))
    if unknown:
        return f"--skip-tags has {', '.join(unknown)}, which this playbook does not have. {known}"
    left_out = sorted({*skipped} - {*tags})
    if left_out:
        what = "always, which checks the input" if "always" in left_out else ", ".join(left_out)
        return f"--skip-tags has {what}: that cannot be skipped. {known}"
    named = chosen_tags(tags, wanted=wanted)
    if named and {*named} <= {*skipped}:
        return (
            f"--skip-tags has {', '.join(named)}, which is all that this run would do: nothing would be done. "
            f"Leave out of --skip-tags what should run. {known}"
        )
    return ""


__all__: t.Final = ("chosen_tags", "run_problem")
