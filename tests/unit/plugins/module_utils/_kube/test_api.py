# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import ApiError
from ansible_collections.onprem.irsa.plugins.module_utils._kube import api as module
from ansible_collections.onprem.irsa.plugins.module_utils._kube.api import Api

from ...fake_api_server import TOKEN, FakeApi, Refused, kubeconfig, served

pytestmark = pytest.mark.usefixtures("client_of_its_own")

Json = dict[str, t.Any]


class Module:
    """A module with the authentication options that kubernetes.core reads."""

    def __init__(self, **params: object) -> None:
        """Take the options."""
        self.params = params

    server_side_dry_run = False

    def requires(self, dependency: str, *_version: str) -> None:
        assert dependency == "kubernetes"


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi().put(pod("a", app="x"), pod("b"), pod("c", "other", app="x"))


@pytest.fixture
def api(fake: FakeApi) -> t.Iterator[Api]:
    with served(fake) as url:
        yield Api(Module(kubeconfig=kubeconfig(url)))


def pod(name: str, namespace: str = "apps", **labels: str) -> Json:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"a": 1}, "status": {"phase": "Running"}}


def names(found: list[Json]) -> list[str]:
    return [item["metadata"]["name"] for item in found]


def test_one_object(api: Api) -> None:
    found = api.get("/api/v1/namespaces/apps/pods/a")
    assert found is not None
    assert (found["kind"], found["metadata"]["name"]) == ("Pod", "a")


@pytest.mark.parametrize(
    "path", ["/api/v1/namespaces/apps/pods/z", "/api/v1/namespaces/apps/pads/a", "/apis/example.com/v1/foos/a"]
)
def test_what_is_not_there_or_of_a_kind_that_is_not_served(api: Api, path: str) -> None:
    assert api.get(path) is None
    assert api.items(path.rpartition("/")[0]) == [] or "pods" in path


@pytest.mark.parametrize(
    ("path", "selectors", "found"),
    [
        ("/api/v1/pods", {}, ["a", "b", "c"]),
        ("/api/v1/namespaces/apps/pods", {}, ["a", "b"]),
        ("/api/v1/pods", {"labels": "app=x"}, ["a", "c"]),
        ("/api/v1/pods", {"labels": "app=x", "fields": "metadata.name!=a"}, ["c"]),
        ("/api/v1/namespaces/nobody/pods", {}, []),
    ],
)
def test_a_list(api: Api, path: str, selectors: dict[str, str], found: list[str]) -> None:
    assert names(api.items(path, **selectors)) == found


def test_a_long_list_is_read_page_by_page(api: Api, fake: FakeApi) -> None:
    fake.put(*(pod(f"p{number}", "many", app="y") for number in range(1001)))
    assert len(api.items("/api/v1/namespaces/many/pods", labels="app=y")) == 1001
    pages = [request.query for request in fake.asked if request.path.endswith("many/pods")]
    assert [request.get("continue") for request in pages] == [None, "500", "1000"]
    assert {request["labelSelector"] for request in pages} == {"app=y"}


def test_what_is_tried_is_not_stored(api: Api, fake: FakeApi) -> None:
    path = "/api/v1/namespaces/apps/configmaps"
    made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}}
    assert api.create(path, made, dry_run=True)["data"] == {"a": "b"}
    assert (api.get(f"{path}/m"), fake.changes()) == (None, [])
    api.create(path, made)
    assert api.get(f"{path}/m") is not None


def test_a_body_is_merged(api: Api, fake: FakeApi) -> None:
    path = "/api/v1/namespaces/apps/pods/a"
    assert api.merge(path, {"spec": {"b": 2}}, dry_run=True)["spec"] == {"a": 1, "b": 2}
    assert fake.named("Pod", "a")["spec"] == {"a": 1}
    api.merge(path, {"spec": {"b": 2}})
    assert fake.named("Pod", "a")["spec"] == {"a": 1, "b": 2}
    (change,) = fake.changes()
    assert change.query == {"fieldManager": "onprem.irsa"}


def refusing(code: int, reason: str, message: str) -> t.Callable[[Json], Json]:
    def admit(_pod: Json) -> Json:
        raise Refused(code, reason, message)

    return admit


ACCOUNT: Json = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "apps"}}


@pytest.mark.parametrize(
    ("code", "message", "fix"),
    [
        (403, 'pods is forbidden: User "reader" cannot create resource "pods"', "Use a cluster administrator's"),
        (422, "spec.containers: Required value.", "Correct what it names, then run again."),
        (400, "Bad request", "Correct what it names, then run again."),
        (500, "Internal error occurred: failed calling webhook", "Correct what it names"),
    ],
)
def test_what_an_api_server_refuses_is_said_in_its_own_words(
    api: Api, fake: FakeApi, code: int, message: str, fix: str
) -> None:
    fake.put(ACCOUNT).admit = refusing(code, "x", message)
    with pytest.raises(ApiError) as caught:
        api.create("/api/v1/namespaces/apps/pods", pod("new"))
    error = caught.value
    assert (error.status, error.said) == (code, message)
    assert (
        error.problem == f"The API server answers POST /api/v1/namespaces/apps/pods with {code}: {message.rstrip('.')}."
    )
    assert fix in error.fix


def test_a_list_that_the_user_may_not_see(api: Api, fake: FakeApi) -> None:
    fake.forbidden.add(("GET", "/api/v1/secrets"))
    with pytest.raises(ApiError, match="403: secrets is forbidden") as caught:
        api.items("/api/v1/secrets")
    assert caught.value.status == 403


def test_nobody_there() -> None:
    api = Api(Module(kubeconfig=kubeconfig("http://localhost:1")))
    with pytest.raises(ApiError, match="cannot be asked: ") as caught:
        api.get("/version")
    assert caught.value.status == 0
    assert ".." not in caught.value.problem
    assert " object at 0x" not in str(caught.value)
    assert "HTTP" not in str(caught.value)
    assert "the connection is refused" in str(caught.value)


def test_a_kubeconfig_that_is_no_file() -> None:
    with pytest.raises(ApiError, match="cannot be asked"):
        Api(Module(kubeconfig="/does/not/exist")).get("/version")


def test_another_api_server_of_the_cluster(api: Api) -> None:
    with served(FakeApi().put(pod("there"))) as url:
        other = api.at(url)
        assert (names(other.items("/api/v1/pods")), other.server) == (["there"], url)
    assert names(api.items("/api/v1/pods")) == ["a", "b", "c"]
    assert api.server.startswith("http://localhost:")


def test_another_api_server_is_asked_as_the_same_user(api: Api, fake: FakeApi) -> None:
    other = FakeApi().put(pod("there"))
    with served(other) as url:
        assert names(api.at(url).items("/api/v1/pods")) == ["there"]
    assert names(api.items("/api/v1/pods")) == ["a", "b", "c"]
    assert other.users == fake.users == {(f"Bearer {TOKEN}", "")}
    assert [request.path for request in other.asked] == ["/api/v1/pods"]  # nothing is discovered there


@pytest.mark.parametrize("changed", [{"kubeconfig": None}, {"kubeconfig": "/a/file"}])
def test_another_api_server_takes_a_kubeconfig_in_memory(fake: FakeApi, changed: Json) -> None:
    with served(fake) as url:
        api = Api(Module(host=url, api_key=TOKEN, **changed))
        assert api.server == ""
        assert len(api.items("/api/v1/pods")) == 3
        with pytest.raises(ApiError, match="http://localhost:2 cannot be asked: no kubeconfig is given that is a"):
            api.at("http://localhost:2").get("/version")


def test_an_api_server_that_never_answers_is_not_waited_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", 0.1)
    with socket.create_server(("localhost", 0)) as silent, pytest.raises(ApiError, match="cannot be asked"):
        api.at(f"http://localhost:{silent.getsockname()[1]}").get("/version")


def test_objects_of_a_list_have_version_and_kind(api: Api, fake: FakeApi) -> None:
    fake.put({**pod("d"), "kind": "Deployment", "apiVersion": "apps/v1"})
    for path in ("/api/v1/pods", "/apis/apps/v1/deployments"):
        assert {(item["apiVersion"], item["kind"]) for item in api.items(path)} == {
            ("v1", "Pod") if "pods" in path else ("apps/v1", "Deployment")
        }


@pytest.mark.parametrize("given", [None, "/a/file", {}, {"clusters": []}, {"clusters": [{}]}, "{}"])
def test_the_server_of_what_is_no_kubeconfig_is_not_known(given: object) -> None:
    assert Api(Module(kubeconfig=given)).server == ""
