# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_apiserver keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken, issuer_problems
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems
from ansible_collections.onprem.irsa.plugins.module_utils._input.task_files import problem
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, missing_file, text

_NUMBERS: t.Final = ("irsa_apiserver_timeout", "irsa_apiserver_stale_sandbox_seconds", "irsa_apiserver_pause")
_TASK_FILES: t.Final = ("irsa_apiserver_before_host_tasks", "irsa_apiserver_after_host_tasks")


def problems(values: Values, look: Look) -> list[str]:
    """Say why the API servers cannot be given the issuer and the flags as asked for."""
    # Another store names its regions as it likes.
    region = "" if text(values, "irsa_issuer_endpoint_url") else text(values, "irsa_region")
    issuer = text(values, "irsa_apiserver_issuer_url")
    return [
        *issuer_problems(issuer, bucket=text(values, "irsa_issuer_bucket"), region=region),
        *goal_problems(values),
        *number_problems({name: values[name] for name in _NUMBERS}),
        *_task_file_problems(values, look),
        *missing_file(values, "irsa_apiserver_ca_path", look),
    ]


def goal_problems(values: Values) -> list[str]:
    """Say what of the wanted flags contradicts itself, whatever the API servers have."""
    return broken(
        lambda: goal(
            values["irsa_apiserver_issuer_url"],
            flags=values["irsa_apiserver_extra_flags"],
            retired=values["irsa_apiserver_retired_issuers"],
            retired_audiences=values["irsa_apiserver_retired_audiences"],
            aws_audience=text(values, "irsa_audience"),
        )
    )


def teardown_problems(values: Values, _look: Look) -> list[str]:
    """Say what is wrong with the issuer that should go: of a wrong one nothing is found, and all would seem done."""
    return issuer_problems(text(values, "irsa_apiserver_issuer_url"))


def _task_file_problems(values: Values, look: Look) -> list[str]:
    given = {name: text(values, name) for name in _TASK_FILES}
    return [found for name, path in given.items() if path for found in [problem(name, path, look(path).text)] if found]


__all__: t.Final = ("goal_problems", "problems", "teardown_problems")
