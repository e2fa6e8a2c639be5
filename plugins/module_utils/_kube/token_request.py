# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TokenRequest API. PRIVATE to the collection: it may change without notice."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError, InputError

try:
    from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError
except ImportError:
    pass  # AnsibleK8SModule refuses to start without the library

SHORTEST: t.Final = 600  # seconds: ValidateTokenRequest in Kubernetes' pkg/apis/authentication/validation


class TokenRequest(t.NamedTuple):
    """What token is asked for."""

    namespace: str
    name: str
    audiences: t.Sequence[str]
    """Empty for the API server's own audiences."""
    expiration_seconds: int


def request_token(module: t.Any, request: TokenRequest) -> str:  # noqa: ANN401 -- AnsibleK8SModule has no types
    """Ask the API server of the module's authentication options for a token.

    Raises InputError for what the API never takes, and ApiError when the API server gives no token.
    """
    if request.expiration_seconds < SHORTEST:
        raise InputError(
            f"expiration_seconds is {request.expiration_seconds}; the TokenRequest API takes {SHORTEST} or more.",
            fix=f"Ask for {SHORTEST} seconds.",
        )
    try:
        spec = V1TokenRequestSpec(audiences=list(request.audiences), expiration_seconds=request.expiration_seconds)
        body = AuthenticationV1TokenRequest(spec=spec)
        api = CoreV1Api(get_api_client(module=module).client.client)
        answer = api.create_namespaced_service_account_token(request.name, request.namespace, body, _request_timeout=10)
    except ApiException as error:
        raise _refused(error, request) from error
    except (CoreException, HTTPError, OSError) as error:
        raise ApiError(
            f"The API server cannot be asked: {error}.",
            fix="Check that the controller can reach it at its own address, with a certificate for that address.",
        ) from error
    return str(answer.status.token) if answer.status else ""


def _refused(error: ApiException, request: TokenRequest) -> ApiError:
    """Say what the API server means: its messages name the object, the user and the right that is missing."""
    try:
        message = json.loads(error.body or "")["message"]
    except (ValueError, TypeError, KeyError):
        message = error.reason
    fixes = {
        401: "Give credentials that this API server takes: see the kubeconfig option.",
        403: "Give credentials that may create serviceaccounts/token.",
        404: f"Create the service account {request.namespace}/{request.name}, or name another.",
    }
    return ApiError(
        f"The API server gives no token of {request.namespace}/{request.name}: {error.status} {message}.",
        fix=fixes.get(error.status or 0, "Correct what it names, then try again."),
    )
