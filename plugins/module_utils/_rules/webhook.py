# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_webhook keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._api_server.inventory import CONTROLLER, needs_hosts
from ansible_collections.onprem.irsa.plugins.module_utils._injection.problems import input_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules import render
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import (
    Look,
    Values,
    is_true,
    rules_file_problems,
    text,
    whole,
)

_PREFIX: t.Final = "irsa_webhook_"
_RULES_FILE: t.Final = "irsa_webhook_alert_rules_file"
_TEXTS: t.Final = (
    *("mode", "namespace", "region", "image", "image_mirror", "priority_class", "tls", "tls_secret", "pull_secret"),
)
_NUMBERS: t.Final = ("replicas", "timeout", "certificate_days", "port", "metrics_port")
_SWITCHES: t.Final = ("strict", "host_network", "service_monitor", "prometheus_rule")
_AS_GIVEN: t.Final = (
    *("audience", "excluded_namespaces", "tolerations", "node_selector", "resources", "monitoring_labels"),
)
_RULES_GROUP: t.Final = "onprem-irsa-webhook"
_WITH_RULES: t.Final = ("webhook", "policy")


def problems(values: Values, look: Look) -> list[str]:
    """Say what no cluster could run, and what would write over somebody else's file."""
    given = {
        **{name: text(values, _PREFIX + name) for name in _TEXTS},
        **{name: whole(values, _PREFIX + name) for name in _NUMBERS},
        **{name: is_true(values, _PREFIX + name) for name in _SWITCHES},
        **{name: values[_PREFIX + name] for name in _AS_GIVEN},
    }
    return [
        *input_problems(given),
        *(_flag_problems(values) if given["mode"] == "policy" else []),
        *(rules_file_problems(values, _RULES_FILE, _RULES_GROUP, look) if given["mode"] in _WITH_RULES else []),
        *(_render_problems(values, given) if values.get(render.NAME) else []),
    ]


def _render_problems(values: Values, given: Values) -> t.Iterator[str]:
    """Say what files that are reviewed cannot hold."""
    keys, key = values.get("irsa_issuer_keys"), values.get("irsa_issuer_key")
    asks_nobody = isinstance(keys, (list, tuple)) or key == "generate"
    if given["mode"] == "policy" and asks_nobody and not text(values, render.VERSION):
        yield (
            f"{render.VERSION} is not set, and irsa_webhook_mode is policy, whose version depends on the release of "
            f"Kubernetes, which nobody is asked for. Set it, as in {render.VERSION}: 1.36.1"
        )
    if given["mode"] == "webhook" and text(values, _RULES_FILE):
        yield (
            f"{_RULES_FILE} is a file of the controller, which runs write and remove, and {render.NAME} writes what "
            f"others apply. Leave it out, as in -e {_RULES_FILE}="
        )
    if given["mode"] == "webhook" and given["prometheus_rule"] and given["tls"] != "cert-manager":
        yield (
            f"irsa_webhook_prometheus_rule is true: the rule names the end of the certificate, which with "
            f"irsa_webhook_tls: {given['tls']} is not there before the files of {render.NAME} are applied. Set "
            "irsa_webhook_tls: cert-manager, or leave the rule to a run that acts."
        )


def _flag_problems(values: Values) -> t.Iterator[str]:
    """Say which flags the roles irsa_apiserver and irsa_webhook would both set, the latter for its mode policy."""
    flags = values.get("irsa_apiserver_flags")
    by_controller = [*values.get("irsa_webhook_hosts", ())] == [CONTROLLER]
    by_hand = flags in ("show", "talosctl") or (
        by_controller and not needs_hosts(values.get("irsa_issuer_keys"), flags, renders=render.NAME in values)
    )
    if by_hand and is_true(values, "irsa_webhook_set_flags"):
        yield (
            "irsa_webhook_set_flags sets flags of the API servers on their hosts, which irsa_apiserver_flags: "
            f"{flags or 'show'} leaves alone. Leave it out, and set feature-gates and runtime-config yourself where "
            "the policy's API is not served yet."
        )
    extra_flags = values.get("irsa_apiserver_extra_flags") or {}
    contested = [flag for flag in ("feature-gates", "runtime-config") if flag in extra_flags]
    if contested and is_true(values, "irsa_webhook_set_flags"):
        yield (
            f"irsa_apiserver_extra_flags has {' and '.join(contested)}, which irsa_webhook_set_flags sets, too: each "
            "would undo the other. Add MutatingAdmissionPolicy=true to feature-gates and the API's version to "
            "runtime-config there, and unset irsa_webhook_set_flags."
        )


__all__: t.Final = ("problems",)
