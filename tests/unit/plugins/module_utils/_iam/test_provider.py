# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn


def test_the_arn_is_known_before_the_provider_is_there() -> None:
    arn = provider_arn("https://oidc.example.com/prod", partition="aws-cn", account="123456789012")
    assert arn == "arn:aws-cn:iam::123456789012:oidc-provider/oidc.example.com/prod"
