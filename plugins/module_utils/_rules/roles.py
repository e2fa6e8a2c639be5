# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the variables of each role, by the variables alone. PRIVATE: it may change without notice.

Rules of one value are in the package of the link that uses it; here is what a role's variables keep together.
"""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import CONTROLLER, needs_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._rules import (
    api_server,
    doctor,
    iam,
    issuer,
    migrate,
    render,
    rotate,
    verify,
    webhook,
)
from ansible_collections.onprem.irsa.plugins.module_utils._rules.keys import key_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, missing_file, text

Rules = t.Callable[[Values, Look], list[str]]
"""Returns a sentence for each thing that is wrong: the value, the rule and the fix."""


def _kubeconfig_problems(values: Values, look: Look) -> list[str]:
    by_controller = text(values, "irsa_kubeconfig_host") == CONTROLLER and not needs_hosts(
        values.get("irsa_issuer_keys"), values.get("irsa_apiserver_flags"), renders=render.NAME in values
    )
    if by_controller and not text(values, "irsa_kubeconfig_path"):
        return [
            *key_problems(values),
            "irsa_kubeconfig_path is not set, and there is no control-plane host to read a kubeconfig from. Set it to "
            "the file of a cluster administrator on the controller, as in irsa_kubeconfig_path: ~/.kube/config.",
        ]
    return key_problems(values) + missing_file(values, "irsa_kubeconfig_path", look)


RULES: t.Final[t.Mapping[str, Rules]] = {
    "irsa_kubeconfig": _kubeconfig_problems,
    "irsa_issuer": issuer.problems,
    "irsa_iam": iam.problems,
    "irsa_apiserver": api_server.problems,
    "irsa_webhook": webhook.problems,
    "irsa_verify": verify.problems,
    "irsa_rotate": rotate.problems,
    "irsa_migrate": migrate.problems,
    "irsa_doctor": doctor.problems,
}
"""By the name of the role, for its entry points that make something."""

TEARDOWN_RULES: t.Final[t.Mapping[str, Rules]] = {"irsa_apiserver": api_server.teardown_problems}
"""By the name of the role, for its entry point C(teardown): what is removed needs less."""


__all__: t.Final = ("RULES", "TEARDOWN_RULES", "Rules")
