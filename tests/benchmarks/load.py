# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A load of tokens on a cluster: asked of every API server and of the load balancer, used at all of them, shown to STS.

Bounded: it runs until it is stopped or for MAX_SECONDS, with one connection for each pair and a pause between rounds.
"""

from __future__ import annotations

import base64
import json
import threading
import time
import typing as t
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import boto3
import urllib3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MAX_SECONDS: t.Final = 900
_ROUND = 0.5  # seconds
_REFUSED = (401, 403)
_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Target:
    """An API server, or the load balancer before them; the latter is asked once more when it gives no answer."""

    name: str
    url: str
    balanced: bool = False


@dataclass
class Counts:
    """What became of the uses of tokens; latencies in seconds."""

    refused: int = 0
    refused_balanced: int = 0
    unavailable: int = 0
    failed_after_retry: int = 0
    uses: int = 0
    exchanges: int = 0
    refused_exchanges: int = 0
    latencies: list[float] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def percentile(self, share: float) -> float:
        """Return the latency, in milliseconds, that this share of the uses stays below."""
        ordered = sorted(self.latencies) or [0.0]
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Load:
    """Keeps asking, in threads, from start() to stop()."""

    targets: t.Sequence[Target]
    certificate: str
    key: str
    service_account: tuple[str, str]
    role_arn: str
    region: str
    issuer: str
    max_seconds: float = MAX_SECONDS
    pause: float = _ROUND
    """Seconds between two rounds."""
    token_seconds: int = _TOKEN_SECONDS
    """For how long the tokens live that it asks for."""
    counts: Counts = field(default_factory=Counts)
    _tokens: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the target that gave them, and by what each stands for, such as its age."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin, and return once every target has given a token."""
        loops = [(self._mint, target) for target in self.targets] + [(self._use, target) for target in self.targets]
        self._threads = [threading.Thread(target=self._loop, args=pair, daemon=True) for pair in loops]
        self._threads.append(threading.Thread(target=self._exchange, daemon=True))
        for thread in self._threads:
            thread.start()
        while len(self._tokens) < len(self.targets):
            time.sleep(_ROUND)

    def stop(self) -> Counts:
        """End it, and return what was counted."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return self.counts

    def _loop(self, act: t.Callable[[Target, urllib3.PoolManager], None], target: Target) -> None:
        pool = self._pool(admin=act == self._mint)
        end = time.monotonic() + self.max_seconds
        while not self._stop.wait(self.pause) and time.monotonic() < end:
            act(target, pool)

    def _pool(self, *, admin: bool) -> urllib3.PoolManager:
        return urllib3.PoolManager(
            cert_reqs="CERT_NONE",
            cert_file=self.certificate if admin else None,
            key_file=self.key if admin else None,
            retries=False,
            timeout=urllib3.Timeout(connect=2, read=10),
        )

    def _mint(self, target: Target, pool: urllib3.PoolManager, audiences: t.Sequence[str] = ()) -> str | None:
        """Ask for a token as the administrator; keep some of each target."""
        namespace, name = self.service_account
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        spec = {"audiences": [*audiences] or None, "expirationSeconds": self.token_seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        headers = {"Content-Type": "application/json"}
        with suppress(urllib3.exceptions.HTTPError):
            answer = pool.request("POST", target.url + path, body=json.dumps(body), headers=headers)
            if answer.status < 300:
                token = str(answer.json()["status"]["token"])
                if not audiences:
                    self._tokens[target.name] = self._kept(self._tokens.get(target.name, {}), token)
                return token
        return None

    def _kept(self, before: t.Mapping[str, str], token: str) -> dict[str, str]:
        """Return which tokens of a target are used from now on: the first and the newest."""
        return {"first": before.get("first", token), "newest": token}

    def _use(self, target: Target, pool: urllib3.PoolManager) -> None:
        """Use every token that is known; a server that is not ready is left alone, as by a load balancer."""
        if not target.balanced and self._status(pool, target.url + "/readyz") != 200:
            self._count(unavailable=1)
            return
        for minter, tokens in [*self._tokens.items()]:
            for age, token in tokens.items():
                headers = {"Authorization": f"Bearer {token}"}
                began = time.monotonic()
                status = self._status(pool, target.url + "/api", headers)
                if status is None and target.balanced:
                    status = self._status(pool, target.url + "/api", headers)
                    self._count(failed_after_retry=int(status is None))
                self._judge(status, time.monotonic() - began, target, f"{age} of {minter} at {target.name}")

    def _judge(self, status: int | None, seconds: float, target: Target, what: str) -> None:
        refused = int(status in _REFUSED)
        with self._lock:
            self.counts.uses += 1
            self.counts.latencies.append(seconds)
            self.counts.unavailable += int(status is None)
            self.counts.refused += refused
            self.counts.refused_balanced += refused * target.balanced
            if refused:
                self.counts.reasons[f"{status}: {what}"] += 1

    def _count(self, **numbers: int) -> None:
        with self._lock:
            for name, number in numbers.items():
                setattr(self.counts, name, getattr(self.counts, name) + number)

    @staticmethod
    def _status(pool: urllib3.PoolManager, url: str, headers: dict[str, str] | None = None) -> int | None:
        """Return the status of an answer; None without one, and for one that says to come back later."""
        with suppress(urllib3.exceptions.HTTPError):
            status = pool.request("GET", url, headers=headers).status
            return status if status < 500 else None
        return None

    def _exchange(self) -> None:
        """Show STS a token of the new issuer, from the moment on at which a server signs with it."""
        sts = self._sts()
        pool, end = self._pool(admin=True), time.monotonic() + self.max_seconds
        while not self._stop.wait(1.0) and time.monotonic() < end:
            for target in self.targets:
                token = self._mint(target, pool, ["sts.amazonaws.com"])
                if token is not None and part(token, 1)["iss"] == self.issuer:
                    self._offer(sts, token)

    def _sts(self) -> t.Any:  # noqa: ANN401 -- a client of boto3
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 2})
        return boto3.client("sts", region_name=self.region, config=config)

    def _offer(self, sts: t.Any, token: str) -> None:  # noqa: ANN401 -- as above
        """Exchange a token for credentials, and count what becomes of it."""
        try:
            sts.assume_role_with_web_identity(RoleArn=self.role_arn, RoleSessionName="load", WebIdentityToken=token)
            self._count(exchanges=1)
        except (BotoCoreError, ClientError) as error:
            self._count(exchanges=1, refused_exchanges=1)
            self.counts.reasons[f"STS: {error}"] += 1


def part(token: str, number: int) -> dict[str, t.Any]:
    """Return the header (0) or the claims (1) of a token."""
    text = token.split(".")[number]
    found: dict[str, t.Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found
