# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an account still trusts an issuer. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._documents.issuer import issuer_host_path
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._iam.iam_calls import caller, iam_client, read_provider

if t.TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule


def refuse_trusted(module: AnsibleAWSModule, issuer: str) -> None:
    """Raise InputError while the account has an identity provider for the issuer, whoever made it.

    In check mode that is a warning: an earlier task of the play may be the one that would remove it.
    """
    partition, account = caller(module)
    arn = f"arn:{partition}:iam::{account}:oidc-provider/{issuer_host_path(issuer)}"
    if read_provider(iam_client(module), arn) is None:
        return
    problem = f"The account {account} still trusts the issuer: {arn} is there, and roles may take its tokens."
    if not module.check_mode:
        raise InputError(problem, fix="Remove the roles and the identity provider first, as onprem.irsa.teardown does.")
    module.warn(problem)


__all__: t.Final = ("refuse_trusted",)
