# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How READMEs become pages of the site."""

from __future__ import annotations

import importlib.util
import typing as t
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("site_of_docs", ROOT / "docs/site.py")
assert _SPEC
assert _SPEC.loader
site: t.Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(site)


def converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> str:
    (tmp_path / "roles/irsa_iam").mkdir(parents=True)
    (tmp_path / "roles/irsa_iam/README.md").write_text(text)
    monkeypatch.setattr(site, "ROOT", tmp_path)
    return str(site.Converter("roles/irsa_iam/README.md").convert()).rstrip("\n")


@pytest.mark.parametrize(
    ("markdown", "page"),
    [
        ("a `b`, *c* and **d**.", "a ``b``, *c* and **d**."),
        ("`a`s and x`y`", "``a``\\ s and x\\ ``y``"),
        ("a * b_ and \\`c\\`", "a \\* b\\_ and \\`c\\`"),
        ("[x](https://example.com/a)", "`x <https://example.com/a>`__"),
        (
            "[x](../../docs/docsite/rst/guide_chain.rst)",
            ":ref:`x <ansible_collections.onprem.irsa.docsite.guide_chain>`",
        ),
        (
            "[`x: y`](../irsa_issuer/README.md#what-it-refuses)",
            ":ref:`x: y <ansible_collections.onprem.irsa.roles.irsa_issuer.README.what-it-refuses>`",
        ),
        ("[x](#own)", ":ref:`x <ansible_collections.onprem.irsa.roles.irsa_iam.README.own>`"),
        ("[x](tasks/main.yml)", "x"),
        ("* a\n  b\n* c\n  * d", "* a\n  b\n\n* c\n\n  * d"),
        ("1. a\n2. b", "#. a\n\n#. b"),
        ("```yaml\na: 1\n```", ".. code-block:: yaml\n\n   a: 1"),
        (
            "| a | b |\n|---|---|\n| `c` | |",
            ".. list-table::\n   :header-rows: 1\n\n   * - a\n     - b\n   * - ``c``\n     -",
        ),
        ("<!-- no -->\n\nyes", "yes"),
    ],
)
def test_what_the_readmes_use_is_turned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, markdown: str, page: str
) -> None:
    found = "\n".join(line for line in converted(tmp_path, monkeypatch, markdown).splitlines())
    assert found.replace("\n\n\n", "\n\n").strip() == page


def test_what_nobody_has_thought_of_stops_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="blockquote_open is more than"):
        converted(tmp_path, monkeypatch, "> a")


def test_a_link_to_no_page_stops_it() -> None:
    label = "ansible_collections.onprem.irsa.docsite.a"
    site.refuse_dead_links({"a.rst": f".. _{label}:\n", "b.rst": f":ref:`x <{label}>`"})
    with pytest.raises(SystemExit, match=r"b\.rst: ansible_collections\.onprem\.irsa\.docsite\.b"):
        site.refuse_dead_links({"a.rst": f".. _{label}:\n", "b.rst": f":ref:`x <{label[:-1]}b>`"})


def test_each_page_is_in_a_section() -> None:
    sections = yaml.safe_load((ROOT / "docs/docsite/extra-docs.yml").read_text())["sections"]
    listed = [name for section in sections for name in section["toctree"]]
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "docs/docsite/rst").glob("*.rst"))


def test_the_picture_says_what_it_shows() -> None:
    picture = ET.parse(ROOT / "docs/chain.svg").getroot()  # noqa: S314 -- our own
    assert picture.get("role") == "img"
    labels = [
        found.text for name in ("title", "desc") for found in picture.iter(f"{{http://www.w3.org/2000/svg}}{name}")
    ]
    assert len(labels) == 2
    assert all(labels)
