# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_apiserver keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.rollout import goal
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.openshift import is_openshift
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import room_named
from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import broken, issuer_problems
from ansible_collections.onprem.irsa.plugins.module_utils._input.limits import number_problems
from ansible_collections.onprem.irsa.plugins.module_utils._input.task_files import problem
from ansible_collections.onprem.irsa.plugins.module_utils._rules.keys import key_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, is_true, missing_file, text

_NUMBERS: t.Final = ("irsa_apiserver_timeout", "irsa_apiserver_stale_sandbox_seconds", "irsa_apiserver_pause")
_NOT_ON_HOSTS: t.Final = ("show", "talosctl")
_RETIRED: t.Final = ("irsa_apiserver_retired_issuers", "irsa_apiserver_retired_audiences")
_TASK_FILES: t.Final = ("irsa_apiserver_before_host_tasks", "irsa_apiserver_after_host_tasks")


def problems(values: Values, look: Look) -> list[str]:
    """Say why the API servers cannot be given the issuer and the flags as asked for."""
    # Another store names its regions as it likes.
    region = "" if text(values, "irsa_issuer_endpoint_url") else text(values, "irsa_region")
    issuer = text(values, "irsa_apiserver_issuer_url")
    return [
        *key_problems(values),
        *issuer_problems(issuer, bucket=text(values, "irsa_issuer_bucket"), region=region),
        *goal_problems(values),
        *number_problems({name: values[name] for name in _NUMBERS}),
        *_task_file_problems(values, look),
        *(_by_hand_problems(values) if text(values, "irsa_apiserver_flags") in _NOT_ON_HOSTS else []),
        *_distribution_problems(values),
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
    return key_problems(values) + issuer_problems(text(values, "irsa_apiserver_issuer_url"))


def _by_hand_problems(values: Values) -> t.Iterator[str]:
    """Say what is asked of flags that only the user sets; silence would look like consent."""
    unused = [
        *(name for name in (*_TASK_FILES, *_RETIRED) if values.get(name)),
        *(name for name in ("irsa_apiserver_move_duplicates",) if is_true(values, name)),
    ]
    if unused:
        those = "that" if len(unused) == 1 else "those"
        yield (
            f"irsa_apiserver_flags is show, so that you set the flags of the API servers, and {' and '.join(unused)} "
            f"would change them. Leave {those} out, and do it with the flags."
            if text(values, "irsa_apiserver_flags") == "show"
            else f"irsa_apiserver_flags is talosctl, which sets the issuer and irsa_apiserver_extra_flags alone, and "
            f"{' and '.join(unused)} asks for more. Leave {those} out."
        )


def _distribution_problems(values: Values) -> t.Iterator[str]:
    """Say that nobody knows a distribution by its name."""
    distribution = text(values, "irsa_apiserver_distribution")
    if distribution and not is_openshift(distribution):
        yield from (f"irsa_apiserver_distribution: {found}" for found in broken(lambda: room_named(distribution)))


def _task_file_problems(values: Values, look: Look) -> list[str]:
    given = {name: text(values, name) for name in _TASK_FILES}
    return [found for name, path in given.items() if path for found in [problem(name, path, look(path).text)] if found]


__all__: t.Final = ("goal_problems", "problems", "teardown_problems")
