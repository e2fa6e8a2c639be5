# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that both the role's templates and the rules know."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._injection import names, pod, reach

from ....roles.rendered import ROLES

ROLE = ROLES / "irsa_webhook"
VARIABLES = yaml.safe_load((ROLE / "vars/main.yml").read_text())


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("name", names.NAME),
        ("cluster_name", names.CLUSTER_NAME),
        ("ca_secret", names.AUTHORITY),
        ("tls_secret", names.CERTIFICATE),
        ("issued_ca_secret", names.ISSUED_AUTHORITY),
        ("issued_tls_secret", names.ISSUED_CERTIFICATE),
        ("pull_secret", names.PULL_CREDENTIALS),
        ("probe_name", names.PROBE),
        ("probe_role", names.PROBE_ROLE),
        ("probe_configuration_name", names.PROBE_CONFIGURATION),
        ("policy_name", names.POLICY),
        ("system_policy_name", names.SYSTEM_POLICY),
        ("policy_parameters_name", names.POLICY_PARAMETERS),
        ("hook", reach.HOOK),
        ("volume", pod.VOLUME),
    ],
)
def test_the_role_calls_it_the_same(variable: str, name: str) -> None:
    assert VARIABLES[f"__irsa_webhook_{variable}"] == name


def test_the_role_gives_its_objects_the_labels_by_which_they_are_found() -> None:
    labels = {**VARIABLES["__irsa_webhook_labels"], "app.kubernetes.io/name": names.NAME}
    assert VARIABLES["__irsa_webhook_labels"]["app.kubernetes.io/name"] == "{{ __irsa_webhook_name }}"
    assert labels == names.LABELS
    assert dict(label.split("=") for label in names.SELECTOR.split(",")) == names.LABELS


def test_the_probe_s_webhook_knows_its_pods_by_their_label() -> None:
    assert f'{names.PROBE_LABEL}: "true"' in (ROLE / "templates/probe_webhook.yml.j2").read_text()
