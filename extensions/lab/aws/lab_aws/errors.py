# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of the APIs, as AWS answers them."""

from __future__ import annotations


class AwsError(Exception):
    """An error answer of AWS.

    Args:
        code: AWS's error code, such as ``InvalidIdentityToken``.
        message: AWS's text for it.
        status: the HTTP status (AWS: 400 unless the API's reference says otherwise).
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Keep what the answer consists of."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def access_denied(message: str = "Access Denied") -> AwsError:
    """The refusal of a request that no policy allows (403)."""
    return AwsError("AccessDenied", message, 403)
