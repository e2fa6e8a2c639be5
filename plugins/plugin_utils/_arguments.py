# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of a task whose action runs on the controller. PRIVATE: it may change without notice."""

from __future__ import annotations

import json
import typing as t

from ansible.plugins.action import ActionBase

Result = dict[str, t.Any]


def arguments_of(action: ActionBase, spec: t.Mapping[str, t.Any]) -> Result:
    """Return a task's arguments with their types and defaults; spec is the argument spec of its module.

    AnsibleActionFail tells what is wrong with them.
    """
    # Called through its class: by that name it counts among the functions that are known to be untyped.
    _validation, arguments = ActionBase.validate_argument_spec(action, spec)
    return t.cast("Result", arguments)


def plain_arguments_of(action: ActionBase, spec: t.Mapping[str, t.Any]) -> Result:
    """Return the same with plain strings, for what PyYAML writes: it does not write those of templates.

    The arguments are what JSON can say.
    """
    return t.cast("Result", json.loads(json.dumps(arguments_of(action, spec))))
