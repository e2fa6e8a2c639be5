# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._injection.probe import Tried, failure
from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import advice, is_unreached

HOST = "pod-identity-webhook.pod-identity-webhook.svc"


def status(words: str) -> str:
    """Return the error of the module k8s where an API server says this of its call of the webhook."""
    call = f'Post "https://{HOST}:443/mutate?timeout=5s": {words}'
    message = f'failed calling webhook "probe.pod-identity-webhook.amazonaws.com": failed to call webhook: {call}'
    return f"Failed to create object: {json.dumps({'message': message, 'reason': 'InternalError'}).encode()!r}".replace(
        '", "', '","'
    ).replace('": "', '":"')


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("proxyconnect tcp: dial tcp 192.0.2.80:3128: connect: connection refused", "NO_PROXY"),
        ("proxyconnect tcp: tls: first record does not look like a TLS handshake", "NO_PROXY"),
        ("Service Unavailable", "NO_PROXY"),
        ("Forbidden", "NO_PROXY"),
        ("Proxy Authentication Required", "NO_PROXY"),
        ("Gateway Timeout", "NO_PROXY"),
        # Proxies choose the words that go with a status.
        ("Access Denied", "NO_PROXY"),
        ("Service unavailable", "NO_PROXY"),
        ("Tunnel Connection Failed", "NO_PROXY"),
        ("Blocked by policy", "NO_PROXY"),
        ("Connection Timed Out", "NO_PROXY"),
        (f"socks connect tcp 192.0.2.8:1080->{HOST}:443: unknown error general SOCKS server failure", "NO_PROXY"),
        (f"dial tcp: lookup {HOST} on 192.0.2.53:53: no such host", f"look up {HOST}"),
        (f"dial tcp: lookup {HOST} on 192.0.2.53:53: read udp 192.0.2.1:4->192.0.2.53:53: i/o timeout", "look up"),
        (f"dial tcp: lookup {HOST} on [::1]:53: read udp [::1]:4->[::1]:53: read: connection refused", "look up"),
        ("No agent available", "konnectivity-agent"),
        ("dial unix /run/egress/server.socket: connect: connection refused", "konnectivity-agent"),
        ("write unix @->/run/egress/server.socket: write: broken pipe", "konnectivity-agent"),
        ('rpc error: code = Unavailable desc = connection error: desc = "transport"', "konnectivity-agent"),
        ('no endpoints available for service "pod-identity-webhook"', "None of its pods is ready"),
        ('service "pod-identity-webhook" not found', "Service is gone"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "caBundle"),
        ("x509: certificate has expired or is not yet valid: current time 2026-01-01", "clocks"),
        (f"x509: certificate is valid for other.svc, not {HOST}", f"for {HOST}"),
        ("x509: certificate relies on legacy Common Name field, use SANs instead", f"for {HOST}"),
        ("dial tcp 10.96.0.9:443: connect: connection refused", "nothing listens"),
        ("context deadline exceeded", "drops TCP port 8443"),
        ("dial tcp 10.96.0.9:443: i/o timeout", "irsa_webhook_host_network"),
        ("dial tcp 10.96.0.9:443: connect: no route to host", "drops TCP port 8443"),
        ("net/http: TLS handshake timeout", "MTU"),
        ("EOF", "is cut"),
        ("unexpected EOF", "is cut"),
        ('http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""', "is cut"),
        ("stream error: stream ID 1; INTERNAL_ERROR; received from peer", "is cut"),
        ("http2: client connection lost", "is cut"),
        ("http2: timeout awaiting response headers", "drops TCP port 8443"),
        ("tls: server selected unsupported protocol version 301", "is cut"),
        ("tls: first record does not look like a TLS handshake", "speaks no TLS"),
        ("something that nobody has seen", "drops TCP port 8443"),
    ],
)
def test_what_helps_follows_from_the_words_of_the_api_server(words: str, fix: str) -> None:
    error = status(words)
    assert is_unreached(error)
    given = advice(error, port=8443, namespace="pod-identity-webhook")
    assert fix in given
    assert ("NO_PROXY" in given) == (fix == "NO_PROXY" or "lookup" in words)
    assert failure([Tried("", error=error)], port=8443, namespace="pod-identity-webhook").fix == given


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("failed to call webhook: the server could not find the requested resource", "Something else than the webhook"),
        ("failed to call webhook: the server is currently unable to handle the request", "service mesh"),
        (
            'failed to call webhook: an error on the server ("no healthy upstream") has prevented the request from '
            "succeeding",
            "service mesh",
        ),
        (
            "failed to call webhook: couldn't get version/kind; json parse error: invalid character '<'",
            "Something else",
        ),
        (
            "received invalid webhook response: expected webhook response of admission.k8s.io/v1, "
            "Kind=AdmissionReview, got /, Kind=",
            "tag of irsa_webhook_image",
        ),
        ("could not get REST client: unable to load root certificates: unable to parse bytes as PEM block", "caBundle"),
    ],
)
def test_what_the_api_server_says_of_an_answer(words: str, fix: str) -> None:
    error = f'failed calling webhook "probe.pod-identity-webhook.amazonaws.com": {words}'
    assert is_unreached(error)
    given = advice(error, port=8443, namespace="pod-identity-webhook")
    assert fix in given
    assert "8443" not in given
    assert "NO_PROXY" not in given


def test_what_is_refused_by_others_has_no_advice_of_the_webhook() -> None:
    refused = failure([Tried("", error='pods "probe" is forbidden: Forbidden')], port=8443, namespace="irsa")
    assert (refused.cause, refused.fix) == ("refused", "")


def test_each_cause_is_told_once() -> None:
    tried = [Tried(name, error=status(words)) for name, words in (("a", "Forbidden"), ("b", "Forbidden"), ("c", "EOF"))]
    fix = failure(tried, port=9443, namespace="own").fix
    assert fix.count("NO_PROXY (") == 1
    assert "TCP port 9443" in fix
    assert "namespace own" in fix
