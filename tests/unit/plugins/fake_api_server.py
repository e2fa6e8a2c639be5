# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server of Kubernetes on this machine that keeps objects in memory: what modules ask of one, and no more.

Sources: Kubernetes API reference and "API Concepts"; the words of refusals are those of k8s.io/apimachinery,
pkg/api/errors.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import typing as t
import uuid
from base64 import b64decode
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._kube.kubeconfig import current_context

from .relying_party_servers import serving
from .some_injection import APIS

if t.TYPE_CHECKING:
    import ssl

Json = dict[str, t.Any]

TOKEN: t.Final = "of a reader"  # noqa: S105 -- of a server on loopback that lives for a test
_PATCHES: t.Final = ("application/merge-patch+json", "application/apply-patch+yaml")
_OF_CLUSTER: t.Final = (
    "ClusterRole",
    "ClusterRoleBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PriorityClass",
)
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


class Refused(Exception):  # noqa: N818 -- what a hook for admission raises
    """A Status of an API server."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        """Take what a Status has."""
        super().__init__(message)
        self.code = code
        self.body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


class Asked(t.NamedTuple):
    """A request."""

    method: str
    path: str
    query: dict[str, str]
    body: Json | None


@dataclass
class FakeApi:
    """What an API server stores and how it answers; hooks stand for what else a cluster has."""

    apis: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=lambda: APIS)
    """The plural names of the kinds that it serves, by version and kind."""
    version: str = "v1.34.4"
    objects: dict[str, Json] = field(default_factory=dict)
    """By their paths."""
    rules: Json = field(default_factory=lambda: {"resourceRules": [], "nonResourceRules": [], "incomplete": True})
    """The status of a SelfSubjectRulesReview."""
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    """Methods and paths, also of lists, that the user may not use."""
    admit: t.Callable[[Json], Json] = copy.deepcopy
    """What becomes of a pod that is created; it may raise Refused."""
    control: t.Callable[[Json], None] = lambda _changed: None
    """What a controller does about an object that was changed."""
    asked: list[Asked] = field(default_factory=list)
    users: set[tuple[str, str]] = field(default_factory=set)
    """The Authorization and Impersonate-User of requests over HTTP."""

    def put(self, *manifests: Json) -> FakeApi:
        """Store objects, each with what an API server adds."""
        for given in manifests:
            made = copy.deepcopy(given)
            added = {
                "uid": str(uuid.uuid4()),
                "resourceVersion": str(len(self.objects) + 1),
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"manager": "kubectl", "operation": "Apply"}],
            }
            made["metadata"] = {**added, **made["metadata"]}
            self.objects[self.path_of(made)] = made
        return self

    def path_of(self, manifest: Json) -> str:
        """Return where an object is; it fails where its kind is not served."""
        version, metadata = manifest["apiVersion"], manifest["metadata"]
        space = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
        return f"{_root(version)}{space}/{self.apis[version][manifest['kind']]}/{metadata['name']}"

    def named(self, kind: str, name: str) -> Json:
        """Return a stored object."""
        (found,) = (
            stored for stored in self.objects.values() if (stored["kind"], stored["metadata"]["name"]) == (kind, name)
        )
        return found

    def changes(self) -> list[Asked]:
        """Return the requests that have stored something."""
        return [
            request
            for request in self.asked
            if request.method != "GET" and request.path != _REVIEW and request.query.get("dryRun") != "All"
        ]

    def hidden(self) -> list[str]:
        """Return what no result of a module may have: all that is in Secrets but certificates, and the user's token."""
        values = [
            value
            for stored in self.objects.values()
            if stored["kind"] == "Secret"
            for key, value in stored["data"].items()
            if key not in ("tls.crt", "ca.crt") and value
        ]
        plain = [line for value in values for line in b64decode(value).decode().splitlines() if len(line) > 30]
        return [TOKEN, *values, *plain]

    def answer(self, asked: Asked) -> tuple[int, Json]:
        """Return status and body for a request."""
        self.asked.append(asked)
        try:
            return self._answer(asked)
        except Refused as refused:
            return refused.code, refused.body

    def _answer(self, asked: Asked) -> tuple[int, Json]:
        if (asked.method, asked.path) in self.forbidden:
            verb = {"GET": "list", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[asked.method]
            name = asked.path.rpartition("/")[2]
            raise Refused(403, "Forbidden", f'{name} is forbidden: User "reader" cannot {verb} resource "{name}"')
        discovered = self._discovered().get(asked.path)
        if asked.method == "GET" and discovered is not None:
            return 200, discovered
        if asked.path == _REVIEW:
            return 201, {**(asked.body or {}), "status": self.rules}
        if self._listed(asked.path):
            return (200, self._list(asked)) if asked.method == "GET" else (201, self._created(asked))
        if self._listed(asked.path.rpartition("/")[0]):
            return self._one(asked)
        raise Refused(404, "NotFound", "the server could not find the requested resource")

    def knows(self, path: str) -> bool:
        """Tell whether a path is of an API that is served: others are answered with a text."""
        return any(path.startswith(f"{_root(version)}/") for version in self.apis) or path in self._discovered()

    def _listed(self, path: str) -> tuple[str, str, str] | None:
        """Return version, kind and namespace of the objects that are listed at a path; None for no list."""
        for version, kinds in self.apis.items():
            match = re.fullmatch(rf"{re.escape(_root(version))}(?:/namespaces/([^/]+))?/([^/]+)", path)
            for kind, plural in kinds.items():
                if match and match[2] == plural:
                    return version, kind, match[1] or ""
        return None

    def _discovered(self) -> dict[str, Json]:
        groups: dict[str, list[Json]] = {}
        found: dict[str, Json] = {
            "/version": {"gitVersion": self.version},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
        }
        for version, kinds in self.apis.items():
            group, _slash, name = version.rpartition("/")
            if group:
                groups.setdefault(group, []).append({"groupVersion": version, "version": name})
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            resources = [
                {
                    "name": plural,
                    "singularName": "",
                    "kind": kind,
                    "namespaced": kind not in _OF_CLUSTER,
                    "verbs": verbs,
                }
                for kind, plural in kinds.items()
            ]
            resources += [{**resource, "name": f"{resource['name']}/status"} for resource in resources]
            found[_root(version)] = {"kind": "APIResourceList", "groupVersion": version, "resources": resources}
        listed = [{"name": name, "versions": there, "preferredVersion": there[0]} for name, there in groups.items()]
        return {**found, "/apis": {"kind": "APIGroupList", "groups": listed}}

    def _list(self, asked: Asked) -> Json:
        version, kind, space = self._listed(asked.path) or ("", "", "")
        chosen = [
            {key: value for key, value in stored.items() if key not in ("apiVersion", "kind")}
            for _path, stored in sorted(self.objects.items())
            if (stored["apiVersion"], stored["kind"]) == (version, kind)
            and space in ("", stored["metadata"].get("namespace"))
            and _selected(stored, asked.query)
        ]
        start = int(asked.query.get("continue", "0"))
        end = start + int(asked.query.get("limit", len(chosen) + 1))
        metadata: Json = {"resourceVersion": "1"}
        if end < len(chosen):
            metadata |= {"continue": str(end), "remainingItemCount": len(chosen) - end}
        items = copy.deepcopy(chosen[start:end])
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": metadata, "items": items}

    def _created(self, asked: Asked) -> Json:
        version, kind, space = self._listed(asked.path) or ("", "", "")
        made = {**copy.deepcopy(asked.body or {}), "apiVersion": version, "kind": kind}
        if space:
            made["metadata"]["namespace"] = space
        if self.path_of(made) in self.objects:
            raise Refused(409, "AlreadyExists", f'{asked.path.rpartition("/")[2]} "{made["metadata"]["name"]}" exists')
        if kind == "Pod":
            account = made["spec"].get("serviceAccountName", "default")
            if f"/api/v1/namespaces/{space}/serviceaccounts/{account}" not in self.objects:
                said = f"error looking up service account {space}/{account}: serviceaccount {account!r} not found"
                raise Refused(403, "Forbidden", f'pods "{made["metadata"]["name"]}" is forbidden: {said}')
            made = self.admit(made)
        if asked.query.get("dryRun") != "All":
            self.put(made)
        return made

    def _one(self, asked: Asked) -> tuple[int, Json]:
        one = self.objects.get(asked.path)
        if one is None and not (asked.method == "PATCH" and "force" in asked.query):
            where, _slash, name = asked.path.rpartition("/")
            raise Refused(404, "NotFound", f'{where.rpartition("/")[2]} "{name}" not found')
        if asked.method == "PATCH":
            return 200, self._patched(one, asked)
        if asked.method == "DELETE" and asked.query.get("dryRun") != "All":
            self._delete(asked.path)
        return 200, copy.deepcopy(one or {})

    def _patched(self, one: Json | None, asked: Asked) -> Json:
        """Merge a body; a server-side apply, which has C(force), makes what is not there."""
        body = asked.body or {}
        if one is None:
            if asked.query.get("dryRun") == "All":
                return {**body, "metadata": {"uid": "", **body["metadata"]}}
            self.put(body)
            one = self.objects[asked.path]
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version not in (None, one["metadata"]["resourceVersion"]):
            said = "the object has been modified; please apply your changes to the latest version and try again"
            raise Refused(409, "Conflict", f'Operation cannot be fulfilled on "{one["metadata"]["name"]}": {said}')
        merged = _merged(one, body)
        merged["metadata"]["generation"] += merged.get("spec") != one.get("spec")
        if asked.query.get("dryRun") != "All":
            self.objects[asked.path] = merged
            self.control(merged)
        return copy.deepcopy(merged)

    def _delete(self, path: str) -> None:
        """Remove an object, and with a namespace all that is in it."""
        gone = self.objects.pop(path)
        if gone["kind"] == "Namespace":
            inside = [
                path
                for path, stored in self.objects.items()
                if stored["metadata"].get("namespace") == gone["metadata"]["name"]
            ]
            for each in inside:
                del self.objects[each]

    # As a Reader of module_utils/_injection, without HTTP.

    def get(self, path: str) -> Json | None:
        """Return an object or what is discovered, None for none."""
        status, body = self.answer(Asked("GET", path, {}, None))
        return None if status == 404 else _content(status, body)

    def items(self, path: str, *, labels: str = "", fields: str = "") -> list[Json]:
        """Return the objects of a list, with version and kind."""
        query = {name: value for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        status, body = self.answer(Asked("GET", path, query, None))
        if status == 404:
            return []
        named = {"apiVersion": body.get("apiVersion"), "kind": str(body.get("kind")).removesuffix("List")}
        return [{**named, **item} for item in _content(status, body)["items"]]

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object."""
        return _content(*self.answer(Asked("POST", path, {"dryRun": "All"} if dry_run else {}, body)))


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def _content(status: int, body: Json) -> Json:
    if status >= 400:
        raise ApiError(
            f"The API server answers {status}: {body['message']}.", fix="", status=status, said=body["message"]
        )
    return body


def _selected(stored: Json, query: t.Mapping[str, str]) -> bool:
    labels = stored["metadata"].get("labels") or {}
    wanted = [each.partition("=") for each in query.get("labelSelector", "").split(",") if each]
    fields = [re.split("(!?=)", each, maxsplit=1) for each in query.get("fieldSelector", "").split(",") if each]
    return all(labels.get(name) == value if sign else name in labels for name, sign, value in wanted) and all(
        (str(_field(stored, name)) == value) is (operator == "=") for name, operator, value in fields
    )


def _field(stored: Json, name: str) -> object:
    found: t.Any = stored
    for each in name.split("."):
        found = (found or {}).get(each)
    return found


def _merged(target: t.Any, patch: t.Any) -> t.Any:  # noqa: ANN401 -- JSON
    """Merge as RFC 7386 has it."""
    if not isinstance(patch, dict):
        return patch
    found = copy.deepcopy(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = _merged(found.get(name), value)
    return found


@contextmanager
def served(api: FakeApi, context: ssl.SSLContext | None = None) -> t.Iterator[str]:
    """Serve over HTTP, or with a context over HTTPS, in a thread; yield the URL."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            user = (str(self.headers["Authorization"]), self.headers.get("Impersonate-User", ""))
            with lock:
                api.users.add(user)
                status, content = api.answer(Asked(self.command, url.path, dict(parse_qsl(url.query)), body))
            if self.command == "PATCH" and self.headers["Content-Type"] not in _PATCHES:
                status, content = 415, Refused(415, "UnsupportedMediaType", "no patch that is known").body
            known = status != 404 or api.knows(url.path)
            text = json.dumps(content).encode() if known else b"404 page not found\n"
            self.send_response(status)
            self.send_header("Content-Type", "application/json" if known else "text/plain")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.reply()

        def do_POST(self) -> None:
            self.reply()

        def do_DELETE(self) -> None:
            self.reply()

        def do_PATCH(self) -> None:
            self.reply()

        def log_message(self, *_args: object) -> None:
            pass

    with serving(Handler, context) as address:
        yield f"http{'s' if context else ''}://{address}"


def kubeconfig(url: str, authority: str = "") -> Json:
    """Return a kubeconfig as the roles give it to modules, which hide each text of it in their results."""
    cluster = {"server": url, **({"certificate-authority": authority} if authority else {})}
    given = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": cluster}],
        "users": [{"name": "x", "user": {"token": TOKEN}}],
    }
    return current_context(given)
