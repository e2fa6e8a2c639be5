# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of healthy clusters of several kinds."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.codec import of_json, to_json
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import (
    ApiServer,
    Bucket,
    Clock,
    Container,
    Discovery,
    Fetch,
    Host,
    Injection,
    Injector,
    Key,
    KeyFile,
    LegacySecret,
    Minted,
    NotLooked,
    Object,
    Pod,
    Probe,
    Provider,
    Providers,
    Region,
    Role,
    Roles,
    Rotation,
    ServiceAccount,
    Snapshot,
    Tls,
)
from ansible_collections.onprem.irsa.plugins.module_utils._finding import Finding
from ansible_collections.onprem.irsa.plugins.module_utils._injection.pod import TOKEN_FILE
from ansible_collections.onprem.irsa.plugins.module_utils._trust.policy import Trust, build, serialise

Value: t.TypeAlias = t.Any
"""Of any field."""
NOW = 1_767_225_600.0
DAY = 86400.0
BUCKET = "acme-prod-oidc"
HOST = f"{BUCKET}.s3.eu-central-1.amazonaws.com"
ISSUER = f"https://{HOST}"
DEFAULT = "https://kubernetes.default.svc.cluster.local"
ACCOUNT = "123456789012"
AUDIENCE = "sts.amazonaws.com"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{HOST}"
KID, OTHER_KID = "kid-of-today", "kid-of-tomorrow"
SA_PUB, SA_KEY = "/etc/kubernetes/pki/sa.pub", "/etc/kubernetes/pki/sa.key"
DISCOVERY_KEY, JWKS_KEY = ".well-known/openid-configuration", "openid/v1/jwks"

RSA = Key(kid=KID, kty="RSA", alg="RS256", use="sig", n="modulus", e="AQAB")
RSA_OF_TOMORROW = replace(RSA, kid=OTHER_KID, n="another")
EC = Key(kid=KID, kty="EC", alg="ES256", use="sig", crv="P-256", x="left", y="right")


def role_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def trust(*accounts: str, arn: str = PROVIDER, audiences: t.Sequence[str] = (AUDIENCE,)) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": [build(Trust.of(arn, audiences, accounts))]}


def role(name: str, *accounts: str) -> Role:
    policy = trust(*accounts)
    return Role(role_arn(name), policy, trust_size=len(serialise(policy)))


def fetched(url: str, **changes: Value) -> Fetch:
    tls = Tls(NOW - 100 * DAY, NOW + 200 * DAY, ("*.s3.eu-central-1.amazonaws.com",), "Amazon RSA 2048 M01")
    made = Fetch(
        url,
        addresses=("52.219.0.1",),
        tls=tls,
        status=200,
        seconds=0.2,
        content_type="application/json",
        max_age=300,
        form="object",
        digest=f"digest of {url}",
    )
    return replace(made, **changes)


def probe(seen_from: str, *keys: Key, issuer: str = ISSUER) -> Probe:
    algorithms = tuple(sorted({key.alg for key in keys}))
    discovery = Discovery(issuer, f"{issuer}/{JWKS_KEY}", algorithms)
    return Probe(
        seen_from,
        fetched(f"{issuer}/{DISCOVERY_KEY}", discovery=discovery),
        fetched(f"{issuer}/{JWKS_KEY}", content_type="application/jwk-set+json", keys=keys),
    )


def public(*keys: str, name: str = BUCKET) -> dict[str, t.Any]:
    statement = {
        "Sid": "Documents",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": [f"arn:aws:s3:::{name}/{key}" for key in keys or (DISCOVERY_KEY, JWKS_KEY)],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def bucket() -> Bucket:
    return Bucket(
        BUCKET,
        region="eu-central-1",
        owner=ACCOUNT,
        policy=public(),
        blocks=("BlockPublicAcls", "IgnorePublicAcls"),
        objects=(Object(DISCOVERY_KEY), Object(JWKS_KEY)),
    )


def host(*kids: str, issuers: tuple[str, ...] = (ISSUER, DEFAULT), **changes: Value) -> Host:
    made = Host(
        flags={
            "service-account-issuer": issuers,
            "service-account-key-file": (SA_PUB,),
            "service-account-signing-key-file": (SA_KEY,),
            "service-account-jwks-uri": (f"{ISSUER}/{JWKS_KEY}",),
        },
        file="/etc/kubernetes/manifests/kube-apiserver.yaml",
        key_files=(
            KeyFile(SA_PUB, kids, mode=0o644, changed=NOW - 300 * DAY),
            KeyFile(SA_KEY, kids[:1], private=True, verifies=False, mode=0o600, changed=NOW - 300 * DAY),
        ),
        signing_kid=kids[0],
        controller_manager_kid=kids[0],
        started=NOW - 10 * DAY,
        clock_offset=0.1,
        synchronised=True,
    )
    return replace(made, **changes)


def server(name: str, *keys: Key, seen_host: Host | NotLooked | None = None) -> ApiServer:
    kids = tuple(key.kid for key in keys)
    return ApiServer(
        name,
        version="v1.34.4",
        distribution="kubeadm",
        minted=Minted(ISSUER, kids[0], keys[0].alg, (AUDIENCE,), 86400),
        served=keys,
        accepted=(DEFAULT, ISSUER),
        host=host(*kids) if seen_host is None else seen_host,
    )


def container(name: str, arn: str, **changes: Value) -> Container:
    made = Container(
        name,
        image="registry.example.com/app:1.0.0",
        role=role_arn(arn),
        token_file=TOKEN_FILE,
        region="eu-central-1",
        regional="regional",
        token_audience=AUDIENCE,
    )
    return replace(made, **changes)


def pod(name: str, account: str, arn: str) -> Pod:
    namespace, own = account.split("/")
    return Pod(
        namespace,
        name,
        own,
        f"Deployment/{own}",
        started=NOW - DAY,
        injected=True,
        token_mode=0o644,
        containers=(container("main", arn),),
    )


def bystander(name: str) -> Pod:
    return Pod("kube-system", name, owner="DaemonSet/kube-proxy", containers=(Container("main", "kube-proxy:v1.34.4"),))


ALL_WELL = tuple(
    Finding(f"webhook: {link}", "ok", "as asked for")
    for link in ("mode", "pods", "certificate", "authority", "a pod, tried", "running pods")
)


def kubeadm(servers: int = 1, *keys: Key) -> Snapshot:
    """A cluster that the collection has set up: webhook, S3, roles for two service accounts."""
    keys = keys or (RSA,)
    return Snapshot(
        taken=NOW,
        issuer=ISSUER,
        cluster="prod",
        documents=(probe("controller", *keys), probe("cp1", *keys)),
        bucket=bucket(),
        providers=Providers(ACCOUNT, found=(Provider(PROVIDER, (AUDIENCE,)),)),
        roles=Roles(
            found=(role("prod-reports", "apps/reports"), role("prod-backup", "apps/backup", "ops/backup")),
            others=(role_arn("admin"),),
        ),
        service_accounts=(
            ServiceAccount("apps", "reports", role_arn("prod-reports")),
            ServiceAccount("apps", "backup", role_arn("prod-backup"), expiration="3600", regional="true"),
            ServiceAccount("ops", "backup", role_arn("prod-backup"), audience=AUDIENCE),
            ServiceAccount("apps", "default"),
        ),
        namespaces=("apps", "default", "kube-system", "ops"),
        pods=(
            pod("reports-1", "apps/reports", "prod-reports"),
            pod("backup-1", "apps/backup", "prod-backup"),
            bystander("kube-proxy-1"),
        ),
        api_servers=tuple(server(f"cp{number}", *keys) for number in range(1, servers + 1)),
        injection=Injection(ALL_WELL, own="webhook"),
        clock=Clock(0.2),
        region=Region("eu-central-1", enabled=True, endpoint="https://sts.eu-central-1.amazonaws.com"),
        rotation=Rotation(),
    )


def by_policy() -> Snapshot:
    """Pods get their roles by a policy, and service accounts have no annotation."""
    made = kubeadm()
    accounts = (
        ServiceAccount("apps", "reports", policy_role=role_arn("prod-reports")),
        ServiceAccount("apps", "backup", policy_role=role_arn("prod-backup")),
        ServiceAccount("ops", "backup", policy_role=role_arn("prod-backup")),
    )
    well = (*(Finding(f"webhook: {link}", "ok", "as asked for") for link in ("mode", "roles")),)
    return replace(made, service_accounts=accounts, injection=Injection(well, own="policy"))


def without_aws() -> Snapshot:
    reason = NotLooked("there are no AWS credentials")
    return replace(kubeadm(), bucket=reason, providers=reason, roles=reason)


def without_hosts() -> Snapshot:
    servers = tuple(server(name, RSA, seen_host=NotLooked("no host is in the inventory")) for name in ("a", "b"))
    return replace(kubeadm(), api_servers=servers, documents=(probe("controller", RSA),))


def of_one_host() -> Snapshot:
    """One host is known, with a former issuer that the other API server was not asked for."""
    own = host(KID, issuers=(ISSUER, DEFAULT, "https://older.example.com"))
    hidden = server("b", RSA, seen_host=NotLooked("the host was not reached"))
    return replace(kubeadm(), api_servers=(server("a", RSA, seen_host=own), hidden))


def behind_cloudfront() -> Snapshot:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::123456789012:distribution/E1"}},
    }
    every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    private = replace(
        bucket(),
        policy={"Version": "2012-10-17", "Statement": [statement]},
        blocks=every,
        account_blocks=every,
        behind_distribution=True,
        objects=(Object(DISCOVERY_KEY, encryption="aws:kms"), Object(JWKS_KEY)),
    )
    return replace(kubeadm(3), bucket=private)


def of_others() -> Snapshot:
    """A cluster that somebody else has set up: a webhook of the community's chart, documents on a web server."""
    chart = Injector("chart-amazon-eks-pod-identity-webhook", "irsa/webhook", True, 2)
    return replace(kubeadm(), bucket=None, injection=Injection(foreign=(chart,)))


def with_secure_transport() -> Snapshot:
    """The bucket denies what is not HTTPS, as many companies' rules ask for."""
    denied = {
        "Sid": "Https",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    policy = {"Version": "2012-10-17", "Statement": [*public()["Statement"], denied]}
    return replace(kubeadm(), bucket=replace(bucket(), policy=policy))


def private_authority() -> Snapshot:
    """The documents are served with a certificate of one's own authority, whose thumbprint the provider has."""
    made = kubeadm()
    thumbprint = "a" * 40
    tls = Tls(NOW - DAY, NOW + 300 * DAY, (HOST,), "Example CA", trusted=False, thumbprint=thumbprint)
    probes = tuple(
        Probe(each.seen_from, replace(_fetch(each.discovery), tls=tls), replace(_fetch(each.jwks), tls=tls))
        for each in t.cast("tuple[Probe, ...]", made.documents)
    )
    provider = Provider(PROVIDER, (AUDIENCE,), (thumbprint,))
    return replace(made, documents=probes, providers=Providers(ACCOUNT, found=(provider,)), bucket=None)


def _fetch(part: Fetch | NotLooked) -> Fetch:
    assert isinstance(part, Fetch)
    return part


def on_a_web_server(issuer: str = "https://oidc.example.com/prod") -> Snapshot:
    """Return a cluster whose documents are on a web server."""
    text = to_json(replace(kubeadm(), bucket=None)).replace(HOST, issuer.removeprefix("https://"))
    return of_json(text, source="a web server")


def of_govcloud() -> Snapshot:
    text = to_json(kubeadm()).replace("arn:aws:", "arn:aws-us-gov:").replace("eu-central-1", "us-gov-west-1")
    made = of_json(text.replace('"partition": "aws"', '"partition": "aws-us-gov"'), source="GovCloud")
    assert made != kubeadm()
    return made


def of_govcloud_without_rights() -> Snapshot:
    """The bucket alone may be read, by the user who publishes."""
    nobody = NotLooked("no right")
    return replace(of_govcloud(), providers=nobody, roles=nobody, documents=nobody, region=nobody)


def with_a_role_of_another_account() -> Snapshot:
    """Its tokens are for an audience of that account's provider, which was read in a run before."""
    made = kubeadm()
    arn = role_arn("prod-reports", "999999999999")
    issuer = PROVIDER.replace(ACCOUNT, "999999999999")
    other = replace(role("x"), arn=arn, trust=trust("apps/reports", arn=issuer, audiences=["vault"]))
    own = t.cast("Roles", made.roles)
    accounts = (ServiceAccount("apps", "reports", arn, audience="vault"), *t.cast("t.Any", made.service_accounts)[1:])
    pods = t.cast("tuple[Pod, ...]", made.pods)[1:]
    return replace(made, roles=replace(own, found=(other, *own.found[1:])), service_accounts=accounts, pods=pods)


def with_audiences_of_its_own() -> Snapshot:
    """Every service account with a role names another audience than the usual one, and the provider takes that."""
    text = to_json(replace(kubeadm(), service_accounts=()))
    made = of_json(text.replace(f'"{AUDIENCE}"', '"vault"'), source="another audience")
    accounts = t.cast("tuple[ServiceAccount, ...]", kubeadm().service_accounts)
    own = tuple(replace(each, audience="vault" if each.role else None) for each in accounts)
    return replace(made, audience=AUDIENCE, service_accounts=own)


def with_unusual_names() -> Snapshot:
    """IAM takes any character from ! to DEL in a path, Go a plus in front of a number, and a group may read the key."""
    arn = role_arn("team(a)!/x#1/prod-reports")
    made = of_json(to_json(kubeadm()).replace(role_arn("prod-reports"), arn), source="a path")
    accounts = t.cast("tuple[ServiceAccount, ...]", made.service_accounts)
    files = tuple(replace(file, mode=0o640) for file in host(KID).key_files)
    servers = (server("cp1", RSA, seen_host=host(KID, key_files=files)),)
    return replace(
        made, service_accounts=(replace(accounts[0], expiration="+3600"), *accounts[1:]), api_servers=servers
    )


def with_uploads() -> Snapshot:
    """Everybody may write into another folder of the bucket."""
    uploads = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{BUCKET}/up/*"}
    policy = {"Version": "2012-10-17", "Statement": [*public()["Statement"], uploads]}
    return replace(kubeadm(), bucket=replace(bucket(), policy=policy))


def with_a_port() -> Snapshot:
    """The discovery document names the port that https has anyway, and so do the API servers."""
    text = to_json(kubeadm()).replace(f"{ISSUER}/{JWKS_KEY}", f"{ISSUER}:443/{JWKS_KEY}")
    return of_json(text, source="a port")


def k3s() -> Snapshot:
    """One file signs and verifies, the audiences are K3s's own, and the issuer was there from the start."""
    key = "/var/lib/rancher/k3s/server/tls/service.current.key"
    flags = {
        "service-account-issuer": (ISSUER,),
        "api-audiences": ("https://kubernetes.default.svc.cluster.local,k3s",),
        "service-account-key-file": ("/var/lib/rancher/k3s/server/tls/service.key",),
    }
    file = KeyFile("/var/lib/rancher/k3s/server/tls/service.key", (KID,), private=True, mode=0o600, changed=NOW - DAY)
    own = host(KID, flags=flags, key_files=(file, replace(file, path=key)), controller_manager_kid="")
    return replace(kubeadm(), api_servers=(replace(server("cp1", RSA, seen_host=own), accepted=(ISSUER,)),))


def external_signer() -> Snapshot:
    """No key file is on the hosts, and the signer names its keys as it likes."""
    flags = {"service-account-issuer": (ISSUER, DEFAULT), "service-account-signing-endpoint": ("/run/signer.sock",)}
    own = host(KID, flags=flags, key_files=(), signing_kid="", controller_manager_kid="")
    return replace(kubeadm(), api_servers=(server("cp1", RSA, seen_host=own),))


def migrating() -> Snapshot:
    """Roles trust the former issuer, too, and people by another provider."""
    older = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/old"
    people = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    more = [*trust("apps/reports", arn=older)["Statement"], *trust("x/y", arn=people)["Statement"]]
    policy = trust("apps/reports")
    policy["Statement"] = [*more, *policy["Statement"]]
    found = (replace(role("prod-reports"), trust=policy), role("prod-backup", "apps/backup", "ops/backup"))
    providers = (Provider(older, (AUDIENCE,)), Provider(people, (AUDIENCE,)), Provider(PROVIDER, (AUDIENCE, "x")))
    return replace(kubeadm(), roles=Roles(found), providers=Providers(ACCOUNT, found=providers))


def with_short_trials() -> Snapshot:
    """The tokens that were tried were asked for ten minutes."""
    made = kubeadm()
    (own,) = t.cast("tuple[ApiServer, ...]", made.api_servers)
    return replace(made, api_servers=(replace(own, minted=Minted(ISSUER, KID, seconds=600, asked=600)),))


def from_the_office() -> Snapshot:
    """A role may be assumed from the addresses of the office alone, in two ways of saying so."""
    office = {"aws:SourceIp": "203.0.113.0/24"}
    policy = trust("apps/reports")
    policy["Statement"][0]["Condition"]["IpAddress"] = office
    denied = {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"NotIpAddress": office}}
    policy["Statement"].append(denied)
    roles = Roles((replace(role("prod-reports"), trust=policy), role("prod-backup", "apps/backup", "ops/backup")))
    return replace(kubeadm(), roles=roles)


def rotating() -> Snapshot:
    """A rotation waits for a day, as it should: both keys are everywhere, the new one signs."""
    made = kubeadm(3, RSA_OF_TOMORROW, RSA)
    secrets = (LegacySecret("ops", "robot", OTHER_KID),)
    return replace(made, rotation=Rotation("wait", NOW - DAY / 2, KID, OTHER_KID, secrets=secrets))


def with_patterns() -> Snapshot:
    """A role is for all service accounts of a namespace, and others may assume it, too."""
    made = kubeadm()
    policy = trust("apps/*")
    human = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    denied = {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": {"NotIpAddress": {}}}
    policy["Statement"] += [human, denied]
    roles = Roles((replace(role("prod-reports"), trust=policy), role("prod-backup", "apps/backup", "ops/backup")))
    return replace(made, roles=roles)


def unseen() -> Snapshot:
    return Snapshot(taken=NOW, issuer=ISSUER, bucket=NotLooked("there are no AWS credentials"))


HEALTHY: dict[str, t.Callable[[], Snapshot]] = {
    "kubeadm, one server": kubeadm,
    "kubeadm, three servers": lambda: kubeadm(3),
    "policy": by_policy,
    "no AWS credentials": without_aws,
    "no hosts": without_hosts,
    "EC keys": lambda: kubeadm(1, EC),
    "one host of two": of_one_host,
    "CloudFront": behind_cloudfront,
    "set up by others": of_others,
    "HTTPS alone": with_secure_transport,
    "private authority": private_authority,
    "rotating": rotating,
    "patterns": with_patterns,
    "a web server": on_a_web_server,
    "GovCloud": of_govcloud,
    "GovCloud, the bucket alone": of_govcloud_without_rights,
    "another account": with_a_role_of_another_account,
    "other audiences": with_audiences_of_its_own,
    "unusual names": with_unusual_names,
    "uploads": with_uploads,
    "a port": with_a_port,
    "K3s": k3s,
    "external signer": external_signer,
    "migrating": migrating,
    "from the office": from_the_office,
    "tokens of ten minutes": with_short_trials,
    "nothing was looked at": unseen,
}
