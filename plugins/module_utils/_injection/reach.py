# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What API servers say of a call of the webhook, and what helps. PRIVATE to the collection: it may change.

Sources of the words: k8s.io/apiserver (admission/plugin/webhook/mutating/dispatcher.go, util/proxy/proxy.go), net/http,
crypto/tls and crypto/x509 of Go, and sigs.k8s.io/apiserver-network-proxy.
"""

from __future__ import annotations

import re
import typing as t

HOOK: t.Final = "pod-identity-webhook.amazonaws.com"
"""The upstream name, which kOps and the community's chart keep."""

_MESSAGE = re.compile(r'"message":"(.*?)","')  # of a Status
# What API servers say when they get no answer for the pod that the role tries, quoted once, or twice in a Status.
_UNREACHED = re.compile(rf'failed calling webhook [\\"]+probe\.{re.escape(HOOK)}')

# A proxy that does not connect answers with a status, of which net/http returns the reason phrase alone (transport.go,
# dialConn), and each proxy has phrases of its own. Errors of Go begin in lower case, but for EOF; one of konnectivity's
# does not.
_REASON_PHRASE: t.Final = r"""\\*": (?!EOF\b|No agent)[A-Z][\w' -]+(?:[^\w:' -]|$)"""
_PROXY: t.Final = (
    "API servers call it by a proxy. Add .svc, and the networks of services and pods, to NO_PROXY (and no_proxy) in "
    "the manifest of kube-apiserver on each control-plane host: kubeadm writes down the variables of the shell "
    "that it ran in (under kubespray: additional_no_proxy)."
)
_PORT: t.Final = (
    "See that nothing between control-plane hosts and pods drops TCP port {port}; where API servers reach hosts alone, "
    "set irsa_webhook_host_network: true."
)
_CERTIFICATE: t.Final = (
    "Run onprem.irsa.site, which renews what is its own; with irsa_webhook_tls: secret, put a certificate into that "
    "Secret for {host}, signed by its ca.crt."
)

# The first whose words are there counts.
_FIXES: t.Final[tuple[tuple[str, str], ...]] = (
    (rf"proxyconnect|socks connect|[Pp]roxy (?:error|authentication)|{_REASON_PHRASE}", _PROXY),
    (
        r"(?i)no agent available|konnectivity|failed to get agent|proxy-?server|rpc error: code|dial unix|\bunix @"
        r"|dial timeout, ",
        "API servers call it by konnectivity, whose agents are not connected. Look at "
        "`kubectl --namespace kube-system get pods` for konnectivity-agent, and at what they log.",
    ),
    (
        r"no endpoints available|no service port|endpoints \S+ not found",
        "None of its pods is ready. Look at `kubectl --namespace {namespace} get pods,endpointslices`, and run "
        "onprem.irsa.site.",
    ),
    (r'services? \\*"?\S+ not found', "Its Service is gone. Run onprem.irsa.site."),
    (
        r"certificate has expired or is not yet valid",
        f"See that the clocks of control-plane hosts are right. {_CERTIFICATE}",
    ),
    (
        r"certificate signed by unknown authority|certificate is not trusted|self-signed certificate",
        "What answers has another certificate than caBundle signs. See that nothing in between, such as a service mesh "
        f"or a proxy that inspects TLS, answers in the webhook's place (leave its namespace out there). {_CERTIFICATE}",
    ),
    (r"x509:|tls: failed to verify certificate", _CERTIFICATE),
    (
        r"could not get REST client|unable to load root certificates",
        f"caBundle of the MutatingWebhookConfiguration is no PEM certificate. {_CERTIFICATE}",
    ),
    (
        r"\blookup \S+|no such host|server misbehaving|Temporary failure in name resolution",
        "API servers look up {host}, which they do where they have a proxy or an egress of their own: that must know "
        "the cluster's names. Without one, add .svc to NO_PROXY in the manifests of kube-apiserver.",
    ),
    (
        r"connection refused",
        "Look at `kubectl --namespace {namespace} get pods`: nothing listens where API servers call. See that no "
        f"firewall or NetworkPolicy refuses it. {_PORT}",
    ),
    (
        r"first record does not look like a TLS handshake|server gave HTTP response|malformed HTTP response",
        "What answers at TCP port {port} speaks no TLS. See that nothing in between, such as a service mesh, answers "
        "in the webhook's place: leave the namespace {namespace} out there.",
    ),
    (
        r"received (?:invalid|undecodable)|expected (?:webhook )?response|webhook response is nil",
        "What answers is not of the release in the tag of irsa_webhook_image, by which API servers choose reviews that "
        "it understands. Let the tag name the release, as in amazon/amazon-eks-pod-identity-webhook:v0.6.17.",
    ),
    (
        r"upstream connect error|no healthy upstream|\bthe server (?:could|has|is|rejected|responded)"
        r"|an error on the server|forbidden: User|couldn't get version/kind|json parse error",
        "Something else than the webhook answers. Look at the pods that `kubectl --namespace {namespace} get "
        "endpointslices` names, and see that no service mesh takes part in the namespace {namespace}.",
    ),
    (
        r"TLS handshake timeout|connection reset|\btls: |\bEOF\b|broken pipe|http2: (?!timeout)|stream error"
        r"|server closed idle connection|use of closed network connection",
        "A connection comes about and is cut. Look at what the webhook's pods log, and see that the MTU of the pods' "
        f"network fits and that no service mesh takes part in the namespace {{namespace}}. {_PORT}",
    ),
    (r"deadline exceeded|timed? ?out|no route to host|network is unreachable|Client\.Timeout", _PORT),
)


def refusal(error: str) -> str:
    """Return what an API server says, of an error of the module k8s, which quotes its C(Status) whole."""
    message = _MESSAGE.search(error)
    return error if message is None else message[1].replace("\\", "")


def is_unreached(error: str) -> bool:
    """Tell whether an error of the module k8s says that an API server does not reach the role's webhook."""
    return _UNREACHED.search(error) is not None


def advice(error: str, *, port: int, namespace: str) -> str:
    """Say what helps where an API server does not reach the webhook, by its own words.

    PORT is that of the webhook's pods in NAMESPACE.
    """
    said = refusal(error)
    fix = next((fix for words, fix in _FIXES if re.search(words, said)), _PORT)
    return fix.format(port=port, namespace=namespace, host=f"pod-identity-webhook.{namespace}.svc")


__all__: t.Final = ("HOOK", "advice", "is_unreached", "refusal")
