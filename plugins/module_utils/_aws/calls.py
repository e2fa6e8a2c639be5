# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to AWS as data: a plan is a list of them. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.onprem.irsa.plugins.module_utils._aws.errors import AwsError, asking

_TAKES_AWAY = ("delete_", "detach_", "remove_", "untag_")


@dataclass(frozen=True)
class Call:
    """One write: the name of a boto3 client's method, and its arguments."""

    operation: str
    arguments: t.Mapping[str, t.Any]

    def make(self, client: object) -> None:
        """Make the call, or raise AwsError.

        Removing from IAM what no longer exists is not an error: somebody else was faster, or the answer to an
        earlier attempt of this call was lost.
        """
        try:
            with asking(self.operation.replace("_", " ")):
                getattr(client, self.operation)(**self.arguments)
        except AwsError as error:
            if error.code != "NoSuchEntity" or not self.operation.startswith(_TAKES_AWAY):
                raise


__all__: t.Final = ("Call",)
