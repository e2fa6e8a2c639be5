# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The API of a cluster, asked with plain paths. PRIVATE to the collection: it may change without notice.

One client for all questions of a module. Paths and kinds are those of the Kubernetes API reference, so that no
discovery of all that a cluster serves comes first.
"""

from __future__ import annotations

import copy
import json
import logging
import typing as t
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.core import AnsibleK8SModule
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.causes import (
    ANONYMOUS,
    Way,
    login_failed,
    unanswered,
    unknown_user,
)
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import (
    at_server,
    login_of,
    public_texts,
    secret_texts,
    source_of,
)

with suppress(ImportError):  # AnsibleK8SModule refuses to start without the libraries
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_kube_config_from_dict
    from kubernetes.dynamic.exceptions import DynamicApiError
    from urllib3.exceptions import HTTPError

Json = dict[str, t.Any]

_PAGE: t.Final = 500  # objects in an answer, as kubectl asks for them
_TIMEOUT: t.Final = 35.0  # seconds: an API server ends a request for a pod after 34
_CONNECT: t.Final = 3.0  # seconds
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404
_PLAIN_HTTP: t.Final = "Client sent an HTTP request to an HTTPS server"  # net/http of Go
_RIGHTS: t.Final = "The guide guide_any_cluster"


class ShownModule(AnsibleModule):
    """A module whose result may name the API server, the kubeconfig, its files and its login command.

    Ansible hides each text of a kubeconfig wherever it stands in a result. Most are no secrets, and messages say which
    of them is wrong; and words of a login command, such as the name of the cluster, stand in many results.
    """

    def __init__(self, *arguments: t.Any, **options: t.Any) -> None:  # noqa: ANN401 -- those of AnsibleModule
        """Take the options of AnsibleModule."""
        super().__init__(*arguments, **options)  # type: ignore[no-untyped-call]
        kubeconfig = self.params.get("kubeconfig")
        self.no_log_values -= public_texts(kubeconfig) - secret_texts(kubeconfig)


def _server_of(kubeconfig: object) -> str:
    """Return the URL in a kubeconfig of one context; empty where it is not given as a mapping."""
    with suppress(LookupError, TypeError):
        return str(t.cast("Json", kubeconfig)["clusters"][0]["cluster"]["server"])
    return ""


def k8s_module(arguments: t.Mapping[str, t.Any], module_class: type[AnsibleModule] = ShownModule) -> t.Any:  # noqa: ANN401 -- AnsibleK8SModule has no types
    """Return a module with these ARGUMENTS, as an argument spec, and kubernetes.core's for authentication.

    It can run in check mode. Ends with kubernetes.core's own words where the libraries are missing.
    """
    return AnsibleK8SModule(
        module_class=module_class,
        argument_spec={**copy.deepcopy(AUTH_ARG_SPEC), **arguments},
        supports_check_mode=True,
    )


class Api:
    """Asks one API server with the authentication options of a module of the collection."""

    def __init__(self, module: t.Any, server: str = "") -> None:  # noqa: ANN401 -- AnsibleK8SModule has no types
        """Take the module's own API server, or another SERVER of the same cluster; nothing is asked yet."""
        self._module, self._server = module, server
        self._client: t.Any = None

    @property
    def server(self) -> str:
        """The URL of the API server; empty where a kubeconfig that is not given as a mapping names it."""
        return self._server or _server_of(self._module.params.get("kubeconfig"))

    def at(self, server: str) -> Api:
        """Return what asks another API server of the same cluster; the kubeconfig must be given as a mapping."""
        return Api(self._module, server)

    def get(self, path: str, *, accept: str = "") -> Json | None:
        """Return the object at a path, None where there is none or the cluster does not serve its kind.

        ACCEPT has the media types to take where that is not JSON alone.
        """
        try:
            return self._ask("GET", path, headers={"Accept": accept} if accept else None)
        except ApiError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a list, page by page; none where the cluster does not serve their kind.

        LABELS and FIELDS are selectors as the API reference has them. Each object gets the version and the kind that
        the API leaves out in lists.
        """
        return list(self.each(path, labels=labels, fields=fields))

    def each(self, path: str, *, labels: str = "", fields: str = "") -> t.Iterator[Json]:
        """Yield what C(items) returns, and hold no more than a page of it."""
        query = [("limit", str(_PAGE)), ("labelSelector", labels), ("fieldSelector", fields)]
        following = ""
        while True:
            try:
                answer = self._ask("GET", path, query=[*query, ("continue", following)])
            except ApiError as error:
                if error.status == _NOT_FOUND:
                    return
                raise
            named = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
            yield from ({**named, **item} for item in answer.get("items") or [])
            following = (answer.get("metadata") or {}).get("continue") or ""
            if not following:
                return

    def some(self, path: str, number: int, *, labels: str = "") -> list[Json]:
        """Return the first objects of a list, so many at most, without version and kind."""
        answer = self._ask("GET", path, query=[("limit", str(number)), ("labelSelector", labels)])
        found: list[Json] = answer.get("items") or []
        return found[:number]

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object, or have the API server try it with all that admission does, and store nothing."""
        return self._ask("POST", path, body=body, query=[("dryRun", "All" if dry_run else "")])

    def merge(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Merge a body into an object (RFC 7386)."""
        query = [("dryRun", "All" if dry_run else ""), ("fieldManager", "onprem.irsa")]
        return self._ask("PATCH", path, body=body, query=query, content_type="application/merge-patch+json")

    def delete(self, path: str) -> None:
        """Delete an object at once, without the time that a pod has to end; what is not there is no error."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        try:
            self._ask("DELETE", path, body=options)
        except ApiError as error:
            if error.status != _NOT_FOUND:
                raise

    def text(self, path: str) -> str:
        """Return what is at a path as text, such as a log."""
        return self._answer("GET", path).decode(errors="replace")

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: t.Iterable[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> Json:
        answer = self._answer(method, path, body=body, query=query, headers=headers, **more)
        try:
            content: Json = json.loads(answer)
        except ValueError as error:
            raise unanswered(error, self._way()) from error
        return content

    def _answer(
        self,
        method: str,
        path: str,
        *,
        body: Json | None = None,
        query: t.Iterable[tuple[str, str]] = (),
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> bytes:
        with _logged() as said:
            try:
                asked = [(name, value) for name, value in query if value]
                given = {"header_params": headers, **more} if headers else more
                client = self._connected()
                if self._is_without_login():
                    raise login_failed(self._way(said))
                answer = client.request(
                    method,
                    path,
                    body,
                    query_params=asked,
                    serialize=False,
                    _request_timeout=(_CONNECT, _TIMEOUT),
                    **given,
                )
                return bytes(answer.data)
            except (DynamicApiError, ConfigException, CoreException, HTTPError, OSError, ValueError) as error:
                if self._is_without_login():
                    raise login_failed(self._way(said)) from error
                if isinstance(error, DynamicApiError):
                    raise _refused(error, f"{method} {path}", self._way(said)) from error
                raise unanswered(error, self._way(said)) from error

    def _is_without_login(self) -> bool:
        """Tell whether the command that gives the credentials of the kubeconfig has given none.

        The library asks without credentials then.
        """
        way = self._way()
        return bool(way.login and not way.token and not way.certificate)

    def _way(self, said: t.Iterable[str] = ()) -> Way:
        """Return how the API server is asked; what was SAID belongs to it."""
        kubeconfig = self._module.params.get("kubeconfig")
        way = Way(
            server=self.server,
            kubeconfig=source_of(kubeconfig) or "the kubeconfig",
            login=login_of(kubeconfig),
            authority=_names_authority(kubeconfig),
        )
        used = self._client.configuration if self._client else _configuration(kubeconfig)
        tokens = (used.api_key or {}).values()
        return replace(
            way,
            server=way.server or str(used.host),
            proxy=str(used.proxy or ""),
            token=next((str(token).removeprefix("Bearer ").strip() for token in tokens if token), ""),
            certificate=str(used.cert_file or ""),
            said=tuple(said),
        )

    def _connected(self) -> t.Any:  # noqa: ANN401 -- kubernetes.core's client has no types
        if self._client is None:
            try:
                own = get_api_client(module=self._module).client  # which asks the server what it serves
            except (AttributeError, KeyError, TypeError) as error:
                raise unanswered(error, self._way()) from error
            self._client = self._elsewhere(own) if self._server else own
        return self._client

    def _elsewhere(self, own: t.Any) -> t.Any:  # noqa: ANN401 -- as above
        """Return a client for the other server.

        One made as its OWN first discovers what the server serves, and waits for that without an end.
        """
        kubeconfig = self._module.params.get("kubeconfig")
        if not isinstance(kubeconfig, dict):
            raise ApiError(
                f"The API server {self._server} cannot be asked: no kubeconfig is given that is a mapping.",
                fix="Give kubeconfig as a mapping, not as a path or by the environment.",
            )
        configuration = Configuration()
        there = at_server(kubeconfig, self._server)
        load_kube_config_from_dict(there, client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = 0
        client = copy.copy(own)
        client.client, client.configuration = ApiClient(configuration), configuration
        return client


@contextmanager
def _logged() -> t.Iterator[list[str]]:
    """Keep what libraries log in the body.

    The Kubernetes client logs why a login command has given nothing, and asks without credentials; urllib3 logs each
    attempt. As the only handler is ours, nothing of it is printed beside the result.
    """
    said: list[str] = []

    class _Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "root":  # as whom the Kubernetes client logs
                said.append(record.getMessage())

    kept = _Kept(logging.WARNING)
    logging.getLogger().addHandler(kept)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(kept)


def _configuration(kubeconfig: object) -> t.Any:  # noqa: ANN401 -- of the Kubernetes client
    """Return what a kubeconfig says, for a message; as much as could be read of it."""
    configuration = Configuration()
    if isinstance(kubeconfig, dict):
        with suppress(ConfigException, OSError, ValueError):
            load_kube_config_from_dict(kubeconfig, client_configuration=configuration)  # type: ignore[no-untyped-call]
    return configuration


def _names_authority(kubeconfig: object) -> bool:
    with suppress(LookupError, TypeError):
        return "certificate-authority" in " ".join(t.cast("Json", kubeconfig)["clusters"][0]["cluster"])
    return False


def _refused(error: DynamicApiError, asked: str, way: Way) -> ApiError:
    """Say what the API server means: its messages name the object, the user and the right that is missing."""
    status = int(error.status or 0)
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else str(error.body or "")
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        message = str(error.reason)
    if status == _UNAUTHORIZED or (status == _FORBIDDEN and ANONYMOUS in message):
        return unknown_user(way, asked, status, datetime.now(timezone.utc))
    if _PLAIN_HTTP in body:
        return ApiError(
            f"{way.named} is asked over http, and speaks https: {body.strip()}",
            fix=f"Write https:// for http:// in the server of {way.kubeconfig}.",
            status=status,
        )
    fixes = {
        _FORBIDDEN: f"Use a cluster administrator's kubeconfig, or grant its user that. {_RIGHTS} lists all rights."
    }
    return ApiError(
        f"The API server answers {asked} with {status}: {message.rstrip('.')}.",
        fix=fixes.get(status, "Correct what it names, then run again."),
        status=status,
        said=message,
    )


__all__: t.Final = ("Api", "ShownModule", "k8s_module")
