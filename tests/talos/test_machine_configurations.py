# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Talos' own code makes of machine configurations that were changed: make talos.

TALOS names the directory of the programs, one for each version.
"""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
    Flags,
    Seen,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.talos import FILE, TALOS
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

NEW, OLD = "https://oidc.example.com/c1", "https://cp.example.com:6443"
WANTED = {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
LISTS, DOCUMENT = "1.13", "1.14"
FORMS = [(LISTS, LISTS), (LISTS, DOCUMENT), (DOCUMENT, DOCUMENT)]
"""The version that has made a cluster, and the one that runs now."""
MACHINE = {"version": "v1alpha1", "machine": {"type": "controlplane"}}


def talos(version: str, *arguments: str) -> str:
    """Return what it writes; what it refuses is an AssertionError."""
    program = Path(os.environ["TALOS"]) / version / "talos"
    done = subprocess.run(  # noqa: S603 -- the lab's
        [program, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def take(tmp_path: Path) -> t.Callable[..., str]:
    """Give a node a configuration, or a patch of one, and return what it has then."""

    def taken(version: str, text: str, patch: str = "") -> str:
        file, patch_file = tmp_path / "configuration.yaml", tmp_path / "patch.yaml"
        file.write_text(text)
        patch_file.write_text(patch)
        return talos(version, "take", str(file), *([str(patch_file)] if patch else []))

    return taken


def flags(version: str, text: str) -> Flags:
    return flags_in(TALOS.settings(Seen(files={FILE: text}, version=version)))


def planned(version: str, text: str, wanted: Flags) -> str:
    [edit] = TALOS.plan(Seen(files={FILE: text}, version=version), wanted).edits
    return edit.after


@pytest.mark.parametrize(("made_by", "version"), FORMS)
def test_talos_takes_both_passes_and_the_way_back(made_by: str, version: str, take: t.Callable[..., str]) -> None:
    before = take(version, talos(made_by, "generate", OLD))
    own = flags(version, before)
    assert (own[ISSUER], own[AUDIENCES]) == ([OLD], [OLD])
    first = take(version, planned(version, before, {ISSUER: [OLD, NEW]}))
    assert flags(version, first) == {**own, ISSUER: [OLD, NEW]}
    second = take(version, planned(version, first, WANTED))
    assert flags(version, second) == {**own, **WANTED}
    back = take(version, planned(version, second, {ISSUER: [OLD], JWKS_URI: []}))
    assert flags(version, back) == own


def blocks(version: str) -> list[str]:
    """Return what is shown to copy, without its indent."""
    found = re.findall(r"(?:^    .*\n?)+", TALOS.show(WANTED, version), re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


@pytest.mark.parametrize(("version", "first", "second"), [(LISTS, 0, 2), (DOCUMENT, 2, 7)])
def test_talos_takes_the_patches_that_are_shown(
    version: str, first: int, second: int, take: t.Callable[..., str]
) -> None:
    """A cluster made before 1.14 keeps its form after an update; a second patch replaces the list of the first."""
    own = talos(LISTS, "generate", OLD)
    shown = blocks(version)
    text = take(version, own, shown[first])
    assert flags(version, text)[ISSUER] == [OLD, NEW]
    text = take(version, text, shown[second])
    assert flags(version, text) == {**flags(version, own), **WANTED}


def test_talos_takes_the_document_that_is_shown_to_edit(take: t.Callable[..., str]) -> None:
    text = talos(DOCUMENT, "generate", OLD)
    for numbers, wanted in (([0], {ISSUER: [OLD, NEW]}), ([4, 5], WANTED)):
        documents = list(yaml.safe_load_all(text))
        for number in numbers:
            shown = yaml.safe_load(blocks(DOCUMENT)[number])
            there = next(document for document in documents if document.get("kind") == shown["kind"])
            for part in ("issuer", "accepted", "extraArgs"):
                if part in shown:
                    there[part] = {**there.get(part, {}), **shown[part]}
        text = take(DOCUMENT, yaml.safe_dump_all(documents, sort_keys=False))
        assert flags(DOCUMENT, text).items() >= {**wanted, AUDIENCES: [OLD]}.items()


def test_a_patch_adds_to_the_lists_of_the_document(take: t.Callable[..., str]) -> None:
    """For which the text says to edit it: an issuer that is given twice ends kube-apiserver."""
    first, second = (blocks(DOCUMENT)[number] for number in (0, 4))
    text = take(DOCUMENT, take(DOCUMENT, talos(DOCUMENT, "generate", OLD), first), second)
    assert flags(DOCUMENT, text)[ISSUER] == [NEW, NEW, OLD]


def test_what_we_refuse_is_refused_by_talos(take: t.Callable[..., str]) -> None:
    lists = f"cluster: {{apiServer: {{extraArgs: {{{ISSUER}: [{NEW}, {OLD}]}}}}}}\n"
    with pytest.raises(AssertionError, match="cannot unmarshal"):
        take("1.12", talos("1.12", "generate", OLD), lists)
    with pytest.raises(InputError, match="gives a flag one value"):
        planned("1.12", talos("1.12", "generate", OLD), WANTED)

    document = (
        f"---\napiVersion: v1alpha1\nkind: KubeServiceAccountConfig\nissuer: {{privateKey: x, issuerURL: '{OLD}'}}\n"
    )
    both = talos(LISTS, "generate", OLD) + document
    with pytest.raises(AssertionError, match=r"already set in v1alpha1 config \(\.cluster\.serviceAccount\)"):
        take(DOCUMENT, both)
    with pytest.raises(InputError, match=r"\.cluster\.serviceAccount is set, and a KubeServiceAccountConfig"):
        planned(DOCUMENT, both, WANTED)
    with pytest.raises(AssertionError, match="not registered"):
        take(LISTS, both)
    with pytest.raises(InputError, match="does not know"):
        planned(LISTS, yaml.safe_dump(MACHINE) + document, WANTED)
