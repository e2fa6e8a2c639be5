# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes the injection in a cluster that has nothing of it. PRIVATE: it may change without notice.

Pure, and without a look at a cluster: manifests and a script that people review and apply. No private key is among
them. What is known only once the webhook has a certificate stands in the manifests as C(${CA_BUNDLE}), which the script
fills in; cert-manager fills it in by itself, and a policy has none.
"""

from __future__ import annotations

import json
import re
import typing as t
from datetime import datetime, timezone

from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError
from ansible_collections.onprem.irsa.plugins.module_utils._injection.admission_policy import on_by_default
from ansible_collections.onprem.irsa.plugins.module_utils._injection.names import (
    AUTHORITY,
    CERTIFICATE,
    LABELS,
    NAME,
    PULL_CREDENTIALS,
)
from ansible_collections.onprem.irsa.plugins.module_utils._injection.observation import Observation
from ansible_collections.onprem.irsa.plugins.module_utils._injection.plan import plan

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._injection.options import Options

Json = dict[str, t.Any]

SCRIPT: t.Final = "apply.sh"
POLICY_FLAGS: t.Final = "policy.md"
MANAGER: t.Final = "onprem.irsa"
"""The field manager of the role, with which a run owns what was applied as if it had made it."""
BUNDLE: t.Final = "${CA_BUNDLE}"
_APPLY: t.Final = f"kubectl apply --server-side --field-manager={MANAGER} --filename"
_NEVER: t.Final = datetime(2000, 1, 1, tzinfo=timezone.utc)  # no certificate is looked at
_RELEASE: t.Final = re.compile(r"v?([0-9]+)\.([0-9]+)")


class FromNothing(t.NamedTuple):
    """What is reviewed and applied."""

    plan: Json
    """As the role's templates take it."""
    names: list[str]
    """The file of each of the plan's parts, in the order in which they are applied."""
    files: dict[str, str]
    """What stands beside them, by name."""
    flags: dict[str, str]
    """What API servers need for a policy, by file."""


def from_nothing(options: Options, versions: t.Iterable[str]) -> FromNothing:
    """Return what makes what is asked for.

    versions: of the API servers, as far as they are known; the oldest says which policies all of them can have.
    Raises InputError where the cluster cannot have the policy, or its release is not known.
    """
    minor = _minor(versions)
    if options.mode == "policy" and not minor:
        raise InputError(
            "irsa_webhook_mode is policy, whose version depends on the release of Kubernetes, and no host and no API "
            "server was asked for it.",
            fix="Set irsa_kubernetes_version, as in irsa_kubernetes_version: 1.36.1",
        )
    seen = Observation(
        now=_NEVER,
        minor=minor,
        apis=on_by_default(minor) if minor else {},
        rules={},
        namespace=None,
        own_namespaces=(),
        configurations=(),
    )
    made = plan(options, seen)
    if options.mode == "webhook":
        lifetime = {"lifetime": options.certificate_days * 24 * 60 * 60}
        bundle = "" if options.tls == "cert-manager" else BUNDLE
        certificate = {**made["certificate"], **lifetime}
        made = {**made, "ca_bundle": bundle, "authority_sha256": "", "certificate": certificate}
    parts: list[str] = made["parts"]
    names = [f"{number:02d}-{part.replace('_', '-')}.yml" for number, part in enumerate(parts, start=1)]
    script = {SCRIPT: _script(options, names)} if options.mode == "webhook" else {}
    return FromNothing(made, names, script, _flags((made.get("policy") or {}).get("flags") or {}, minor))


def _minor(versions: t.Iterable[str]) -> str:
    """Return the oldest release, such as C(1.34); empty where none is known."""
    found = [(int(match[1]), int(match[2])) for version in versions for match in [_RELEASE.match(version)] if match]
    return ".".join(map(str, min(found))) if found else ""


def _flags(flags: t.Mapping[str, str], minor: str) -> dict[str, str]:
    if not flags:
        return {}
    lines = [
        f"Kubernetes {minor} serves the policy's API where every API server has these values. Add them to those that "
        "the flags have, separated by commas, where the issuer's flags are set; they can be set in the same restarts.",
        "",
        *(f"    --{name}={value}" for name, value in flags.items()),
        "",
    ]
    return {POLICY_FLAGS: "\n".join(lines)}


def _script(options: Options, names: t.Sequence[str]) -> str:
    """Return what applies a webhook: its certificate before what needs it, and last what has API servers call it."""
    namespace, *between, configuration = names
    return "".join(
        [
            _HEAD,
            _OF_OWN if options.tls == "own" else "",
            _BEGIN,
            f"{_APPLY} {namespace}\n",
            _FUNCTION if options.tls != "cert-manager" or options.pull_secret else "",
            _copied(options, options.pull_secret, PULL_CREDENTIALS, "kubernetes.io/dockerconfigjson"),
            _certificate(options),
            *(_applied(options, name) for name in between),
            f"kubectl --namespace {options.namespace} rollout status deployment/{NAME} --timeout=5m\n",
            _LAST,
            _applied(options, configuration),
        ]
    )


_HEAD: t.Final = """\
#!/bin/sh
# Applies the manifests beside it in their order, with kubectl and the kubeconfig that it takes by default.
"""
_OF_OWN: t.Final = """\
# Makes the webhook's certificate and its authority with openssl, unless the cluster has them. The private keys are in a
# directory that only the user can read, until it ends, and in the cluster.
"""
_BEGIN: t.Final = """\
set -eu
cd "$(dirname "$0")"
"""
# Secrets go through pipes: every user of a machine sees the arguments of its programs.
_FUNCTION: t.Final = f"""\
secret() {{ # stores a Secret: namespace, name, type, and its data as JSON
  printf '%s' '{{"apiVersion": "v1", "kind": "Secret", "metadata": {{"namespace": "'"$1"'", "name": "'"$2"'",
    "labels": {json.dumps(dict(LABELS))}}},
    "type": "'"$3"'", "data": '"$4"'}}' | {_APPLY} -
}}
"""
_LAST: t.Final = """\
# The last step: an API server that calls a webhook which is not there yet lets pods pass without their role.
"""


def _applied(options: Options, name: str) -> str:
    """Return the line that applies a manifest, with what is known only now."""
    if options.tls == "cert-manager" or not name.endswith(("-probe-webhook.yml", "-configuration.yml")):
        return f"{_APPLY} {name}\n"
    return f'sed "s|\\{BUNDLE}|$bundle|" {name} | {_APPLY} -\n'


def _copied(options: Options, source: str, name: str, kind: str) -> str:
    """Return what copies a Secret of the user's, if there is one: pods read those of their own namespace alone."""
    namespace, _slash, own = source.partition("/")
    if not own:
        return ""
    return f"""\
data=$(kubectl --namespace {namespace} get secret {own} --output 'jsonpath={{.data}}')
secret {options.namespace} {name} {kind} "$data"
"""


def _certificate(options: Options) -> str:
    """Return what gives the webhook its certificate, and takes what API servers trust it by."""
    if options.tls == "cert-manager":
        return ""
    if options.tls == "secret":
        made, name, key = _copied(options, options.tls_secret, CERTIFICATE, "kubernetes.io/tls"), CERTIFICATE, "ca"
    else:
        made, name, key = _own(options), AUTHORITY, "tls"
    return f"""\
{made}\
bundle=$(kubectl --namespace {options.namespace} get secret {name} --output 'jsonpath={{.data.{key}\\.crt}}')
"""


def _own(options: Options) -> str:
    """Return what makes authority and certificate as the role does: the same names, uses, kind of key and lives."""
    namespace, days = options.namespace, options.certificate_days
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -config openssl.cnf"
    return f"""\
there=$(kubectl --namespace {namespace} get secret {AUTHORITY} {CERTIFICATE} --ignore-not-found --output name)
case $there in
*/{AUTHORITY}*/{CERTIFICATE}*) ;;
?*)
  echo 'Of the Secrets {AUTHORITY} and {CERTIFICATE}, the namespace {namespace} has one.' >&2
  echo 'Remove it, so that both are made, or run onprem.irsa.site, which makes the other one.' >&2
  exit 1
  ;;
*)
  if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # memory
  made=$(mktemp -d)
  trap 'rm -rf "$made"' EXIT
  trap 'exit 1' HUP INT TERM
  cat >"$made/openssl.cnf" <<END
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[webhook]
subjectAltName = DNS:{options.host}
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
END
  (
    cd "$made"
    openssl req -x509 {key} -extensions authority \\
      -days {10 * days} -subj '/CN={NAME} CA, {namespace}' -keyout ca.key -out ca.crt
    openssl req -new {key} \\
      -subj /CN={NAME} -keyout tls.key -out tls.csr
    openssl x509 -req -sha256 -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} \\
      -extfile openssl.cnf -extensions webhook -out tls.crt
  )
  for name in ca tls; do
    secret {namespace} {NAME}-$name kubernetes.io/tls \\
      "{{\\"tls.crt\\": \\"$(openssl base64 -A -in "$made/$name.crt")\\", \\
        \\"tls.key\\": \\"$(openssl base64 -A -in "$made/$name.key")\\"}}"
  done
  ;;
esac
"""


__all__: t.Final = ("BUNDLE", "MANAGER", "POLICY_FLAGS", "SCRIPT", "FromNothing", "from_nothing")
