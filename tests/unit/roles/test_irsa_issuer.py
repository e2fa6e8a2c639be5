# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_observation import observed
from ansible_collections.onprem.irsa.tests.unit.plugins.module_utils._api_server.test_plan import UNKNOWN

from .cluster_of_files import Cluster
from .rendered import each, rendered, require_a_path_of_the_user, tasks_of

if t.TYPE_CHECKING:
    from pathlib import Path

# Stand in the place of modules; BINDINGS is set to a file of ClusterRoleBindings. As in the API, a label selector
# chooses among what is listed.
_OBJECTS_INFO = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

def main():
    names = ("kubeconfig", "path", "name", "labels")
    module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
    asked = module.params
    assert asked["path"] == "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    found = json.loads(Path(BINDINGS).read_text())
    if asked["name"]:
        found = [item for item in found if item["metadata"]["name"] == asked["name"]]
    for key, value in (asked["labels"] or {}).items():
        found = [item for item in found if item["metadata"].get("labels", {}).get(key) == value]
    module.exit_json(changed=False, resources=found)

if __name__ == "__main__":
    main()
"""
_K8S = """
import json
from pathlib import Path
from ansible.module_utils.basic import AnsibleModule

names = ("kubeconfig", "definition", "state")
module = AnsibleModule(argument_spec={name: {"type": "raw"} for name in names}, supports_check_mode=True)
assert module.params["state"] == "absent"
there = json.loads(Path(BINDINGS).read_text())
left = [one for one in there if one["metadata"]["name"] != module.params["definition"]["metadata"]["name"]]
if not module.check_mode:
    Path(BINDINGS).write_text(json.dumps(left))
module.exit_json(changed=left != there)
"""
BINDING = "onprem-irsa-issuer-discovery"
OURS = {"app.kubernetes.io/managed-by": "onprem.irsa"}


class Bindings:
    """A cluster with these ClusterRoleBindings: labels by names."""

    def __init__(self, directory: Path, **labels: dict[str, str]) -> None:
        self.file = directory / "bindings"
        objects = [{"metadata": {"name": name.replace("_", "-"), "labels": own}} for name, own in labels.items()]
        self.file.write_text(json.dumps(objects))
        self.cluster = Cluster(directory, {"cp1": {}})
        modules = directory / "collections/ansible_collections/kubernetes/core/plugins/modules"
        bindings = f"BINDINGS = {str(self.file)!r}\n"
        (modules / "k8s.py").write_text(f"{bindings}{_K8S}")
        self.cluster.replace("objects_info", f"{bindings}{_OBJECTS_INFO}")

    def play(self, tasks_from: str, publisher: str, **play: object) -> tuple[int, str]:
        """Run an entry point of the role; return the exit code and what was printed."""
        variables = {
            "irsa_cluster": "prod",
            "irsa_region": "eu-central-1",
            "irsa_issuer_url": "https://oidc.example.com",
        }
        return self.cluster.include(
            "irsa_issuer", tasks_from, {**variables, "irsa_issuer_publisher": publisher}, **play
        )

    def names(self) -> list[str]:
        """Return the names of those that are there."""
        return [item["metadata"]["name"] for item in json.loads(self.file.read_text())]


@pytest.mark.slow
@pytest.mark.parametrize("publisher", ["s3", "files", "cloudfront"])
def test_what_the_api_servers_published_is_closed_once_another_publisher_serves_it(
    tmp_path: Path, publisher: str
) -> None:
    there = Bindings(tmp_path, onprem_irsa_issuer_discovery=OURS, another=OURS)
    code, output = there.play("close", publisher, check_mode=True)
    assert (code, "changed=1" in output, there.names()) == (0, True, [BINDING, "another"]), output
    for changed in (True, False):
        code, output = there.play("close", publisher)
        assert (code, "changed=0" in output, there.names()) == (0, not changed, ["another"]), output


@pytest.mark.slow
@pytest.mark.parametrize(("entry_point", "publisher"), [("close", "s3"), ("teardown", "apiserver")])
@pytest.mark.parametrize("labels", [{}, {"app.kubernetes.io/managed-by": "helm"}], ids=["no label", "another's"])
def test_a_binding_of_somebody_else_stays(
    tmp_path: Path, entry_point: str, publisher: str, labels: dict[str, str]
) -> None:
    there = Bindings(tmp_path, onprem_irsa_issuer_discovery=labels)
    code, output = there.play(entry_point, publisher)
    assert (code, "changed=0" in output, there.names()) == (0, True, [BINDING]), output


@pytest.mark.slow
def test_what_the_api_servers_publish_stays_until_it_is_torn_down(tmp_path: Path) -> None:
    there = Bindings(tmp_path, onprem_irsa_issuer_discovery=OURS)
    code, output = there.play("close", "apiserver")
    assert (code, there.names()) == (0, [BINDING]), output
    for changed in (True, False):
        code, output = there.play("teardown", "apiserver")
        assert (code, "changed=0" in output, there.names()) == (0, not changed, []), output


@pytest.mark.slow
def test_what_watches_the_documents_goes_with_them(tmp_path: Path) -> None:
    there = Bindings(tmp_path)
    named = {"irsa_issuer_alert_rules_file": "rules.yml", "irsa_issuer_blackbox_file": "blackbox.yml"}
    files = [tmp_path / name for name in (*named.values(), "others.yml")]
    for file, text in zip(files, ("name: onprem-irsa-issuer", "# by onprem.irsa.irsa_issuer.", "groups: []")):
        file.write_text(text)
    code, output = there.play("teardown", "apiserver", vars=named)
    assert (code, [file.exists() for file in files]) == (0, [False, False, True]), output


@pytest.mark.slow
@pytest.mark.parametrize("blackbox", ["others.yml", "monitoring", ""])
def test_what_somebody_else_wrote_stays_where_the_documents_go(tmp_path: Path, blackbox: str) -> None:
    """A directory stays with what it holds; no name at all is that of the directory of the run."""
    there = Bindings(tmp_path)
    (tmp_path / "monitoring").mkdir()
    others = [tmp_path / "others.yml", tmp_path / "monitoring/others.yml"]
    for file in others:
        file.write_text("groups: []")
    named = {"irsa_issuer_alert_rules_file": "others.yml", "irsa_issuer_blackbox_file": blackbox}
    code, output = there.play("teardown", "apiserver", vars=named)
    assert (code, [file.exists() for file in others]) == (0, [True, True]), output


@pytest.mark.slow
def test_what_to_set_on_an_unknown_distribution_is_shown_before_anything_is_published(tmp_path: Path) -> None:
    hosts = Cluster(tmp_path, {"cp1": observed(**UNKNOWN, other_distributions=["RKE2"])})
    given = {"irsa_cluster": "prod", "irsa_region": "eu-central-1", "irsa_issuer_url": "https://oidc.example.com"}
    variables = {**given, "irsa_issuer_publisher": "files", "irsa_issuer_files_directory": str(tmp_path)}
    code, output = hosts.include("irsa_issuer", "main", variables)
    assert (code, "cp1: this collection does not set the flags of its API server: RKE2" in output) == (2, True), output
    assert "Set irsa_apiserver_flags: show, irsa_issuer_keys: api" in output
    assert "service-account-jwks-uri=https://oidc.example.com/openid/v1/jwks" in output
    assert not (tmp_path / ".well-known").exists()


@pytest.mark.parametrize(
    ("keys", "published", "says"),
    [
        ("hosts", {"kept_kids": ["one", "two"]}, ", with keys that no host has: one, two"),
        ("api", {"kept_kids": ["one"]}, ", with keys that no API server serves: one"),
        (["PEM"], {"kept_kids": ["one"]}, ", with keys that irsa_issuer_keys does not have: one"),
        ("hosts", {"kept_kids": []}, ""),
        ("hosts", {}, ""),  # the API servers publish, each its own keys
    ],
)
def test_keys_that_stay_published_and_that_nobody_has_are_named(
    keys: object, published: dict[str, object], says: str
) -> None:
    variables = {
        "irsa_issuer_url": "https://oidc.example.com",
        "irsa_issuer_keys": keys,
        "__irsa_issuer_published": {"changed": False, "read_back": [{"seconds": 0.5}], **published},
    }
    name = "__irsa_issuer_publication_report"
    found = rendered("irsa_issuer", [name], variables)[name]
    assert found["done"] == f"https://oidc.example.com, read back in 0.50 s{says}"


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("irsa_issuer_ca_path", "__irsa_issuer_ca_path"),
        ("irsa_issuer_files_directory", "__irsa_issuer_files_directory"),
    ],
)
def test_files_are_where_the_user_is(option: str, name: str) -> None:
    require_a_path_of_the_user("irsa_issuer", option, name)


def test_a_web_servers_directory_is_left_as_it_is_named() -> None:
    name, options = (
        "__irsa_issuer_files_directory",
        {"irsa_issuer_files_directory": "www", "irsa_issuer_files_host": "web"},
    )
    assert rendered("irsa_issuer", [name], options) == {name: "www"}


def test_only_a_store_of_ones_own_is_called_by_the_authority_of_the_issuer() -> None:
    name, path = "__irsa_issuer_store_ca_path", {"irsa_issuer_ca_path": "/ca.pem"}
    assert rendered("irsa_issuer", [name], path) == {name: ""}
    assert rendered("irsa_issuer", [name], {**path, "irsa_issuer_endpoint_url": "https://s3.example.com"}) == {
        name: "/ca.pem"
    }
    tasks = tasks_of("irsa_issuer")
    calls = [call for module in ("s3_issuer", "cloudfront_issuer") for call in each(f"onprem.irsa.{module}", tasks)]
    bundles = [call.get("aws_ca_bundle") for call in calls]
    assert sorted(filter(None, bundles)) == [f"{{{{ {name} or omit }}}}"] * 2
    publishing = [call for call in calls if call.get("state") != "absent"]
    assert [call["ca_path"] for call in publishing] == ["{{ __irsa_issuer_ca_path or omit }}"] * 2
