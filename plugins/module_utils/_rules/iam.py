# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_iam keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import (
    former_issuer_problems,
    issuer_problems,
    partition,
)
from ansible_collections.onprem.irsa.plugins.module_utils._iam.provider import provider_arn
from ansible_collections.onprem.irsa.plugins.module_utils._iam.role_input import annotation_problems, read_items
from ansible_collections.onprem.irsa.plugins.module_utils._iam.roles import RoleSettings
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import missing
from ansible_collections.onprem.irsa.plugins.module_utils._rules import render
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, text

# Any account: an ARN is always this long.
_SOME_ACCOUNT: t.Final = "0" * 12


def problems(values: Values, _look: Look) -> list[str]:
    """Say why the identity provider and the roles cannot be made as asked for.

    What YAML has read as a number, a boolean or a time is told as such, so the values are taken as they are.
    """
    issuer, region = text(values, "irsa_iam_issuer_url"), text(values, "irsa_iam_region")
    around = [
        *([] if region else [missing("irsa_region")]),
        *issuer_problems(issuer, bucket=text(values, "irsa_issuer_bucket"), region=region),
    ]
    if values.get(render.NAME) and not re.fullmatch(r"[0-9]{12}", text(values, "irsa_iam_account")):
        around.append(
            f"irsa_iam_account is {text(values, 'irsa_iam_account')!r}, and {render.NAME} needs the account's id, 12 "
            'digits, because AWS is not asked. Write it in quotes, as in irsa_iam_account: "123456789012".'
        )
    of_region = "" if around else partition(region).name
    # Without a provider and its partition, what depends on them is not looked at.
    arns = () if around else (provider_arn(issuer, partition=of_region, account=_SOME_ACCOUNT),)
    settings = RoleSettings(
        values["irsa_iam_cluster"],
        of_region,
        "",
        arns,
        values["irsa_iam_audience"],
        values["irsa_iam_trust_policy_limit"],
        managed_policies_limit=values["irsa_iam_managed_policies_limit"],
    )
    items, wrong = read_items(values["irsa_iam_roles"], settings, written=True)
    annotated = values["irsa_iam_service_accounts"] != "none"
    return (
        around
        + former_issuer_problems([*map(str, values["irsa_iam_retired_issuers"])], issuer)
        + (wrong or (annotation_problems(items) if annotated else []))
    )


__all__: t.Final = ("problems",)
