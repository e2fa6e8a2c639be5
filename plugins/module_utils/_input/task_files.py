# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether files of the user's own tasks can be included. PRIVATE to the collection: it may change without notice.

Pure. Ansible itself would say so only when it comes to them, between two restarts.
"""

from __future__ import annotations

import typing as t
from contextlib import suppress

with suppress(ImportError):  # ansible-core brings PyYAML to the controller, where alone this file is used
    import yaml


def problem(variable: str, path: str, text: str | None) -> str:
    """Return why a file that a variable names can't be included, and the fix; an empty text where it can.

    text: its content; None for a file that is not there or can't be read.
    """
    if text is None:
        return f"{variable} is {path}, which the controller does not have, or can't read. Name a file of tasks."
    if not _lists_tasks(text):
        return f"{variable} is {path}, which is not a list of tasks. Write it as a file of tasks, not as a playbook."
    return ""


def _lists_tasks(text: str) -> bool:
    """Return whether a text is a list of mappings in YAML, whatever tags of Ansible its values have."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return False
    if not isinstance(node, yaml.SequenceNode):
        return False
    return all(isinstance(task, yaml.MappingNode) and not _is_play(task) for task in node.value)


def _is_play(task: yaml.MappingNode) -> bool:
    return any(key.value == "hosts" for key, _value in task.value)


__all__: t.Final = ("problem",)
