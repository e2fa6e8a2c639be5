# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the keys that sign and verify tokens. PRIVATE: it may change."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.checking import SITE, Seen, check, seen
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import looked
from ansible_collections.onprem.irsa.plugins.module_utils._proof.checks import ALGORITHMS

if t.TYPE_CHECKING:
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import ApiServer, KeyFile
    from ansible_collections.onprem.irsa.plugins.module_utils._doctor.view import View

_DAY: t.Final = 86400.0
# NIST SP 800-57 part 1, section 5.3.6: a private signature key is used for one to three years.
_OLD: t.Final = 3 * 365 * _DAY
# A group may read it: a component that does not run as root reads it so, as k0s and kubeadm's RootlessControlPlane do.
_OTHERS: t.Final = 0o027
_GUIDE: t.Final = "guide_chain"


def _files(view: View) -> t.Iterator[tuple[str, KeyFile]]:
    return ((name, file) for name, host in view.hosts for file in host.key_files)


def _stored(server: ApiServer) -> frozenset[str]:
    """Return the ids of the keys in the files by which a server verifies tokens; none where nobody knows."""
    host = looked(server.host)
    files = host.key_files if host is not None else ()
    return frozenset(kid for file in files if file.verifies for kid in file.kids)


def _loaded(server: ApiServer) -> frozenset[str]:
    """Return the ids of the keys that a server has read as it started, and serves; none where nobody knows."""
    return frozenset(key.kid for key in looked(server.served) or ())


def _verifying(server: ApiServer) -> frozenset[str]:
    """Return the ids of the keys by which a server accepts tokens now; none where nobody knows."""
    return _loaded(server) or _stored(server)


@check(
    "keys.differ",
    "broken",
    title="API servers do not have the same keys",
    cause="A token of one API server is refused by another, and by AWS where only the keys of some are published.",
    fix="Copy the key files of one control-plane host to the others, restart their API servers, and run "
    "onprem.irsa.site.",
    guide=_GUIDE,
)
def _differ(view: View) -> t.Iterator[Seen]:
    found = {server.name: _verifying(server) for server in view.servers if _verifying(server)}
    every: frozenset[str] = frozenset().union(*found.values())
    for name, kids in found.items():
        if kids != every:
            yield seen(name, f"it lacks {', '.join(sorted(every - kids))}, which another one has")


@check(
    "keys.pair",
    "broken",
    title="An API server does not accept its own tokens",
    cause="The public half of the key that signs is in none of its --service-account-key-file.",
    fix="Add the public half to a --service-account-key-file of every API server, and restart it: "
    "`openssl pkey -in PRIVATE_KEY -pubout`.",
    guide=_GUIDE,
)
def _pair(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        kid, known = view.signing_kids.get(server.name, ""), _verifying(server)
        # Where another server has it, the keys of the servers differ.
        elsewhere = any(kid in _verifying(other) for other in view.servers)
        if kid and known and kid not in known and not elsewhere:
            yield seen(server.name, f"it signs with {kid}, and has the keys {', '.join(sorted(known))}")


@check(
    "keys.weak",
    "broken",
    title="A signing key breaks a rule that AWS keeps",
    cause="AWS takes RSA keys of 2048 bits or more, and EC keys on P-256, P-384 and P-521 (RFC 7518).",
    fix="Replace the cluster's signing key by one that AWS takes.",
    guide=_GUIDE,
)
def _weak(view: View) -> t.Iterator[Seen]:
    for name, file in _files(view):
        if file.problem and not file.unreadable:
            yield seen(name, f"a key of {file.path} {file.problem}")


@check(
    "keys.unreadable",
    "broken",
    title="A key file cannot be read",
    cause="kube-apiserver does not start with a key file that is missing or holds no key.",
    fix="Restore {file} on {where} from an intact copy, such as that of another control-plane host.",
    guide=_GUIDE,
)
def _unreadable(view: View) -> t.Iterator[Seen]:
    for name, file in _files(view):
        if file.unreadable:
            yield seen(name, f"{file.path} cannot be read: {file.problem}", file=file.path)


@check(
    "keys.mode",
    "broken",
    title="A private key can be read by others",
    cause="Who reads it signs tokens of any service account, for the cluster and for AWS.",
    fix="Let its owner and its group alone read it, and consider who has read it by now.",
    command="ssh {where} chmod g-w,o= {file}",
    guide=_GUIDE,
)
def _mode(view: View) -> t.Iterator[Seen]:
    for name, file in _files(view):
        if file.private and file.mode is not None and file.mode & _OTHERS:
            yield seen(name, f"{file.path} has the mode {file.mode:04o}", file=file.path)


@check(
    "keys.age",
    "warning",
    title="The signing key is older than three years",
    cause="NIST SP 800-57, part 1: a signing key is used for one to three years, because nobody knows who has seen it.",
    fix="Rotate the cluster's signing key.",
    guide=_GUIDE,
)
def _age(view: View) -> t.Iterator[Seen]:
    for name, file in _files(view):
        age = 0.0 if file.changed is None else view.snapshot.taken - file.changed
        if file.private and age > _OLD:
            yield seen(name, f"{file.path} is {age / _DAY / 365:.1f} years old")


@check(
    "keys.changed",
    "broken",
    title="A key file has changed since the API server started",
    cause="kube-apiserver reads its keys once, as it starts: the next start signs with, or accepts, something else.",
    fix="Restart the API server of {where} once all of them accept both keys; restore the file if nobody meant it.",
    guide=_GUIDE,
)
def _changed(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        loaded, stored = _loaded(server), _stored(server)
        if loaded and stored and loaded != stored:
            found = f"it has loaded {', '.join(sorted(loaded))}, and its files hold {', '.join(sorted(stored))}"
            yield seen(server.name, found)


@check(
    "keys.algorithm",
    "broken",
    title="An API server signs in a way that AWS does not take",
    cause=f"AWS takes {', '.join(ALGORITHMS)} (STS API reference, AssumeRoleWithWebIdentity).",
    fix="Replace the cluster's signing key by an RSA key, or an EC key on P-256.",
    guide=_GUIDE,
)
def _algorithm(view: View) -> t.Iterator[Seen]:
    for server in view.servers:
        minted = looked(server.minted)
        if minted is not None and minted.algorithm not in ALGORITHMS:
            yield seen(server.name, f"it signs by {minted.algorithm}")


@check(
    "keys.controller-manager",
    "broken",
    title="kube-controller-manager signs with a key that API servers do not have",
    cause="The tokens of Secrets, which it signs, are refused.",
    fix="Let --service-account-private-key-file of kube-controller-manager name the file with which the API servers "
    "sign: run onprem.irsa.site.",
    command=SITE,
    guide=_GUIDE,
)
def _controller_manager(view: View) -> t.Iterator[Seen]:
    known = frozenset().union(*(_loaded(server) | _stored(server) for server in view.servers))
    for name, host in view.hosts:
        kid = host.controller_manager_kid
        if kid and known and kid not in known:
            yield seen(name, f"it signs with {kid}, and API servers have {', '.join(sorted(known))}")
