# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks MicroK8s' file of arguments: how it is read, and that an edit leaves every other byte."""

from __future__ import annotations

import re
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.microk8s import (
    ARGS,
    DATA,
    MICROK8S,
    SERVICE,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Flags,
    Process,
    Seen,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

NEW, OLD, OLDER = "https://oidc.example.com/c1", "https://kubernetes.default.svc", "https://older.example.com"
WORKER = f"{DATA}/var/lock/clustered.lock"
# As MicroK8s writes it, shortened.
DEFAULT = """\
--cert-dir=${SNAP_DATA}/certs
--service-account-key-file=${SNAP_DATA}/certs/serviceaccount.key
--secure-port=16443
--etcd-servers="unix://${SNAP_DATA}/var/kubernetes/backend/kine.sock:12379"
--service-account-issuer='https://kubernetes.default.svc'
--service-account-signing-key-file=${SNAP_DATA}/certs/serviceaccount.key
--profiling=false

# Enable the aggregation layer
--requestheader-allowed-names=front-proxy-client
#~Enable the aggregation layer
"""


def seen(text: str) -> Seen:
    return Seen(files={ARGS: text})


def flags(text: str) -> Flags:
    return flags_in(MICROK8S.settings(seen(text)))


def planned(text: str, wanted: Flags) -> str:
    """Return the text after a plan, which a second plan leaves as it is."""
    plan = MICROK8S.plan(seen(text), wanted)
    after = plan.edits[0].after if plan.edits else text
    assert MICROK8S.plan(seen(after), wanted).edits == ()
    return after


@pytest.mark.parametrize(
    ("text", "issuers"),
    [
        (DEFAULT, [OLD]),
        (f"--{ISSUER}={NEW}\n--{ISSUER}={OLD}\n", [NEW, OLD]),
        (f"--{ISSUER}={OLD}\n--v=2\n--{ISSUER}={NEW}", [OLD, NEW]),
        (f"--{ISSUER}=\"{NEW}\"\n--{ISSUER}='{OLD}'\n", [NEW, OLD]),
        (f"--'{ISSUER}'={NEW[:8]}\"{NEW[8:]}\n", [NEW]),  # quotes that are open, or within a word
        (f"--{ISSUER} {NEW} --v=2\n", [NEW]),
        (f"--{ISSUER}\n{NEW}\n", [NEW]),
        (f"--service_account_issuer={NEW}\n", [NEW]),
        (f"   --{ISSUER}={NEW}  \r\n\t--{ISSUER}={OLD}\t\r\n", [NEW, OLD]),
        (f"#--{ISSUER}={OLDER}\n  # --{ISSUER}={OLDER}\n--{ISSUER}={NEW}\n", [NEW]),
        (f"--{ISSUER}={NEW} # why\n", [NEW]),  # no comment, as far as kubelite is concerned, but three words
        (f"--{ISSUER}={OLDER}\n--{ISSUER}={NEW}\n--{ISSUER}={OLD}\n", [OLDER, NEW, OLD]),
    ],
)
def test_the_file_is_read_as_kubelite_reads_it(text: str, issuers: list[str]) -> None:
    assert flags(text)[ISSUER] == issuers


def test_a_setting_says_its_line() -> None:
    found = {setting.flag: (setting.value, str(setting.source)) for setting in MICROK8S.settings(seen(DEFAULT))}
    assert found[ISSUER] == (OLD, f"{ARGS}:5")
    assert found["requestheader-allowed-names"] == ("front-proxy-client", f"{ARGS}:10")
    assert found["service-account-key-file"][0] == f"{DATA}/certs/serviceaccount.key"


def test_variables_of_the_snap_are_replaced_and_others_stay() -> None:
    text = "--a=$SNAP_DATA/x\n--b=${SNAP}/y\n--c=${SNAP_COMMON}\n--d=${HOME}/z\n--e=$$\n"
    assert flags(text) == {
        "a": [f"{DATA}/x"],
        "b": ["/snap/microk8s/current/y"],
        "c": ["/var/snap/microk8s/common"],
        "d": ["${HOME}/z"],
        "e": ["$$"],
    }


def test_the_new_issuer_comes_above_the_default_one() -> None:
    line = f"--{ISSUER}='{OLD}'\n"
    assert planned(DEFAULT, {ISSUER: [NEW, OLD]}) == DEFAULT.replace(line, f"--{ISSUER}={NEW}\n{line}")
    assert planned(DEFAULT, {ISSUER: [OLD, NEW]}) == DEFAULT.replace(line, f"{line}--{ISSUER}={NEW}\n")


def test_both_passes_and_the_way_back() -> None:
    first = planned(DEFAULT, {ISSUER: [OLD, NEW]})
    second = planned(first, {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]})
    assert flags(second)[ISSUER] == [NEW, OLD]
    assert flags(second)[JWKS_URI] == [f"{NEW}/openid/v1/jwks"]
    assert flags(planned(second, {ISSUER: [OLD], JWKS_URI: []})) == flags(DEFAULT)


@pytest.mark.parametrize(
    ("text", "wanted", "after"),
    [
        ("--a=1\n--b=2\n--a=3\n", {"a": ["3"]}, "--b=2\n--a=3\n"),
        ("--a=1 --b=2\n", {"a": []}, "--b=2\n"),
        ("--b=2 --a=1\n", {"a": []}, "--b=2\n"),
        ("--b=2 --a 1 --c=3\n", {"a": []}, "--b=2 --c=3\n"),
        ("--b=2 --a=1 --a=2\n", {"a": []}, "--b=2\n"),
        ("--b=2 --a=1\n", {"a": ["0", "1"]}, "--b=2 --a=0 --a=1\n"),
        ("--b=2 --a=1\n--c=3\n", {"a": ["1", "2"]}, "--b=2 --a=1\n--a=2\n--c=3\n"),
        ("--a\n1\n--b=2\n", {"a": ["2"]}, "--a=2\n--b=2\n"),
        ("--b=2\n", {"a": ["1"]}, "--b=2\n--a=1\n"),
        ("--b=2", {"a": ["1", "2"]}, "--b=2\n--a=1\n--a=2\n"),
        ("--b=2\r\n", {"a": ["1"]}, "--b=2\r\n--a=1\r\n"),
        ("  --a=1\n", {"a": ["0", "1"]}, "  --a=0\n  --a=1\n"),
        ("\t--a='1' \r\n", {"a": ["2"]}, "\t--a=2 \r\n"),
        ("", {"a": ["1"]}, "--a=1\n"),
        ("# none yet", {"a": ["1"]}, "# none yet\n--a=1\n"),
        ("\ufeff# a mark of the order of bytes\n--b=2\n", {"a": ["1"]}, None),
        ("--a=1\n", {"a": ["1"]}, "--a=1\n"),
    ],
)
def test_only_the_flags_that_are_wanted_change(text: str, wanted: Flags, after: str | None) -> None:
    assert planned(text, wanted) == (f"{text}--a=1\n" if after is None else after)


LINES = st.sampled_from(
    [
        "--v=2",
        "  --event-ttl=5m  ",
        "# a comment",
        "#--service-account-issuer=x",
        "",
        "\t",
        '--etcd-servers="unix://${SNAP_DATA}/k.sock:12379"',
        "--profiling=false --secure-port=16443",
        "--bind-address 0.0.0.0",
        f"--{ISSUER}='{OLD}'",
        f"--{ISSUER} {OLDER}",
        f"--v=3 --{ISSUER}={NEW} --alsologtostderr=true",
    ]
)
TEXTS = st.builds(
    lambda lines, newline, end: newline.join(lines) + (newline if end else ""),
    st.lists(LINES, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
ISSUERS = st.lists(st.sampled_from([NEW, OLD, OLDER]), max_size=3, unique=True)


def others(text: str) -> list[str]:
    """Return what is not of the issuer: the words of each line, and the comments."""
    words = re.sub(rf"--{ISSUER}[= ]\S+ ?", "", text).splitlines()
    return [word.strip() for word in words if word.strip()]


@settings(deadline=None)
@given(TEXTS, ISSUERS)
def test_every_other_byte_stays(text: str, issuers: list[str]) -> None:
    after = planned(text, {ISSUER: issuers})
    assert flags(after).get(ISSUER, []) == issuers
    assert {name: values for name, values in flags(after).items() if name != ISSUER} == {
        name: values for name, values in flags(text).items() if name != ISSUER
    }
    assert others(after) == others(text)
    kept = [line for line in text.splitlines(keepends=True) if f"{ISSUER}" not in line or line[0] == "#"]
    left = iter(line.rstrip("\r\n") for line in after.splitlines(keepends=True))
    assert all(any(line.rstrip("\r\n") == other for other in left) for line in kept)


@pytest.mark.parametrize("value", ["a b", 'a"b', "it's", "$HOME", "a\tb"])
def test_a_value_that_the_file_cannot_hold_is_refused(value: str) -> None:
    with pytest.raises(InputError, match=re.escape(repr(value))):
        MICROK8S.plan(seen(DEFAULT), {"tls-cipher-suites": [value]})
    assert MICROK8S.plan(seen(DEFAULT), {ISSUER: [NEW, OLD]}).edits


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (Seen(), "is not there"),
        (Seen(unreadable={ARGS: "not UTF-8"}), "not UTF-8"),
        (seen(f"--v=2\n--\n--{ISSUER}={OLD}\n"), "cannot be changed alone"),
    ],
)
def test_a_file_that_cannot_be_changed_is_refused(host: Seen, says: str) -> None:
    with pytest.raises(InputError, match=says):
        MICROK8S.plan(host, {ISSUER: [NEW, OLD]})


def test_it_is_detected_where_a_control_plane_runs() -> None:
    assert MICROK8S.detect(Seen(directories=frozenset([DATA])))
    assert MICROK8S.detect(Seen(unreadable={ARGS: "denied"}))
    assert not MICROK8S.detect(Seen(directories=frozenset([DATA]), files={ARGS: DEFAULT, WORKER: ""}))
    assert not MICROK8S.detect(Seen(processes=(Process(("kube-apiserver",)),)))
    assert MICROK8S.named_files(Seen()) == ()


def test_places_are_those_of_the_file() -> None:
    own = MICROK8S.places(seen(DEFAULT))
    assert own.signing_key == f"{DATA}/certs/serviceaccount.key"
    assert own.public_keys == (own.signing_key,)
    assert own.api_url == "https://127.0.0.1:16443"
    other = MICROK8S.places(seen("--service-account-key-file=/a\n--service-account-key-file=/b\n--secure-port=1\n"))
    assert (other.public_keys, other.api_url) == (("/a", "/b"), "https://127.0.0.1:1")


def test_it_restarts_the_snaps_service() -> None:
    restart = MICROK8S.plan(seen(DEFAULT), {ISSUER: [NEW, OLD]}).restart
    assert (restart.kind, restart.name) == ("snap", SERVICE)
    assert "joins" in MICROK8S.upkeep(None).undone_by


def pasted(text: str) -> list[str]:
    """Return the texts to copy of each block, without their indent."""
    blocks = re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", found, flags=re.MULTILINE) for found in blocks]


def test_what_is_shown_leads_there_in_two_passes() -> None:
    wanted = {ISSUER: [NEW, OLD], JWKS_URI: [f"{NEW}/openid/v1/jwks"]}
    text = MICROK8S.show(wanted, None)
    first, restart, second, _again = pasted(text)
    assert flags(first) == {ISSUER: [OLD, NEW]}
    assert flags(second) == wanted
    assert f"snap restart {SERVICE}" in restart
    assert text.index("accepts the tokens") < text.index("stays accepted")
    assert ARGS in text


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(InputError, match="every token in use"):
        MICROK8S.show({ISSUER: [NEW]}, None)
    with pytest.raises(InputError, match="can't be written"):
        MICROK8S.show({ISSUER: [NEW, "a b"]}, None)


def test_the_room_fits_the_registry() -> None:
    room: t.Any = MICROK8S
    assert (room.name, room.special_form_of) == ("MicroK8s", "")
    assert ARGS in room.marks.globs
