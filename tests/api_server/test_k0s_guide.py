# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide for k0s, by what irsa_apiserver_flags: show prints for its files: make api-server.

There is no k0s here. The printed text is followed to the letter on the files of two controllers, the collection's model
of k0s says which flags kube-apiserver gets of them, and two real API servers run with exactly these.
"""

from __future__ import annotations

import json
import re
import typing as t

import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.k0s import (
    DATA,
    DEFAULT_ISSUER,
    FILE,
    K0S,
    UNIT,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Seen,
    Setting,
    UnitFile,
)
from ansible_collections.onprem.irsa.plugins.module_utils._flags.arguments import occurrences
from ansible_collections.onprem.irsa.tests.unit.extensions.lab.aws.conftest import Lab, lab, server

from .some_servers import Servers, servers
from .test_any_cluster import NEW, POLICY, ROOT, Runs

if t.TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lab", "server"]  # fixtures

Json = dict[str, t.Any]
OTHER: t.Final = "https://acme-second-oidc.s3.eu-central-1.amazonaws.com"
AS_MADE: t.Final = """\
# k0s config create
apiVersion: k0s.k0sproject.io/v1beta1
kind: ClusterConfig
metadata:
  name: k0s
spec:
  api:
    address: 192.0.2.11
    port: 6443
    sans:
    - 192.0.2.11
  storage:
    type: etcd
"""
OF_THE_GUIDE: t.Final = AS_MADE.replace(
    "  storage:",
    f"""\
    extraArgs:
      service-account-issuer: {NEW}
      service-account-key-file: {DATA}/pki/sa.pub
      service-account-signing-key-file: {DATA}/pki/sa.key
      api-audiences: kubernetes.svc.default
  storage:""",
)
"""With the four flags of the guide's table."""
VARIABLES: t.Final[Json] = {
    "irsa_apiserver_distribution": "k0s",
    "irsa_audience": "cluster.identifier.kubernetes.domain",
}


class Controllers:
    """Controllers of k0s: a configuration each, and the API server that it starts."""

    def __init__(self, cluster: Servers, text: str) -> None:
        """Give every controller this configuration, and start its API server."""
        self.cluster = cluster
        self.texts = [text for _port in cluster.ports]
        for one in range(len(self.texts)):
            self.restart(one)

    def settings(self, one: int) -> list[Setting]:
        """Return the flags that k0s starts an API server with, by the collection's model of it."""
        unit = UnitFile(f"/etc/systemd/system/{UNIT}", "[Service]\nExecStart=/usr/local/bin/k0s controller\n")
        return K0S.settings(Seen(files={FILE: self.texts[one]}, units={UNIT: (unit,)}, version="v1.34.4+k0s.0"))

    def restart(self, one: int) -> None:
        """Start an API server as k0s does: its map is in another order each time, its list behind it."""
        extra = [each for each in self.settings(one) if each.flag != ISSUER]
        issuers = [each for each in self.settings(one) if each.flag == ISSUER]
        shuffled = [*reversed(extra), *issuers] if one else [*issuers, *extra]
        keys = {f"{DATA}/pki/sa.pub": "sa.key", f"{DATA}/pki/sa.key": "sa.key"}  # which has the public one, too
        flags = [(each.flag, keys.get(each.value, each.value)) for each in shuffled]
        self.cluster.restart_with(one, [f"--{name}={value}" for name, value in flags])

    def follow(self, text: str) -> None:
        """Do on each controller, one after another, what the text says."""
        assert "systemctl restart k0scontroller" in text
        for one, before in enumerate(self.texts):
            self.texts[one] = followed(text, before)
            self.restart(one)

    def token(self, one: int) -> str:
        """Return a token that an API server signs."""
        path = "/api/v1/namespaces/default/serviceaccounts/default/token"
        given = self.cluster.ask(one, "POST", path, {"spec": {"expirationSeconds": 3600}})
        return str(given["status"]["token"])

    def accept(self, token: str) -> list[bool]:
        """Return which API servers take a token."""
        path, body = "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}}
        found = [self.cluster.ask(one, "POST", path, body) for one in range(len(self.texts))]
        return [bool(each["status"].get("authenticated")) for each in found]

    def documents(self) -> list[tuple[str, str, list[str]]]:
        """Return the issuer of each API server, where its key set is, and the ids of its keys."""
        found = []
        for one in range(len(self.texts)):
            discovery = self.cluster.ask(one, "GET", "/.well-known/openid-configuration")
            keys = self.cluster.ask(one, "GET", "/openid/v1/jwks")["keys"]
            found.append((str(discovery["issuer"]), str(discovery["jwks_uri"]), [str(key["kid"]) for key in keys]))
        return found


def printed(output: str) -> str:
    """Return the text that a run shows to its user."""
    task = output[output.index("Show what to set on the API servers") :]
    return task.partition("\n\n")[2].partition("\nok: [")[0]


def part(text: str, begin: str) -> str:
    """Return what a text says of a pass."""
    assert text.count(begin) == 1, text
    return text[text.index(begin) :].partition("Second pass" if begin == "First pass" else "The second pass is")[0]


def followed(text: str, before: str) -> str:
    """Return the configuration after what the text of a pass says is done to it."""
    block = re.search(rf"write this into {re.escape(FILE)}.*?\n\n((?:    [^\n]*\n)*)", text, re.DOTALL)
    assert block, text
    given = (yaml.safe_load(block[1]) or {}).get("spec", {}).get("api", {})
    removed = re.search(r"Remove ([a-z, -]+) from extraArgs and rawArgs\.", text)
    extra, raw = given.get("extraArgs", {}), given.get("rawArgs", [])
    names = {*extra, *(flag.name for flag in occurrences(raw)), *(re.split(", | and ", removed[1]) if removed else [])}
    document = yaml.safe_load(before)
    api = document["spec"]["api"]
    others = [item for item in api.get("rawArgs", []) if occurrences([item])[0].name not in names]
    api["extraArgs"] = {
        **{name: api["extraArgs"][name] for name in api.get("extraArgs", {}) if name not in names},
        **extra,
    }
    api["rawArgs"] = [*others, *raw]
    return str(yaml.safe_dump(document, sort_keys=False))


def test_the_guide_s_step_by_what_is_shown(tmp_path: Path, lab: Lab) -> None:
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        controllers = Controllers(cluster, AS_MADE)
        runs = Runs(tmp_path, lab, cluster)
        old = controllers.token(0)
        code, output = runs.run("site", **VARIABLES)
        assert code == 2, output
        assert "Second pass" not in printed(output)
        controllers.follow(part(printed(output), "First pass"))
        assert [each.value for each in controllers.settings(0) if each.flag == ISSUER] == [DEFAULT_ISSUER, NEW]
        assert controllers.accept(old) == [True, True]

        code, output = runs.run("site", **VARIABLES)
        assert (code, "First pass" in printed(output)) == (2, False), output
        controllers.follow(part(printed(output), "Second pass"))
        assert [each.value for each in controllers.settings(1) if each.flag == ISSUER] == [NEW, DEFAULT_ISSUER]

        code, output = runs.run("site", **VARIABLES)
        assert code == 0, output
        code, output = runs.run("site", **VARIABLES)
        assert (code, "changed=0" in output) == (0, True), output
        code, output = runs.run("verify", **VARIABLES)
        assert code == 0, output
        new = controllers.token(1)
        assert [controllers.accept(token) for token in (old, new)] == [[True, True]] * 2
        [[issuer, uri, kids], other] = controllers.documents()
        assert (issuer, uri) == other[:2] == (NEW, f"{NEW}/openid/v1/jwks")
        published = json.load(lab.client("s3").get_object(Bucket="acme-prod-oidc", Key="openid/v1/jwks")["Body"])
        assert kids == other[2] == [key["kid"] for key in published["keys"]]

        code, output = runs.run("teardown", **VARIABLES)
        assert code == 2, output
        controllers.follow(printed(output))
        assert [controllers.accept(token) for token in (old, new)] == [[True, True]] * 2
        code, output = runs.run("teardown", **VARIABLES)
        assert code == 0, output


def by_terraform(lab: Lab, keys: Json) -> None:
    """Make in AWS what the guide makes: a bucket whose objects are public by their lists, a provider, a role."""
    s3, iam, [bucket, audience] = lab.client("s3"), lab.client("iam"), ["acme-prod-oidc", VARIABLES["irsa_audience"]]
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    discovery = {
        "issuer": f"{NEW}/",
        "jwks_uri": f"{NEW}/keys.json",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [keys["keys"][0]["alg"]],
    }
    for key, document in ((".well-known/openid-configuration", discovery), ("keys.json", keys)):
        s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(document).encode(), ACL="public-read")
    provider = iam.create_open_id_connect_provider(
        Url=NEW, ClientIDList=[audience], ThumbprintList=["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{NEW.removeprefix('https://')}:sub": "system:serviceaccount:default:test-pod-sa"}
        },
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.create_role(RoleName="test-pod-sa@default", AssumeRolePolicyDocument=policy)


def test_what_the_doctor_says_of_it(tmp_path: Path, lab: Lab) -> None:
    """No host is known, and so none of the flags."""
    known = yaml.safe_load((ROOT / "extensions/molecule/shared/vars/guides.yml").read_text())["guides_findings"]["k0s"]
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        Controllers(cluster, OF_THE_GUIDE)
        by_terraform(lab, cluster.ask(0, "GET", "/openid/v1/jwks"))
        lab.admin("/calls/reset", {})
        file = tmp_path / "diagnosis.json"
        runs = Runs(tmp_path, lab, cluster)
        own = {"irsa_webhook_mode": "none", "irsa_doctor_json": str(file), "irsa_doctor_fail": False}
        code, output = runs.run("doctor", **{**VARIABLES, **own})
        assert (code, lab.admin("/calls")["writes"]) == (0, 0), output
    findings = json.loads(file.read_text())["findings"]
    found = {each["check"]: each["severity"] for each in findings if not each["follows"]}
    assert found == {check: bad for check, bad in known.items() if not check.startswith("flags.")}, output


def test_a_cluster_as_the_guide_leaves_it(tmp_path: Path, lab: Lab) -> None:
    """The key set alone is left to name; and another issuer takes the place of the guide's without a refused token."""
    (tmp_path / "cluster").mkdir()
    with servers(tmp_path / "cluster", 2, *POLICY) as cluster:
        controllers = Controllers(cluster, AS_MADE)
        before = controllers.token(0)
        for one in range(2):
            controllers.texts[one] = OF_THE_GUIDE
            controllers.restart(one)
        assert controllers.accept(before) == [False, False], "the guide refuses every token in use"
        of_the_guide = controllers.token(0)
        runs = Runs(tmp_path, lab, cluster)
        code, output = runs.run("site", **VARIABLES)
        assert code == 2, output
        assert f"--{JWKS_URI}={NEW}/openid/v1/jwks" in printed(output)
        for one, text in enumerate(controllers.texts):
            named = f"{JWKS_URI}: {NEW}/openid/v1/jwks"
            controllers.texts[one] = text.replace("    extraArgs:\n", f"    extraArgs:\n      {named}\n")
            controllers.restart(one)
        code, output = runs.run("site", **VARIABLES)
        assert code == 0, output
        assert f"{NEW} signs; " in output

        further = {**VARIABLES, "irsa_issuer_bucket": "acme-second-oidc"}
        for begin, issuers in (("First pass", [NEW, OTHER]), ("Second pass", [OTHER, NEW])):
            code, output = runs.run("site", **further)
            assert code == 2, output
            controllers.follow(part(printed(output), begin))
            assert [each.value for each in controllers.settings(0) if each.flag == ISSUER] == issuers
            assert controllers.accept(of_the_guide) == [True, True]
        code, output = runs.run("site", **further)
        assert code == 0, output
        assert [issuer for issuer, _uri, _kids in controllers.documents()] == [OTHER, OTHER]
        assert [yaml.safe_load(text)["spec"]["api"]["extraArgs"]["api-audiences"] for text in controllers.texts] == [
            "kubernetes.svc.default"
        ] * 2
