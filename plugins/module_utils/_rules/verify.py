# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the variables of irsa_verify keep. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import issuer_problems
from ansible_collections.onprem.irsa.plugins.module_utils._injection.image_reference import reference_problem
from ansible_collections.onprem.irsa.plugins.module_utils._input.role_input import missing
from ansible_collections.onprem.irsa.plugins.module_utils._rules.keys import key_problems
from ansible_collections.onprem.irsa.plugins.module_utils._rules.values import Look, Values, missing_file, text
from ansible_collections.onprem.irsa.plugins.module_utils._service_accounts import service_account_problem

# IAM user guide, "IAM ARNs".
_ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::[0-9]{12}:role/\S+")


def problems(values: Values, look: Look) -> list[str]:
    """Say what is wrong with what should be proved; an empty service account, ARN or image is none."""
    region = text(values, "irsa_verify_region")
    issuer, bucket = text(values, "irsa_verify_issuer_url"), text(values, "irsa_issuer_bucket")
    return [
        *key_problems(values),
        *_subject_problems(values),
        *([] if region else [missing("irsa_region", "It is the region whose STS is asked.")]),
        *issuer_problems(issuer, bucket=bucket, region=region),
        *missing_file(values, "irsa_verify_ca_path", look),
    ]


def _subject_problems(values: Values) -> t.Iterator[str]:
    """Say what is wrong with whose identity is proved, and by which image."""
    service_account = text(values, "irsa_verify_service_account")
    wrong = service_account_problem(service_account) if service_account else None
    if wrong:
        yield f"irsa_verify_service_account is '{service_account}': {wrong}"
    role_arn = text(values, "irsa_verify_role_arn")
    if role_arn and _ROLE_ARN.fullmatch(role_arn) is None:
        yield (
            f"irsa_verify_role_arn is '{role_arn}'. It must be the ARN of a role. Write it as in "
            "arn:aws:iam::123456789012:role/prod-reports, or leave it out."
        )
    image = text(values, "irsa_verify_image")
    of_image = reference_problem(image, pinned=False) if image else ""
    if of_image:
        yield (
            f"irsa_verify_image is '{image}', {of_image}. Name one, as in registry.example.com/aws-cli:2.31.0, or "
            "leave it out."
        )


__all__: t.Final = ("problems",)
