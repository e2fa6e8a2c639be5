# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The alert rules of the role irsa_rotate; `make alerts` has Prometheus evaluate them."""

from __future__ import annotations

import pytest
import yaml

from .rendered import rendered_each, require_a_path_of_the_user, require_alerts

TEMPLATE = "lookup('ansible.builtin.template', role_path ~ '/templates/alert_rules.yml.j2')"
GAUGES = [{"name": "onprem_irsa_key_made_seconds", "labels": {"kid": "a"}, "value": 12}]


def test_the_file_is_where_the_user_is() -> None:
    require_a_path_of_the_user("irsa_rotate", "irsa_rotate_alert_rules_file", "__irsa_rotate_alert_rules_path")


@pytest.mark.parametrize("cluster", ["prod", "prod: {a} é", 'a"b', ""])
def test_each_alert_says_what_to_do_and_about_which_cluster(cluster: str) -> None:
    given = {"irsa_cluster": cluster, "__irsa_rotate_plan": {"gauges": GAUGES}}
    (result,) = rendered_each("irsa_rotate", [TEMPLATE], [given])
    rules = yaml.safe_load(result[TEMPLATE])
    require_alerts(rules, "onprem-irsa-keys")
    recorded, *alerts = rules["groups"][0]["rules"]
    assert recorded == {
        "record": "onprem_irsa_key_made_seconds",
        "expr": "vector(12)",
        "labels": {"irsa_cluster": cluster, "kid": "a"},
    }
    quoted = cluster.replace('"', '\\"')
    for rule in alerts:
        assert f'{{irsa_cluster="{quoted}"}}' in rule["expr"]
        assert ("{{ $labels.kid }}" in rule["annotations"]["summary"]) == ("kid" in rule["expr"])
