# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import typing as t
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ansible_collections.onprem.irsa.plugins.module_utils._doctor.diagnosis import diagnose
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.page import as_html
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.registry import CHECKS, LINKS
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.report import (
    as_data,
    as_json,
    as_junit,
    conclusion,
    lines,
    summary,
)
from ansible_collections.onprem.irsa.plugins.module_utils._doctor.snapshot import NotLooked, ServiceAccount

from .faults import FAULTS
from .some_snapshots import kubeadm, unseen, without_aws

FAULT = {name: make for _check, name, make in FAULTS}
CLOSED = diagnose(FAULT["policy_is_gone"]())
WELL = diagnose(kubeadm())
UNSEEN = diagnose(unseen())
VOID = {"meta", "rect", "path", "link", "img", "br"}
EVIL = "<script>alert(1)</script>\x1b[31m\"'&"


def evil() -> t.Any:  # noqa: ANN401 -- a Diagnosis
    account = ServiceAccount(EVIL, EVIL, EVIL)
    return diagnose(replace(kubeadm(), service_accounts=(account,), pods=(), cluster=EVIL))


class Page(HTMLParser):
    """Reads a page as strictly as it was written: every element is closed, every id is there once."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def having(self, attribute: str) -> list[str]:
        return [str(attributes[attribute]) for _tag, attributes in self.tags if attribute in attributes]


def test_lines_say_the_worst_first_and_the_first_broken_link_last() -> None:
    told = lines(CLOSED)
    assert told[0] == ("prod, 2026-01-01 00:00 UTC: 1 thing is broken, 2 follow from these.")
    assert re.sub(" +", " ", told[2]).startswith("broken bucket.not-public acme-prod-oidc no statement lets everybody")
    assert "broken, follows" in told[3]
    assert "(from bucket.not-public)" in told[3]
    assert told[-1].startswith("First broken link: Bucket, acme-prod-oidc: no statement lets everybody read ")
    assert "(2 findings follow from it)" in told[-1]
    commands = [line for line in told if line.startswith("  $ ")]
    assert len(commands) == 1
    assert commands[0].startswith("  $ aws s3api put-bucket-policy --bucket acme-prod-oidc --policy '{")


def test_what_is_seen_from_one_place_alone_says_so() -> None:
    told = lines(diagnose(FAULT["firewall_drops_from_a_host"]()))
    assert any("no answer: timeout, seen from cp1" in line for line in told)
    assert not any("seen from" in line for line in lines(CLOSED))


def test_lines_of_a_healthy_cluster_are_few() -> None:
    assert lines(WELL) == ["prod, 2026-01-01 00:00 UTC: Nothing is wrong.", "No link that was looked at is broken."]


def test_lines_say_what_was_not_looked_at() -> None:
    told = lines(diagnose(without_aws()))
    assert "Not looked at: bucket, providers, roles, because there are no AWS credentials." in told
    assert "not looked at: Bucket, Identity provider, Roles and trust." in told[0]
    assert conclusion(UNSEEN).startswith("No link was looked at. Name the control-plane hosts")
    assert summary(UNSEEN) == "Nothing was looked at."


def test_a_sentence_of_somebody_else_stands_behind_because() -> None:
    reason = NotLooked("The API server https://cp1:6443 cannot be asked: the connection is refused.")
    told = lines(diagnose(replace(kubeadm(), pods=reason, bucket=NotLooked("Amazon does not answer"))))
    assert (
        "Not looked at: pods, because the API server https://cp1:6443 cannot be asked: the connection is refused."
        in told
    )
    assert "Not looked at: bucket, because Amazon does not answer." in told


def test_what_has_no_name_is_not_called_by_an_empty_one() -> None:
    nameless = diagnose(replace(unseen(), issuer=""))
    assert lines(nameless)[0] == "a cluster without a name, 2026-01-01 00:00 UTC: Nothing was looked at."
    assert "Issuer not known, seen" in Page(as_html(nameless)).text


def test_json_is_a_contract() -> None:
    found = json.loads(as_json(CLOSED))
    assert found == as_data(CLOSED)
    assert {*found} == {
        *("version", "issuer", "provider_arn", "role_arns", "cluster", "taken", "summary", "first_broken", "links"),
        *("findings", "not_looked_at"),
    }
    assert found["first_broken"] == "bucket.not-public"
    assert {*found["findings"][0]} == {
        *("check", "link", "severity", "title", "where", "found", "cause", "fix", "command", "guide", "follows"),
        "documentation",
    }
    assert found["findings"][0]["documentation"] == "doctor_checks.html#bucket-not-public"
    assert {each["state"] for each in found["links"]} == {"ok", "broken"}


def test_junit_has_a_case_a_check() -> None:
    root = ElementTree.fromstring(as_junit(CLOSED))  # noqa: S314 -- our own
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(CHECKS)
    failed = {case.get("classname") for case in cases if case.find("failure") is not None}
    assert failed == {"onprem.irsa.doctor.bucket.not-public", "onprem.irsa.doctor.documents.forbidden"}
    assert sum(int(suite.get("failures", "")) for suite in root) == 2
    assert sum(int(suite.get("skipped", "")) for suite in root) == 0


def test_junit_passes_with_warnings_and_skips_what_was_not_looked_at() -> None:
    root = ElementTree.fromstring(as_junit(diagnose(FAULT["guide_with_one_issuer"]())))  # noqa: S314 -- our own
    assert root.find(".//failure") is None
    assert root.findtext(".//system-out", "").startswith("cp1: it accepts ")
    unlooked = ElementTree.fromstring(as_junit(UNSEEN))  # noqa: S314 -- our own
    assert len(unlooked.findall(".//skipped")) == len(CHECKS)


@pytest.mark.parametrize("diagnosis", [CLOSED, WELL, UNSEEN, evil()], ids=["closed", "well", "unseen", "evil"])
def test_the_page_stands_alone(diagnosis: t.Any) -> None:  # noqa: ANN401 -- a Diagnosis
    text = as_html(diagnosis)
    page = Page(text)
    names = {tag for tag, _attributes in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "input"}
    assert not re.search(r"url\(|@import|\bon[a-z]+=|javascript:", text.replace("annotation=", ""))
    assert all(target.startswith("#") for target in [*page.having("href"), *page.having("src")])
    assert "default-src 'none'" in text


@pytest.mark.parametrize("diagnosis", [CLOSED, WELL, UNSEEN, evil()], ids=["closed", "well", "unseen", "evil"])
def test_the_page_can_be_read_by_everybody(diagnosis: t.Any) -> None:  # noqa: ANN401 -- a Diagnosis
    page = Page(as_html(diagnosis))
    names = [tag for tag, _attributes in page.tags]
    assert [names.count(name) for name in ("header", "nav", "main", "footer", "h1")] == [1] * 5
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.having("href")} <= {*ids}
    assert {name for names in page.having("aria-labelledby") for name in names.split()} <= {*ids}
    assert all("role" in attributes for tag, attributes in page.tags if tag == "svg")
    levels = [int(name[1]) for name in names if re.fullmatch("h[1-6]", name)]
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert all(title in page.text for title in LINKS.values())


def test_the_page_says_what_was_found_and_executes_nothing_of_it() -> None:
    diagnosis = evil()
    assert diagnosis.findings
    text = as_html(diagnosis)
    assert "<script" not in text
    assert "\x1b" not in text
    assert "<script>alert(1)</script>" in Page(text).text
    assert not any("\x1b" in line for line in lines(diagnosis))
    assert ElementTree.fromstring(as_junit(diagnosis)) is not None  # noqa: S314 -- our own


@pytest.mark.parametrize(
    ("diagnosis", "state"),
    [
        (CLOSED, "broken"),
        (diagnose(FAULT["guide_with_one_issuer"]()), "warning"),
        (WELL, "ok"),
        (diagnose(without_aws()), "ok"),
        (UNSEEN, "unseen"),
    ],
)
def test_the_page_concludes_as_its_worst_link_does(diagnosis: t.Any, state: str) -> None:  # noqa: ANN401 -- a Diagnosis
    assert f'<p class="conclusion {state}"><span class="badge {state}">' in as_html(diagnosis)


@pytest.mark.parametrize("diagnosis", [CLOSED, WELL, UNSEEN], ids=["closed", "well", "unseen"])
def test_every_box_of_the_picture_says_its_state_and_leads_to_its_link(diagnosis: t.Any) -> None:  # noqa: ANN401 -- a Diagnosis
    words = {
        "ok": "\u2713 nothing wrong",
        "warning": "! warning",
        "broken": "\u2715 broken",
        "unseen": "? not looked at",
    }
    boxes = re.findall(
        r'<li><a class="(\w+)" href="#link-([\w-]+)">([^<]+) <span>([^<]+)</span></a></li>', as_html(diagnosis)
    )
    told = [(state, link, title, words[state]) for link, title in LINKS.items() for state in [diagnosis.state(link)]]
    assert boxes == told


def test_the_page_tells_what_is_alike_once() -> None:
    page = Page(as_html(CLOSED))
    assert len([finding for finding in CLOSED.findings if finding.check == "documents.forbidden"]) == 2
    assert page.text.count("Not everybody may read a document") == 1
    assert page.text.count("the key set is refused: HTTP status 403") == 1
    assert page.having("href").count("#bucket-not-public") == 2  # the conclusion, and what follows from it


def test_the_page_shows_commands_in_sentences_as_code() -> None:
    text = as_html(diagnose(FAULT["clock_of_a_host_drifts"]()))
    assert "<code>chronyc tracking</code>" in text
    assert "`" not in text


@pytest.mark.parametrize("make", [make for _check, _name, make in FAULTS], ids=[name for _c, name, _m in FAULTS])
def test_every_finding_is_in_every_form(make: t.Callable[[], t.Any]) -> None:
    diagnosis = diagnose(make())
    page, told, junit = Page(as_html(diagnosis)).text, "\n".join(lines(diagnosis)), as_junit(diagnosis)
    for finding in diagnosis.findings:
        assert finding.check in page
        assert finding.title in page
        assert finding.check in told
        assert finding.check in junit
