# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of the documentation's pages: the playbooks take each of them as it is printed."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from .test_examples import KUBECONFIG

if t.TYPE_CHECKING:
    from .conftest import Play

DOCS = Path(__file__).parents[3] / "docs/docsite/rst"
PAGES = [*sorted(DOCS.glob("distribution*.rst")), DOCS / "guide_any_cluster.rst"]


def inventories(page: Path) -> list[str]:
    """Return the blocks of a page that are an inventory."""
    found = re.findall(r"^\.\. code-block:: yaml\n\n((?: +.*\n|\n)+)", page.read_text() + "\n", re.MULTILINE)
    texts = [dedent(block) for block in found]
    return [text for text in texts if re.match(r"(all|kube_control_plane|[a-z_]+):.*\n +(hosts|vars|children):", text)]


CASES = [pytest.param(text, id=page.stem) for page in PAGES for text in inventories(page)]
ALONE = """\
all:
  vars:
    irsa_issuer_keys: api
    irsa_apiserver_flags: show
    irsa_kubeconfig_path: kubeconfig
    irsa_cluster: prod
    irsa_region: eu-central-1
    irsa_issuer_bucket: acme-prod-oidc
"""


def test_each_page_has_one() -> None:
    assert [page.stem for page in PAGES if not inventories(page)] == []


@pytest.mark.slow
@pytest.mark.parametrize("text", [*CASES, pytest.param(ALONE, id="no host")])
def test_it_is_taken_as_it_is_printed(play: Play, tmp_path: Path, text: str) -> None:
    inventory = yaml.safe_load(text)
    named = [group["vars"].get("irsa_kubeconfig_path", "") for group in inventory.values()]
    for path in [tmp_path / "folder" / name.replace("~", str(tmp_path)) for name in named if name]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(KUBECONFIG)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "HOME": str(tmp_path)}
    run = play(inventory=inventory, environment=keys)
    assert run.asked, run.output
    assert "[WARNING]" not in run.output
