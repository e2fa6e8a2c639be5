# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TokenRequest API. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError, InputError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.causes import UnknownUserError

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api

SHORTEST: t.Final = 600  # seconds: ValidateTokenRequest in Kubernetes' pkg/apis/authentication/validation


class TokenRequest(t.NamedTuple):
    """What token is asked for."""

    namespace: str
    name: str
    audiences: t.Sequence[str]
    """Empty for the API server's own audiences."""
    expiration_seconds: int


def request_token(api: Api, request: TokenRequest) -> str:
    """Ask an API server for a token.

    Raises InputError for what the API never takes, and ApiError when the API server gives no token.
    """
    if request.expiration_seconds < SHORTEST:
        raise InputError(
            f"expiration_seconds is {request.expiration_seconds}; the TokenRequest API takes {SHORTEST} or more.",
            fix=f"Ask for {SHORTEST} seconds.",
        )
    path = f"/api/v1/namespaces/{request.namespace}/serviceaccounts/{request.name}/token"
    spec = {"audiences": list(request.audiences), "expirationSeconds": request.expiration_seconds}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    try:
        answer = api.create(path, body)
    except ApiError as error:
        if not error.status or isinstance(error, UnknownUserError):
            raise
        raise _refused(error, request) from error
    return str((answer.get("status") or {}).get("token") or "")


def _refused(error: ApiError, request: TokenRequest) -> ApiError:
    """Say what the API server means: its messages name the object, the user and the right that is missing."""
    fixes = {
        403: "Give credentials that may create serviceaccounts/token.",
        404: f"Create the service account {request.namespace}/{request.name}, or name another.",
    }
    said = error.said.rstrip(".")
    return ApiError(
        f"The API server gives no token of {request.namespace}/{request.name}: {error.status} {said}.",
        fix=fixes.get(error.status, "Correct what it names, then try again."),
        status=error.status,
        said=error.said,
    )


__all__: t.Final = ("SHORTEST", "TokenRequest", "request_token")
