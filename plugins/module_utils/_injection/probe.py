# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod that was tried says of the injection. PRIVATE: it may change without notice."""

from __future__ import annotations

import typing as t

from ansible_collections.onprem.irsa.plugins.module_utils._injection.reach import advice, is_unreached


def probe_failure(
    failed: t.Mapping[str, t.Any], port: int = 8443, namespace: str = "pod-identity-webhook"
) -> dict[str, str]:
    """Say why pods that were tried have no role, by the result of the failed task, with or without a loop.

    Returns C(said), as C(cause) C(unreached), C(ignored) where a pod was admitted without its role, or C(refused), and
    as C(fix) what helps where the webhook at PORT of pods in NAMESPACE is not reached.
    """
    said, causes, unreached = [], set(), []
    for one in [one for one in failed.get("results", ()) if one.get("failed")] or [failed]:
        error = str(one.get("msg") or "no reason is known")
        is_ignored = "result" in one
        cause = "ignored" if is_ignored else "unreached" if is_unreached(error) else "refused"
        causes.add(cause)
        unreached += [error] if cause == "unreached" else []
        where = f"at {one['item']} " if "item" in one else ""
        said.append(f"{where}{'it was admitted without its role' if is_ignored else error}")
    cause = next(cause for cause in ("unreached", "ignored", "refused") if cause in causes)
    fixes = dict.fromkeys(advice(error, port=port, namespace=namespace) for error in unreached)
    return {"cause": cause, "said": "; ".join(said), "fix": " ".join(fixes)}


__all__: t.Final = ("probe_failure",)
