# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.filter.unknown_variables import FilterModule

unknown_variables = FilterModule().filters()["unknown_variables"]


def test_options_of_all_roles_are_known() -> None:
    names = [
        "irsa_iam_roles",
        "irsa_apiserver_retired_issuers",
        "irsa_kubeconfig_path",
        "irsa_verify_image",
        "irsa_region",
    ]
    assert unknown_variables(names) == []


@pytest.mark.parametrize("role", ["apiserver", "iam", "issuer", "kubeconfig", "verify", "webhook"])
def test_names_of_every_role_are_checked(role: str) -> None:
    (line,) = unknown_variables([f"irsa_{role}_no_such_thing_at_all"])
    assert f"onprem.irsa.irsa_{role}`" in line
