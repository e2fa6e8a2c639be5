# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller has. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import os
import typing as t
from importlib import metadata

from ansible_collections.onprem.irsa.plugins.module_utils._input.libraries import REQUIRED

# amazon.aws takes these in addition to those of boto3 (its documentation fragment common.modules).
_OTHER_KEYS: t.Final = ("AWS_ACCESS_KEY", "AWS_SECRET_KEY")


def installed() -> dict[str, str]:
    """Return the versions of the required libraries that this Python has, by their names."""

    def version(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return ""

    return {name: found for name in REQUIRED if (found := version(name))}


def credentials_problem() -> str:
    """Say why boto3 would find no AWS credentials here; an empty text where it finds some.

    Nothing is called over the network but, where nothing else is configured, the metadata service of an instance.
    """
    import botocore.session  # noqa: PLC0415 -- it may be missing, which is said first
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    fix = (
        "Log in where boto3 looks: set AWS_PROFILE to a profile of ~/.aws/config (and run `aws sso login` for one of "
        "SSO), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )
    try:
        session = botocore.session.Session()
        if session.get_credentials() or all(os.environ.get(name) for name in _OTHER_KEYS):
            return ""
    except (BotoCoreError, ValueError) as error:
        return f"The AWS credentials cannot be used: {error}. {fix}"
    return f"There are no AWS credentials on the controller, and this run reads and changes things in AWS. {fix}"


__all__: t.Final = ("credentials_problem", "installed")
