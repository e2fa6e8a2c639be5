# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from base64 import b64encode
from datetime import timedelta

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    CLUSTER_NAME,
    ISSUED_AUTHORITY,
    ISSUED_CERTIFICATE,
    LABELS,
    NAME,
    POLICY,
    POLICY_PARAMETERS,
    PROBE,
    PROBE_CONFIGURATION,
    PROBE_ROLE,
    PULL_CREDENTIALS,
    SYSTEM_NAMESPACES,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation, Running
from ansible_collections.onprem.irsa.plugins.module_utils._injection.plan import (
    PolicyPlan,
    certificate_state,
    is_ready,
    plan,
    policy,
    removal,
    served_secret,
    trust,
)

from ...some_certificates import NOW, authority, encoded, leaf, pem, secret
from ...some_injection import APIS, ARN, HOOK, NAMESPACE, UPSTREAM, called, options, own, secret_of, seen

Json = dict[str, t.Any]

CA = secret_of(AUTHORITY, secret(authority(), 1))
TLS = secret_of(CERTIFICATE, secret(leaf(), 11))
GIVEN_TLS = secret_of("webhook", secret(leaf(), 11, authority()))
IN_DER = secret_of("webhook", {**GIVEN_TLS["data"], "ca.crt": b64encode(b"\x30\x82").decode()})
ISSUED_TLS = secret_of(ISSUED_CERTIFICATE, secret(leaf(), 11, authority()))
ISSUED_CA = secret_of(ISSUED_AUTHORITY, secret(authority(), 1))
READY = {"type": "Ready", "status": "True", "observedGeneration": 1}


def issued(*conditions: Json) -> Json:
    certificate = own("Certificate", part="cert_manager", status={"conditions": [*conditions]})
    certificate["metadata"]["generation"] = 1
    return certificate


OWN: Json = {"tls": "own"}
OF_SECRET: Json = {"tls": "secret", "tls_secret": "certs/webhook"}
OF_CERT_MANAGER: Json = {"tls": "cert-manager"}


def cluster(*owned: Json, **changes: t.Any) -> Observation:  # noqa: ANN401 -- of any field
    """Return a look at a cluster where the role has its namespace."""
    return seen(**{"namespace": NAMESPACE, "own_namespaces": [NAME], "owned": owned, **changes})


SERVING: tuple[tuple[Json, Observation], ...] = (
    (OWN, cluster(CA, TLS, configurations=[called()])),
    (OF_SECRET, cluster(secret_of(CERTIFICATE, GIVEN_TLS["data"]), given_secret=GIVEN_TLS, configurations=[called()])),
    (OF_CERT_MANAGER, cluster(ISSUED_TLS, issued(READY), configurations=[called()])),
)
"""A webhook that runs as it is asked for, with a certificate of each origin."""


@pytest.mark.parametrize(("given", "there"), SERVING)
def test_a_webhook_that_serves_needs_nothing(given: Json, there: Observation) -> None:
    found = trust(options(**given), there)
    assert (found.is_due, found.must_suit_both, found.copies, found.certificate.problem) == (False, False, [], "")
    assert (found.certificate.days_left, found.certificate.trusted) == (364, True)
    assert found.ca_bundle == encoded(authority())
    assert found.authority == pem(authority()).strip()


@pytest.mark.parametrize(
    ("given", "there", "authority_is_new", "certificate_is_new"),
    [
        (OWN, cluster(), True, True),
        (OWN, cluster(CA), False, True),
        (OWN, cluster(CA, TLS), False, False),
        (OWN, cluster(CA, TLS, now=NOW + timedelta(days=244)), False, True),
        (OF_SECRET, cluster(given_secret=GIVEN_TLS), False, False),
        (OF_CERT_MANAGER, cluster(), False, False),  # cert-manager is about to make it
        (OF_CERT_MANAGER, cluster(ISSUED_TLS), False, False),
    ],
)
def test_what_has_to_be_made(given: Json, there: Observation, authority_is_new: bool, certificate_is_new: bool) -> None:
    found = certificate_state(options(**given), there)
    assert (found.new_authority, found.new_certificate) == (authority_is_new, certificate_is_new)
    assert found.problem == ""


@pytest.mark.parametrize(
    ("given", "there", "says"),
    [
        (OWN, cluster(secret_of(AUTHORITY, secret(authority(), 2))), f"Secret {AUTHORITY} holds a certificate"),
        (OF_SECRET, cluster(given_secret=TLS), "certs/webhook has no ca.crt"),
        (OF_SECRET, cluster(), "certs/webhook has no 'tls.crt'"),
        (
            OF_SECRET,
            cluster(
                given_secret=secret_of("webhook", {**GIVEN_TLS["data"], "ca.crt": b64encode(b"\x30\x82").decode()})
            ),
            "certs/webhook holds no PEM certificate",
        ),
        (OF_CERT_MANAGER, cluster(secret_of(ISSUED_CERTIFICATE, {})), f"{ISSUED_CERTIFICATE} has no 'tls.crt'"),
    ],
)
def test_what_cannot_be_served_is_a_problem(given: Json, there: Observation, says: str) -> None:
    found = plan(options(**given), there)["certificate"]
    assert says in found["problem"]
    assert (found["new_authority"], found["new_certificate"], found["expires"]) == (False, False, "")


@pytest.mark.parametrize(
    ("given", "there"),
    [
        (OWN, cluster(CA, TLS, configurations=[called(encoded(authority(2)))])),
        (OF_SECRET, cluster(given_secret=GIVEN_TLS, configurations=[called(encoded(authority(2)))])),
        (OF_CERT_MANAGER, cluster(ISSUED_TLS, issued(READY), configurations=[called(encoded(authority(2)))])),
    ],
)
def test_old_and_new_authority_are_trusted_together(given: Json, there: Observation) -> None:
    found = trust(options(**given), there)
    assert (found.must_suit_both, found.is_due, found.certificate.trusted) == (True, True, False)
    assert found.both_bundles == encoded(authority(), authority(2))
    assert found.ca_bundle == encoded(authority())


def test_pods_go_over_to_cert_manager_while_both_authorities_are_trusted() -> None:
    there = cluster(
        CA,
        TLS,
        secret_of(ISSUED_CERTIFICATE, secret(leaf(2), 11, authority(2))),
        issued(READY),
        configurations=[called()],
    )
    found = plan(options(**OF_CERT_MANAGER), there)
    assert (found["must_suit_both"], found["certificate"]["kept"]) == (True, [pem(authority())])
    assert found["both_bundles"] == encoded(authority(2), authority())
    assert found["served_secret"] == ISSUED_CERTIFICATE
    # A new authority restarts the pods.
    assert found["authority_sha256"] != plan(options(), there)["authority_sha256"]


def deployed(**annotations: str) -> Json:
    template = {"metadata": {"labels": LABELS, "annotations": annotations} if annotations else {"labels": LABELS}}
    made = own("Deployment", part="deployment", spec={"replicas": 2, "template": template})
    made["metadata"]["generation"] = 1
    return made


@pytest.mark.parametrize("annotations", [{}, {"onprem.irsa/ca-sha256": "another's"}])
def test_what_pods_were_started_for_stays_while_api_servers_trust_their_authority_alone(
    annotations: dict[str, str],
) -> None:
    there = (deployed(**annotations), CA, TLS)
    known = annotations.get("onprem.irsa/ca-sha256", "")
    new = plan(options(), cluster(CA, TLS))["authority_sha256"]
    assert len(new) == 64
    for trusted, started_for in (
        ([called()], known),
        ([called(encoded(authority(), authority(2)))], new),  # until no pod is from before
        ([called(encoded(authority(2)))], new),
        ([], new),
    ):
        assert plan(options(), cluster(*there, configurations=trusted))["authority_sha256"] == started_for


@pytest.mark.parametrize(
    ("reviews", "tag", "both"),
    [
        (["v1beta1"], "v0.6.17", False),
        (["v1beta1"], "v0.6.18", False),  # the new reviews are sent when all pods are new
        (["v1", "v1beta1"], "v0.6.17", True),
        (None, "v0.6.17", False),
    ],
)
def test_reviews_while_pods_of_two_images_serve(reviews: list[str] | None, tag: str, both: bool) -> None:
    there = cluster(CA, TLS, configurations=[called(None, *reviews)] if reviews else [])
    assert trust(options(image=f"{UPSTREAM}:{tag}"), there).must_suit_both is both


def test_nothing_is_kept_for_whom_nobody_calls() -> None:
    found = trust(options(), cluster(CA, TLS))
    assert (found.must_suit_both, found.both_bundles) == (False, encoded(authority()))


def test_a_bundle_that_is_no_text_is_trusted_by_nobody() -> None:
    found = trust(options(), cluster(CA, TLS, configurations=[called(b64encode(b"\xff\xfe").decode())]))
    assert (found.must_suit_both, found.certificate.kept) == (True, [])


@pytest.mark.parametrize(
    ("certificate", "ready"),
    [
        (issued(READY), True),
        (issued(), False),
        (issued({**READY, "status": "False"}), False),
        (issued({**READY, "observedGeneration": 0}), False),  # of what was asked for before
        (issued(READY, {"type": "Issuing", "status": "True", "observedGeneration": 1}), False),
        (issued(READY, {"type": "Issuing", "status": "False"}), True),
        ({}, False),
    ],
)
def test_when_cert_manager_has_issued_what_it_was_asked_for_last(certificate: Json, ready: bool) -> None:
    assert is_ready(certificate) is ready


PULL = secret_of("pull", {".dockerconfigjson": "e30="}, "kubernetes.io/dockerconfigjson")
COPY_OF_TLS = {"name": CERTIFICATE, "type": "kubernetes.io/tls", "namespace": "certs", "source": "webhook"}
COPY_OF_PULL = {
    "name": PULL_CREDENTIALS,
    "type": "kubernetes.io/dockerconfigjson",
    "namespace": "apps",
    "source": "pull",
}


@pytest.mark.parametrize(
    ("there", "copies"),
    [
        (cluster(), [COPY_OF_TLS, COPY_OF_PULL]),
        (cluster(secret_of(CERTIFICATE, GIVEN_TLS["data"])), [COPY_OF_PULL]),
        (cluster(TLS), [COPY_OF_TLS, COPY_OF_PULL]),  # the role's own before, without ca.crt
        (cluster(secret_of(CERTIFICATE, GIVEN_TLS["data"]), secret_of(PULL_CREDENTIALS, PULL["data"])), []),
    ],
)
def test_what_is_given_is_copied_until_it_is_there_as_it_is(there: Observation, copies: list[Json]) -> None:
    asked = options(**OF_SECRET, pull_secret="apps/pull")  # noqa: S106 -- a name
    found = trust(asked, cluster(*there.owned, given_secret=GIVEN_TLS, pull_secret=PULL))
    assert found.copies == copies


def test_a_plan_names_what_it_copies_and_holds_nothing_of_it() -> None:
    there = cluster(CA, TLS, given_secret=GIVEN_TLS, pull_secret=PULL)
    found = str(plan(options(**OF_SECRET, pull_secret="apps/pull"), there))  # noqa: S106 -- a name
    assert "apps" in found
    for kept in (CA, TLS, GIVEN_TLS):
        assert kept["data"]["tls.key"] not in found
    assert "PRIVATE" not in found
    assert PULL["data"][".dockerconfigjson"] not in found


@pytest.mark.parametrize(
    ("tls", "name"), [("own", CERTIFICATE), ("secret", CERTIFICATE), ("cert-manager", ISSUED_CERTIFICATE)]
)
def test_cert_manager_does_not_write_into_what_pods_serve(tls: str, name: str) -> None:
    assert served_secret(options(tls=tls)) == name


@pytest.mark.parametrize(
    ("given", "there", "comparable", "would_make"),
    [
        (OWN, seen(), False, ["a certificate for", *("namespace", "access")]),
        (OWN, cluster(), False, ["a certificate for"]),
        (OWN, cluster(CA, TLS), True, []),
        (OWN, cluster(CA, TLS, configurations=[called(encoded(authority(2)))]), False, ["a certificate for"]),
        (OF_SECRET, cluster(given_secret=GIVEN_TLS), False, [CERTIFICATE]),
        (OF_CERT_MANAGER, cluster(ISSUED_TLS, issued()), False, ["a certificate for"]),
        (OF_CERT_MANAGER, cluster(ISSUED_TLS, issued(READY)), True, []),
        ({"mode": "policy"}, seen(), False, ["namespace", "probe", "policy_parameters", "policy"]),
        ({"mode": "policy"}, cluster(), True, []),
        ({"mode": "policy", "set_flags": True}, cluster(apis={}), False, ["policy"]),
    ],
)
def test_when_what_is_there_is_compared_and_what_would_be_made_else(
    given: Json, there: Observation, comparable: bool, would_make: list[str]
) -> None:
    found = plan(options(**given), there)
    assert found["is_comparable"] is comparable
    assert len(found["would_make"]) >= len(would_make)
    assert [stub for stub in would_make if not any(made.startswith(stub) for made in found["would_make"])] == []
    assert bool(found["would_make"]) is not comparable


@pytest.mark.parametrize(
    ("there", "checks", "fresh"),
    [(seen(), True, True), (seen(), False, False), (cluster(), True, False), (cluster(), False, False)],
)
def test_nothing_can_be_tried_in_a_namespace_that_a_check_does_not_make(
    there: Observation, checks: bool, fresh: bool
) -> None:
    assert plan(options(), there, checks=checks)["is_fresh"] is fresh


def deployment(updated: int = 2) -> Json:
    status = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": updated, "availableReplicas": 2}
    made = own("Deployment", part="deployment", spec={"replicas": 2}, status=status)
    made["metadata"]["generation"] = 1
    return made


def pod(template: str, namespace: str = NAME, *, ends: bool = False) -> Json:
    metadata: Json = {"name": template, "namespace": namespace, "labels": {**LABELS, "pod-template-hash": template}}
    return {"metadata": {**metadata, "deletionTimestamp": "now"} if ends else metadata, "spec": {}}


@pytest.mark.parametrize(
    ("owned", "pods", "settled"),
    [
        ([deployment()], [pod("new")], True),
        ([deployment(updated=1)], [pod("new")], False),
        ([], [], False),
        # A run that was cut off leaves pods of before behind: the next one changes nothing, and waits all the same.
        ([deployment()], [pod("new"), pod("old", ends=True)], False),
        ([deployment()], [pod("new"), pod("old", "elsewhere", ends=True)], True),
    ],
)
def test_when_nothing_is_left_to_wait_for(owned: list[Json], pods: list[Json], settled: bool) -> None:
    assert plan(options(), cluster(*owned, running=Running(pods=pods)))["is_settled"] is settled


def annotated(space: str = "apps", name: str = "reports", arn: str = ARN) -> Json:
    annotations = {"eks.amazonaws.com/role-arn": arn}
    return {"kind": "ServiceAccount", "metadata": {"namespace": space, "name": name, "annotations": annotations}}


RUNNING = Running(service_accounts=[annotated()])


KEY = f"{NAME}.{PROBE}"


def policy_of(there: Observation | None = None, **given: object) -> PolicyPlan:
    return policy(options(mode="policy", **given), there or cluster(running=RUNNING))


def test_what_the_policy_reads() -> None:
    found = policy_of()
    assert found.data["apps.reports"] == ARN
    assert (found.data["region"], found.data["audience"]) == ("eu-central-1", "sts.amazonaws.com")
    assert (found.version, found.served, found.stands) == ("v1beta1", True, False)
    assert found.flags["feature-gates"] == "MutatingAdmissionPolicy=true"


def test_the_role_of_the_probe_shows_which_data_an_api_server_reads() -> None:
    found = policy_of()
    assert found.data[KEY] == found.probe_role
    assert found.probe_role.startswith(f"{PROBE_ROLE}-")
    assert policy_of().probe_role == found.probe_role
    assert policy_of(region="us-west-2").probe_role != found.probe_role
    # The probe's own service account is there from the second run on.
    there = cluster(running=Running(service_accounts=[annotated(), annotated(NAME, PROBE, PROBE_ROLE)]))
    assert policy_of(there).data == found.data


@pytest.mark.parametrize(("told", "stays"), [(True, False), (False, True)])
def test_roles_that_the_policy_knows_stay_where_not_all_are_told(told: bool, stays: bool) -> None:
    before = own("ConfigMap", POLICY_PARAMETERS, "policy_parameters", data={"audience": "a", "apps.helm": "arn:1"})
    assert ("apps.helm" in policy_of(cluster(before), told_of_roles=told).data) is stays


def test_a_role_of_irsa_iam_is_known_before_its_annotation() -> None:
    role = {"arn": "arn:2", "state": "present", "service_accounts": ["jobs/batch"], "audiences": ["mine"]}
    data = policy_of(roles=[role]).data
    assert (data["jobs.batch"], data["jobs.batch_audience"]) == ("arn:2", "mine")


@pytest.mark.parametrize(
    ("excluded", "system", "others"),
    [
        ([], [], []),
        (["cni"], ["cni"], ["cni"]),
        # It reaches its own probe, whatever is excluded.
        (["cni", "kube-public", NAME, "cni"], ["cni", "kube-public", NAME, "cni"], ["cni"]),
    ],
)
def test_where_the_policy_is_in_force(excluded: list[str], system: list[str], others: list[str]) -> None:
    found = policy_of(excluded_namespaces=excluded)
    key = "kubernetes.io/metadata.name"
    left_out = [{"key": key, "operator": "NotIn", "values": system}] if system else []
    assert found.system_expressions == [{"key": key, "operator": "In", "values": [*SYSTEM_NAMESPACES]}, *left_out]
    assert found.other_expressions == [{"key": key, "operator": "NotIn", "values": [*SYSTEM_NAMESPACES, *others]}]


def test_a_policy_that_stands_stays_where_it_is_not_in_force() -> None:
    assert policy_of(cluster(own("MutatingAdmissionPolicy", POLICY, "policy", namespace=""))).stands is True


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (cluster(apis={}, minor="1.31"), "1.32"),
        (cluster(running=Running(service_accounts=[annotated(name="a" * 253)])), "too long"),
    ],
)
def test_a_policy_that_the_cluster_cannot_have(there: Observation, says: str) -> None:
    with pytest.raises(InputError, match=says):
        policy_of(there)


def kinds(removed: t.Iterable[Json]) -> list[tuple[str, str]]:
    return [(part["kind"], part["metadata"]["name"]) for part in removed]


OF_WEBHOOK = [
    called(),
    own("MutatingWebhookConfiguration", PROBE_CONFIGURATION, "probe_webhook", namespace=""),
    own("ClusterRoleBinding", CLUSTER_NAME, "access", namespace=""),
    own("ClusterRole", CLUSTER_NAME, "access", namespace=""),
    own("Deployment", part="deployment"),
    own("Service", part="service"),
    own("ServiceAccount", part="access"),
    own("ServiceAccount", PROBE, "probe"),
]
ON_REQUEST = [
    own("Service", f"{NAME}-metrics", "metrics"),
    own("NetworkPolicy", part="network_policy"),
    own("ServiceMonitor", part="service_monitor"),
    own("PrometheusRule", part="prometheus_rule"),
]
BY_CERT_MANAGER = [own("Certificate", part="cert_manager"), own("Issuer", part="cert_manager"), ISSUED_TLS, ISSUED_CA]
OF_POLICY = [
    own("MutatingAdmissionPolicyBinding", POLICY, "policy", namespace=""),
    own("MutatingAdmissionPolicy", POLICY, "policy", namespace=""),
    own("ConfigMap", POLICY_PARAMETERS, "policy_parameters"),
]
OTHERS = [secret_of("of-somebody", {})]
EVERYTHING = [*OF_POLICY, *OF_WEBHOOK, *ON_REQUEST, *BY_CERT_MANAGER, CA, TLS, secret_of(PULL_CREDENTIALS, {}), *OTHERS]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (OWN, [*OF_WEBHOOK, CA, TLS]),
        (OF_SECRET, [*OF_WEBHOOK, TLS]),  # what is given is served from where the role's own is
        (OF_CERT_MANAGER, [*OF_WEBHOOK, *BY_CERT_MANAGER]),
        ({"pull_secret": "apps/pull"}, [*OF_WEBHOOK, CA, TLS, secret_of(PULL_CREDENTIALS, {})]),
        ({"metrics_service": True}, [*OF_WEBHOOK, CA, TLS, ON_REQUEST[0]]),
        ({"service_monitor": True, "network_policy": True}, [*OF_WEBHOOK, CA, TLS, *ON_REQUEST[:3]]),
        ({"mode": "policy"}, [*OF_POLICY, OF_WEBHOOK[-1]]),
    ],
)
def test_what_is_of_no_part_that_is_wanted_is_removed(given: Json, kept: list[Json]) -> None:
    found = removal(options(**given), cluster(*EVERYTHING))
    unwanted = [part for part in EVERYTHING if part not in [*kept, *OTHERS]]
    assert kinds(found.called) == [kind for kind in kinds(unwanted) if kind[0] == "MutatingWebhookConfiguration"]
    assert kinds(found.others) == [kind for kind in kinds(unwanted) if kind[0] != "MutatingWebhookConfiguration"]


def test_what_is_removed_is_named_and_no_more() -> None:
    parameters = own("ConfigMap", POLICY_PARAMETERS, "policy_parameters", data={"a": "b"})
    found = removal(options(), cluster(parameters))
    metadata = {"name": POLICY_PARAMETERS, "namespace": NAME}
    assert found.others == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}]


def unlabelled(manifest: Json) -> Json:
    """Return an object as releases before the label of its part have made it."""
    is_secret = manifest["kind"] == "Secret"
    return manifest if is_secret else {**manifest, "metadata": {**manifest["metadata"], "labels": {**LABELS}}}


@pytest.mark.parametrize("missing", OF_WEBHOOK[:-2])
def test_what_releases_before_the_label_have_made_goes_once_what_is_wanted_is_made(missing: Json) -> None:
    """Also where the run before was cut off in between."""
    wanted = [*OF_WEBHOOK, CA, TLS]
    secrets = [part for part in EVERYTHING if part["kind"] == "Secret" and part not in [CA, TLS, *OTHERS]]
    before = [unlabelled(part) for part in EVERYTHING]
    labels = missing["metadata"]["labels"]
    among = [
        part if part in wanted and part["metadata"].get("labels") != labels else unlabelled(part) for part in EVERYTHING
    ]
    for there in (before, among):
        assert kinds(removal(options(), cluster(*there)).others) == kinds(secrets)
    after = [part if part in wanted else unlabelled(part) for part in EVERYTHING]
    found = removal(options(), cluster(*after))
    assert kinds(found.others) == [part for part in kinds(EVERYTHING) if part not in kinds([*wanted, *OTHERS])]
    assert found.called == []


@pytest.mark.parametrize("mode", ["none", "foreign"])
@pytest.mark.parametrize("release", [EVERYTHING, [unlabelled(part) for part in EVERYTHING]])
def test_a_mode_that_makes_nothing_removes_what_has_no_namespace(mode: str, release: list[Json]) -> None:
    """The rest goes with the namespace, which goes last."""
    found = plan(options(mode=mode), cluster(*release, configurations=[called()]))
    assert kinds(found["removes_called"]) == kinds(OF_WEBHOOK[:2])
    assert kinds(found["removes"]) == kinds([*OF_POLICY[:2], *OF_WEBHOOK[2:4], NAMESPACE])
    assert (found["parts"], found["removes_namespace"], found["would_make"]) == ([], True, [])


def test_a_mode_that_makes_nothing_leaves_a_namespace_of_others_alone() -> None:
    foreign = {"metadata": {"name": NAME, "labels": {}}}
    for there in (seen(), seen(namespace=foreign)):
        found = plan(options(mode="none"), there)
        assert (found["removes"], found["removes_namespace"]) == ([], False)


def test_a_mode_that_injects_keeps_its_namespace() -> None:
    for mode in ("webhook", "policy"):
        assert plan(options(mode=mode), cluster())["removes_namespace"] is False


def of_somebody(release: str = "") -> Json:
    service = {"service": {"namespace": "default", "name": "pod-identity-webhook"}}
    annotations = {"meta.helm.sh/release-name": release} if release else {}
    hooks = [{"name": HOOK, "clientConfig": service}]
    return {
        "apiVersion": "v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "eks", "annotations": annotations},
        "webhooks": hooks,
    }


SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "pod-identity-webhook", "namespace": "default"}}


@pytest.mark.parametrize(
    ("given", "taken"),
    [({"adopt": True}, True), ({"adopt": True, "mode": "policy"}, True), ({"adopt": True, "mode": "none"}, False)],
)
def test_what_was_behind_a_webhook_goes_with_it_where_its_place_is_taken(given: Json, taken: bool) -> None:
    there = cluster(configurations=[called(), of_somebody()], adopted=[of_somebody(), SERVICE])
    found = removal(options(**given), there)
    assert (("MutatingWebhookConfiguration", "eks") in kinds(found.called)) is taken
    assert (("Service", "pod-identity-webhook") in kinds(found.others)) is taken


@pytest.mark.parametrize(
    ("given", "release", "says"),
    [
        ({"adopt": True}, "", ["for eks stays", "in default"]),
        ({"adopt": True}, "irsa", ["`helm uninstall irsa`"]),
        ({}, "irsa", []),
        ({"adopt": True, "mode": "foreign"}, "irsa", []),
    ],
)
def test_what_is_left_of_a_webhook_whose_place_is_taken(given: Json, release: str, says: list[str]) -> None:
    found = plan(options(**given), cluster(configurations=[of_somebody(release)]))
    assert len(found["adopted_left"]) == bool(says)
    assert [words for words in says if words not in found["adopted_left"][0]] == []


def at_level(level: str) -> Json:
    return {"metadata": {"name": NAME, "labels": {**LABELS, "pod-security.kubernetes.io/enforce": level}}}


@pytest.mark.parametrize(
    ("given", "namespace", "level", "must_restrict"),
    [
        ({}, None, "restricted", False),
        ({}, at_level("restricted"), "restricted", False),
        # Until what injects pods today, in the network of its hosts, is no longer needed.
        ({}, at_level("privileged"), "privileged", True),
        ({"mode": "policy"}, at_level("privileged"), "privileged", True),
        ({"host_network": True}, None, "privileged", False),
        ({"host_network": True}, at_level("privileged"), "privileged", False),
        ({"mode": "policy", "host_network": True}, None, "restricted", False),
    ],
)
def test_a_namespace_stays_privileged_until_nothing_needs_it(
    given: Json, namespace: Json | None, level: str, must_restrict: bool
) -> None:
    found = plan(options(**given), seen(namespace=namespace))
    assert (found["namespace_level"], found["must_restrict"]) == (level, must_restrict)


@pytest.mark.parametrize(
    ("given", "before", "path"),
    [
        ({}, "", ""),
        ({}, "/old.yml", ""),
        ({"alert_rules_path": "/new.yml"}, "/old.yml", "/new.yml"),
        ({"alert_rules_path": "/new.yml", "mode": "policy"}, "/old.yml", "/new.yml"),
        ({"alert_rules_path": "/new.yml", "mode": "none"}, "/old.yml", ""),
    ],
)
def test_where_alert_rules_are_and_were(given: Json, before: str, path: str) -> None:
    namespace = {"metadata": {"name": NAME, "annotations": {"onprem.irsa/alert-rules": before} if before else {}}}
    found = plan(options(**given), seen(namespace=namespace))
    assert (found["alert_rules_before"], found["alert_rules_path"]) == (before, path)


def test_parts_are_those_that_a_template_makes() -> None:
    found = plan(options(pull_secret="apps/pull", network_policy=True), cluster())["parts"]  # noqa: S106 -- a name
    assert found == [
        "namespace",
        "network_policy",
        "access",
        "service",
        "deployment",
        "probe",
        "probe_webhook",
        "configuration",
    ]


def test_the_webhook_s_own_namespace_is_never_asked_of_itself() -> None:
    found = plan(options(excluded_namespaces=["cni", "kube-system"]), cluster())
    assert found["excluded"] == [NAME, "cni", "kube-system"]
    assert found["excluded_strictly"] == [NAME, "cni", "kube-system", "kube-public", "kube-node-lease"]


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({}, "minutes", 3),
        ({"host_network": True, "replicas": 3}, "minutes", 9),  # one pod waits for the end of another
        ({}, "lookup_grace_ms", 2000),
        ({"timeout": 2}, "lookup_grace_ms", 1000),
        ({}, "probe_role", PROBE_ROLE),
        (
            {"certificate_days": 90},
            "issued",
            {"authority_duration": "21600h0m0s", "duration": "2160h0m0s", "renew_before": "720h0m0s"},
        ),
        ({"image_mirror": "m"}, "image", {"reference": f"m/{UPSTREAM}:v0.6.17", "review_versions": ["v1beta1"]}),
    ],
)
def test_what_follows_from_options(given: Json, key: str, value: object) -> None:
    assert plan(options(**given), cluster())[key] == value


def test_the_days_of_a_certificate_that_is_about_to_be_made() -> None:
    assert plan(options(certificate_days=90), cluster())["certificate"]["days_left"] == 90
    assert plan(options(certificate_days=90), cluster(CA, TLS))["certificate"]["days_left"] == 364


@pytest.mark.parametrize(
    ("configurations", "is_called", "still"),
    [([], False, "do not call it yet"), ([called()], True, "still call the pods from before")],
)
def test_whether_api_servers_call_the_webhook(configurations: list[Json], is_called: bool, still: str) -> None:
    found = plan(options(), cluster(configurations=configurations))
    assert (found["is_called"], len(found["live_webhooks"])) == (is_called, 2 if is_called else 0)
    assert still in found["hint"]
    assert f"{UPSTREAM}:v0.6.17" in found["hint"]


NOT_READY = {"type": "Ready", "status": "False", "message": "no such issuer"}


@pytest.mark.parametrize(
    ("there", "says"),
    [
        (cluster(), ["it has not taken notice", "API servers do not call the webhook yet"]),
        (cluster(issued(NOT_READY)), ["two minutes: no such issuer."]),
        (
            cluster(issued(NOT_READY), requests=[{"status": {"conditions": [NOT_READY]}}, {}]),
            ["two minutes: no such issuer."],
        ),
        (cluster(issued(), requests=[{"status": {"conditions": [NOT_READY]}}]), ["two minutes: no such issuer."]),
        (cluster(ISSUED_TLS, issued(), configurations=[called()]), ["API servers still call the webhook as it was"]),
        (cluster(issued(READY)), ["it has not taken notice"]),  # its Secret is not there
        (cluster(ISSUED_TLS, issued(READY)), []),
    ],
)
def test_why_cert_manager_has_not_issued_what_it_was_asked_for(there: Observation, says: list[str]) -> None:
    found = plan(options(**OF_CERT_MANAGER), there)
    assert found["certificate_is_issued"] is not bool(says)
    assert bool(found["not_issued"]) is bool(says)
    assert [words for words in says if words not in found["not_issued"]] == []


def test_the_policy_of_a_plan_is_data_alone() -> None:
    found = plan(options(mode="policy"), cluster(running=RUNNING, apis=APIS))
    assert found["policy"]["data"]["apps.reports"] == ARN
    assert found["probe_role"] == found["policy"]["probe_role"]
    assert found["image"]["reference"] == f"{UPSTREAM}:v0.6.17"
