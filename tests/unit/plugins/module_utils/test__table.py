# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._table import SCREEN, summary, table


def test_aligned() -> None:
    rows: list[dict[str, object]] = [
        {"link": "STS", "checked": "token for role", "result": "arn:x", "seconds": 0.44},
        {"link": "documents", "checked": "HTTPS", "result": "FAILED:\n status  403", "seconds": 12.0},
        {"link": "pod", "seconds": None},
    ]
    assert table(rows) == [
        "link       checked         result              seconds",
        "STS        token for role  arn:x               0.44",
        "documents  HTTPS           FAILED: status 403  12.00",
        "pod",
    ]


def test_other_columns() -> None:
    assert table([{"link": "a", "done": "b", "changed": True}], ["link", "changed"]) == ["link  changed", "a     True"]


def test_no_rows() -> None:
    assert table([]) == ["link  checked  result  seconds"]


KIDS = ["Me5VC6i4_4mymFj7T5rcUftFjYX70YoCfSnZB6-nBY4", "xK2sTtDdOPmvA9xPMgkMHmcvQfgjzq8O7IjhV2bEhFU"]


def links(roles: int, hosts: int) -> list[dict[str, object]]:
    """Return what onprem.irsa.site reports, as the roles write it, at its longest for so many."""
    names = [f"cp{number}.example.com" for number in range(hosts)]
    gone = [f"prod-a-long-name-of-a-role-{number}" for number in range(roles)]
    url = "https://acme-prod-oidc.s3.eu-central-1.amazonaws.com"
    return [
        {"link": "signing key", "done": f"{KIDS[0]}, the cluster's own on {hosts} hosts", "changed": False},
        {"link": "documents", "done": f"keys: {', '.join(KIDS)}", "changed": False},
        {"link": "publication", "done": f"{url}, read back in 0.21 s", "changed": True},
        {
            "link": "identity provider",
            "done": "arn:aws:iam::123456789012:oidc-provider/acme-prod-oidc.s3.eu-central-1.amazonaws.com "
            "for sts.amazonaws.com",
            "changed": True,
        },
        {
            "link": "roles",
            "done": f"{roles} roles, {roles} changed; no longer in the list, and still there: {', '.join(gone)}",
            "changed": True,
        },
        {"link": "service accounts", "done": f"{roles} annotated", "changed": True},
        {"link": "API-server flags", "done": f"switched one after the other on {', '.join(names)}", "changed": True},
        {"link": "upgrades and joins", "done": "kubeadm-config and its patches hold the flags", "changed": True},
        {"link": "webhook", "done": f"2 replicas; restarted: {', '.join(gone)}", "changed": True},
        {"link": "proof", "done": f"11 links, a token of each API server on {', '.join(names)}", "changed": False},
    ]


@pytest.mark.parametrize(("roles", "hosts"), [(1, 1), (100, 50)])
def test_the_summary_of_a_run_fits_one_screen(roles: int, hosts: int) -> None:
    lines = summary(links(roles, hosts), ["link", "done", "changed"], "done")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= SCREEN
    assert {line.split("  ")[0] for line in lines[1:]} - {""} == {str(row["link"]) for row in links(roles, hosts)}
    assert all(line.rstrip().endswith(("True", "False")) for line in lines[1:] if not line.startswith(" "))


def test_what_is_left_out_is_counted() -> None:
    (row,) = [row for row in links(100, 50) if row["link"] == "roles"]
    lines = summary([row], ["link", "done", "changed"], "done")
    (cut,) = [line for line in lines if "…" in line]
    kept = cut.split(" … ")[0].split()[-1]
    more = int(cut.split(" … ")[1].split()[0])
    assert str(row["done"])[: -more or None].endswith(kept)
    assert cut.endswith("more characters with -v")


def test_a_summary_that_fits_is_the_table() -> None:
    rows: list[dict[str, object]] = [{"link": "a", "done": "b", "changed": True}]
    assert summary(rows, ["link", "done", "changed"], "done") == table(rows, ["link", "done", "changed"])
