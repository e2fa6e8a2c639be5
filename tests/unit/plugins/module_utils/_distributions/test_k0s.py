# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks how k0s merges its flags, where its configuration is, and that an edit leaves every other byte."""

from __future__ import annotations

import re
import typing as t

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.k0s import DATA, FILE, K0S, UNIT
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
    PUBLIC_KEYS,
    SIGNING_KEY,
    Flags,
    Process,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

A, B, C = "https://oidc.example.com/c1", "https://kubernetes.default.svc", "https://older.example.com"
NEW, OLDER_K0S = "v1.34.4+k0s.0", "v1.33.6+k0s.0"
WANTED = {ISSUER: [A, B], JWKS_URI: [f"{A}/openid/v1/jwks"]}
HEAD = """\
# by hand
apiVersion: k0s.k0sproject.io/v1beta1
kind: ClusterConfig
metadata:
  name: k0s
spec:
"""
REST = """\
  network: {provider: kuberouter}   # not calico
  storage:
    type: etcd
"""


def config(api: str) -> str:
    return f"{HEAD}{api}{REST}"


def seen(text: str | None, version: str | None = NEW, command: str = "/usr/local/bin/k0s controller") -> Seen:
    unit = UnitFile(f"/etc/systemd/system/{UNIT}", f"[Service]\nExecStart={command}\n")
    return Seen(files={} if text is None else {FILE: text}, units={UNIT: (unit,)}, version=version)


def flags(text: str | None, version: str | None = NEW) -> Flags:
    return flags_in(K0S.settings(seen(text, version)))


def planned(text: str, wanted: Flags, version: str | None = NEW, *, disruptive: bool = False) -> str:
    """Return the text after a plan, which a second plan leaves as it is."""
    plan = K0S.plan(seen(text, version), wanted, disruptive=disruptive)
    after = plan.edits[0].after if plan.edits else text
    assert K0S.plan(seen(after, version), wanted, disruptive=disruptive).edits == ()
    return after


# Facts seen with k0s 1.34.4: what is written, and the issuers in the order in which the API server gets them.
@pytest.mark.parametrize(
    ("api", "issuers"),
    [
        ("", [B]),
        (f"  api:\n    extraArgs: {{{ISSUER}: {A}}}\n    rawArgs: [--{ISSUER}={B}]\n", [A, B]),
        (f"  api:\n    rawArgs:\n    - --{ISSUER}={A}\n", [B, A]),
        (f"  api:\n    rawArgs: [--{ISSUER}={B}]\n", [B, B]),  # ends the API server
        (f"  api:\n    extraArgs:\n      {ISSUER}: {A}\n", [A]),
        (f"  api:\n    extraArgs: {{{ISSUER}: {A}}}\n    rawArgs: ['--{ISSUER}', {B}, --v=2]\n", [A, B]),
        (f"  api:\n    extraArgs: {{{ISSUER}: {A}}}\n    rawArgs: [--{ISSUER}={B}, --{ISSUER}={C}]\n", [A, B, C]),
        (f"  api:\n    extrArgs:\n      {ISSUER}: {A}\n", [B]),  # misspelt, which k0s passes over
        ("  api:\n    extraArgs:\n    rawArgs: ~\n", [B]),
        (f"  api:\n---\nspec:\n  api:\n    extraArgs: {{{ISSUER}: {A}}}\n", [B]),  # the first document alone is read
    ],
)
def test_the_map_comes_first_and_the_list_behind_it(api: str, issuers: list[str]) -> None:
    assert flags(config(api))[ISSUER] == issuers


def test_a_version_before_the_list_passes_over_it() -> None:
    text = config(f"  api:\n    extraArgs: {{{ISSUER}: {A}}}\n    rawArgs: [--{ISSUER}={B}]\n")
    assert flags(text, OLDER_K0S)[ISSUER] == [A]
    assert flags(text, "v1.34.1+k0s.0")[ISSUER] == [A, B]
    assert flags(text, None)[ISSUER] == [A, B]


def test_what_k0s_sets_by_itself_is_known() -> None:
    assert flags(None) == {
        ISSUER: [B],
        JWKS_URI: [f"{B}/openid/v1/jwks"],
        PUBLIC_KEYS: [f"{DATA}/pki/sa.pub"],
        SIGNING_KEY: [f"{DATA}/pki/sa.key"],
        AUDIENCES: [f"{B},system:konnectivity-server"],
        "anonymous-auth": ["false"],
    }


@pytest.mark.parametrize("option", ["--single", "--disable-components=konnectivity-server,helm"])
def test_audiences_without_konnectivity(option: str) -> None:
    host = seen(None, command=f"/usr/local/bin/k0s controller {option}")
    assert flags_in(K0S.settings(host))[AUDIENCES] == [B]


def test_a_setting_says_where_it_is_written() -> None:
    text = config(f"  api:\n    extraArgs:\n      {ISSUER}: {A}\n    rawArgs:\n    - --v=2\n    - --{ISSUER}={B}\n")
    places = [(each.value, str(each.source)) for each in K0S.settings(seen(text)) if each.flag == ISSUER]
    assert places == [(A, f"{FILE}:9"), (B, f"{FILE}:12")]
    assert [str(each.source) for each in K0S.settings(seen(None)) if each.flag == JWKS_URI] == ["k0s"]


def test_a_flag_in_three_places_gets_its_values() -> None:
    text = config(
        f"  api:\n    extraArgs:\n      {ISSUER}: {C} # why\n    rawArgs:\n    - --{ISSUER}={B}\n    - --v=2\n"
        f"    - --{ISSUER}\n    - {A}\n"
    )
    assert flags(text)[ISSUER] == [C, B, A]
    assert planned(text, {ISSUER: [A, B]}) == config(
        f"  api:\n    extraArgs:\n      {ISSUER}: {A} # why\n    rawArgs:\n    - --{ISSUER}={B}\n    - --v=2\n"
    )


def test_both_passes_and_the_way_back() -> None:
    first = planned(config(""), {ISSUER: [B, A]})
    assert first == config("").replace(REST, f'{REST}  api:\n    rawArgs:\n    - "--{ISSUER}={A}"\n')
    second = planned(first, WANTED)
    assert yaml.safe_load(second)["spec"]["api"] == {
        "extraArgs": {ISSUER: A, JWKS_URI: f"{A}/openid/v1/jwks"},
        "rawArgs": [f"--{ISSUER}={B}"],
    }
    assert planned(second, {ISSUER: [B], JWKS_URI: []}) == config("")


@pytest.mark.parametrize(
    "api",
    [
        "  api:\n",
        "  api: {}\n",
        "  api:\n    address: 192.0.2.1\n",
        "  api: {address: 192.0.2.1, sans: [a, 'b']}\n",
        "  api:\n    extraArgs:\n    rawArgs: []\n",
        "  api:\n      extraArgs: {}   # none yet\n",
        '  api:\n    extraArgs:\n        # of the auditors\n        audit-log-path: "-"\n        v: 4\n    sans: [a]\n',
        "  api:\n    rawArgs:\n      - --v=2   # louder\n\n      # last\n      - '--profiling=false'\n",
        "  api:\n    rawArgs: ['--v=2',--profiling=false] # loud\n",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("lead", ["", "\ufeff"])
def test_what_is_there_stays(api: str, newline: str, lead: str) -> None:
    text = lead + config(api).replace("\n", newline)
    after = planned(text, WANTED)
    assert {**flags(text), **WANTED} == flags(after)
    assert after.startswith(lead + HEAD.replace("\n", newline))
    assert ("\r" in after) == ("\r" in text)
    assert all(line.endswith(newline) for line in after.splitlines(keepends=True))
    assert all(comment in after for comment in re.findall("#.*", config(api)))


def test_a_host_without_a_configuration_gets_one() -> None:
    [edit] = K0S.plan(seen(None), WANTED).edits
    assert (edit.path, edit.before, edit.mode) == (FILE, None, 0o600)
    assert edit.after.startswith("apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\n")
    assert flags(edit.after)[ISSUER] == [A, B]


KEYS = st.sampled_from(["audit-log-path", "v", "feature-gates", "profiling", ISSUER, JWKS_URI])
VALUES = st.sampled_from([A, B, C, '"-"', "'2'", "4", "true", "A=true,B=false"])
ITEMS = st.sampled_from(["--v=3", f"--{ISSUER}={A}", f"--{ISSUER}={C}", '"--profiling=false"', "'--x=y z'  # odd"])


@st.composite
def apis(draw: st.DrawFn) -> str:
    extra = draw(st.dictionaries(KEYS, VALUES, max_size=4))
    raw = draw(st.lists(ITEMS, max_size=4))
    comment = draw(st.sampled_from(["", "    # a comment\n", "\n"]))
    parts = [
        "    extraArgs:\n" + "".join(f"      {key}: {value}\n{comment}" for key, value in extra.items())
        if extra
        else "",
        "    rawArgs:\n" + "".join(f"    - {item}\n{comment}" for item in raw) if raw else "",
        "    sans: [a, b] # names\n",
    ]
    return "  api:\n" + "".join(draw(st.permutations(parts)))


@settings(deadline=None)
@given(apis(), st.permutations([A, B, C]), st.integers(1, 3))
def test_only_the_wanted_flags_change(api: str, issuers: list[str], number: int) -> None:
    text = config(api)
    wanted = {ISSUER: issuers[:number]}
    after = planned(text, wanted)
    assert flags(after) == {**flags(text), **wanted}
    own = re.compile(rf".*{ISSUER}.*|    (?:extraArgs|rawArgs):")
    if any(name in text and name not in after for name in ("extraArgs:", "rawArgs:")):  # with a list goes what is in it
        own = re.compile(rf"{own.pattern}| *(?:#.*)?")
    kept, left = ([line for line in whole.splitlines() if not own.fullmatch(line)] for whole in (text, after))
    assert left == kept


@pytest.mark.parametrize("wanted", [{ISSUER: [A, B]}, {ISSUER: [A]}, {"v": ["1", "2"]}])
def test_a_version_that_loses_the_old_issuer_is_refused(wanted: Flags) -> None:
    with pytest.raises(InputError, match=r"v1\.33\.6\+k0s\.0.*v1\.34\.1\+k0s.*Update k0s"):
        K0S.plan(seen(config(""), OLDER_K0S), wanted)


def test_a_version_that_loses_the_old_issuer_does_so_when_told() -> None:
    first = planned(config(""), {ISSUER: [B, A]}, OLDER_K0S, disruptive=True)
    assert first == config("")
    plan = K0S.plan(seen(first, OLDER_K0S), WANTED, disruptive=True)
    assert flags(plan.edits[0].after, OLDER_K0S)[ISSUER] == [A]
    assert "tokens of https://kubernetes.default.svc are refused" in plan.warnings[0]


def test_a_version_without_the_list_changes_other_flags() -> None:
    assert flags(planned(config(""), {"v": ["4"]}, OLDER_K0S), OLDER_K0S)["v"] == ["4"]


def test_a_version_that_is_not_known_is_refused() -> None:
    with pytest.raises(InputError, match=r"k0s version"):
        K0S.plan(seen(config(""), None), WANTED, disruptive=True)


@pytest.mark.parametrize(
    ("api", "says"),
    [
        ("  api: [a\n", "is not YAML"),
        ("  api: here\n", "no mapping at spec.api"),
        ("  api:\n    extraArgs: [a]\n", "extraArgs must be a map"),
        ("  api:\n    rawArgs: {a: b}\n", "rawArgs must be a list"),
        ("  api:\n    rawArgs: [[a]]\n", "neither a text nor a list"),
        (f"  api:\n    extraArgs:\n      {ISSUER}: [{A}, {B}]\n", "k0s reads one text"),
        (f"  api:\n    extraArgs:\n      {ISSUER}: {A}\n      {ISSUER}: {B}\n", f"{ISSUER} twice"),
        (f"  api:\n    extraArgs:\n      service_account_issuer: {A}\n", "in another order at each start"),
        (f"  api:\n    extraArgs:\n      <<: {{{ISSUER}: {A}}}\n", "merge key"),
        (f"  api:\n    extraArgs:\n      {ISSUER}: &a {C}\n      v: *a\n", "cannot be changed alone"),
        ("  api:\n    rawArgs: [--, --v=2]\n", "cannot be changed alone"),
        ("  api:\n\tx: y\n", "is not YAML"),
        (f"  api:\n    extraargs: {{{ISSUER}: {A}}}\n", r"spec\.api\.extraargs, which k0s reads as extraArgs"),
        ("  api: {RawArgs: []}\n", "Write it as rawArgs"),
    ],
)
def test_a_configuration_that_leaves_a_doubt_is_refused(api: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        K0S.plan(seen(config(api)), WANTED)
    assert FILE in str(refused.value)


UNITS = [
    ("/usr/local/bin/k0s controller --config=/opt/k0s.yaml", "/opt/k0s.yaml"),
    ("/usr/local/bin/k0s controller --enable-worker --config /opt/k0s.yaml", "/opt/k0s.yaml"),
    ("/usr/local/bin/k0s controller -c /opt/k0s.yaml", "/opt/k0s.yaml"),
    ('/usr/local/bin/k0s controller "--config=/opt/my k0s.yaml"', "/opt/my k0s.yaml"),
    ("/usr/local/bin/k0s controller --config=/a.yaml --config=/b.yaml", "/b.yaml"),
    ("/usr/local/bin/k0s controller \\\n  --config=/opt/k0s.yaml", "/opt/k0s.yaml"),
    ("/usr/local/bin/k0s controller $OPTIONS", "/opt/k0s.yaml"),
    ("/usr/local/bin/k0s controller --config=", FILE),
    ("/usr/local/bin/k0s controller", FILE),
]


@pytest.mark.parametrize(("command", "file"), UNITS)
def test_the_unit_says_where_the_configuration_is(command: str, file: str) -> None:
    text = f"[Service]\nEnvironmentFile=-/etc/sysconfig/k0s\nExecStart={command}\n"
    texts = {"/etc/sysconfig/k0s": "OPTIONS=--config=/opt/k0s.yaml\n", file: config(""), FILE: config("")}
    host = Seen(files=texts, units={UNIT: (UnitFile("/u", text),)}, version=NEW)
    assert K0S.named_files(host) == ("/etc/sysconfig/k0s", file)
    assert [edit.path for edit in K0S.plan(host, WANTED).edits] == [file]


def test_a_drop_in_decides() -> None:
    unit = UnitFile("/u", "[Service]\nExecStart=/usr/local/bin/k0s controller\n")
    drop_in = UnitFile("/d", "[Service]\nExecStart=\nExecStart=/usr/local/bin/k0s controller -c /x.yaml\n")
    assert K0S.named_files(Seen(units={UNIT: (unit, drop_in)})) == ("/x.yaml",)


def test_a_controller_of_another_unit_is_found_by_its_process() -> None:
    process = Process(("/usr/bin/k0s", "controller", "--config=/x.yaml"), unit="my-k0s.service")
    assert K0S.named_files(Seen(processes=(process,))) == ("/x.yaml",)
    unit = UnitFile("/u", "[Service]\nExecStart=/usr/bin/k0s controller -c /y.yaml\n")
    host = Seen(processes=(process,), units={"my-k0s.service": (unit,)}, files={"/y.yaml": ""}, version=NEW)
    plan = K0S.plan(host, WANTED)
    assert (plan.restart.name, plan.edits[0].path) == ("my-k0s.service", "/y.yaml")


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (seen(None, command="/usr/local/bin/k0s controller --config=/gone.yaml"), "/gone.yaml is not there"),
        (seen(None, command="/usr/local/bin/k0s controller --config=-"), "--config=-"),
        (seen(None, command="/usr/local/bin/k0s controller -c k0s.yaml"), "--config=k0s.yaml"),
        (Seen(unreadable={FILE: "Permission denied"}), "Permission denied"),
    ],
)
def test_a_configuration_that_is_not_there_is_refused(host: Seen, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        K0S.settings(host)


def test_the_unit_of_the_process_is_restarted_though_its_files_are_not_known() -> None:
    process = Process(("/usr/bin/k0s", "controller", "-c", "/x.yaml"), unit="my-k0s.service")
    plan = K0S.plan(Seen(processes=(process,), files={"/x.yaml": ""}, version=NEW), WANTED)
    assert (plan.restart.name, plan.edits[0].path) == ("my-k0s.service", "/x.yaml")


@pytest.mark.parametrize("processes", [(), (Process(("/usr/bin/k0s", "controller")),)])
def test_a_controller_that_no_unit_starts_is_refused(processes: tuple[Process, ...]) -> None:
    host = Seen(processes=processes, directories=frozenset([f"{DATA}/pki"]), version=NEW)
    with pytest.raises(InputError, match="No systemd unit starts k0s"):
        K0S.plan(host, WANTED)
    assert K0S.plan(host, {ISSUER: [B]}).edits == ()


@pytest.mark.parametrize(
    ("host", "there"),
    [
        (Seen(directories=frozenset([f"{DATA}/pki"])), True),
        (seen(None), True),
        (Seen(processes=(Process(("/usr/local/bin/k0s", "controller")),)), True),
        (Seen(processes=(Process(("/usr/local/bin/k0s", "worker")),)), False),
        (Seen(units={UNIT: ()}), False),
        (Seen(files={FILE: ""}), False),
    ],
)
def test_it_is_detected_where_a_controller_is(host: Seen, there: bool) -> None:
    assert K0S.detect(host) is there


def test_places_follow_the_configuration() -> None:
    own = K0S.places(seen(None))
    assert own.signing_key == f"{DATA}/pki/sa.key"
    assert own.public_keys == (f"{DATA}/pki/sa.pub",)
    assert (own.kubeconfig, own.api_url) == (f"{DATA}/pki/admin.conf", "https://localhost:6443")
    assert own.component_user == "kube-apiserver"
    text = config(
        "  api: {port: 7443, address: 192.0.2.1, onlyBindToAddress: true}\n"
        "  installConfig: {users: {kubeAPIserverUser: api}}\n"
    )
    other = K0S.places(seen(text, command="/usr/local/bin/k0s controller --data-dir=/srv/k0s"))
    assert (other.api_url, other.component_user) == ("https://192.0.2.1:7443", "api")
    assert other.signing_key == "/srv/k0s/pki/sa.key"


@pytest.mark.parametrize(("uid", "user"), [(0, "root"), (963, "kube-apiserver")])
def test_the_process_of_another_user_is_seen(uid: int, user: str) -> None:
    assert "kube-apiserver" in K0S.marks.programs
    process = Process((f"{DATA}/bin/kube-apiserver", "--v=1"), uid=uid, unit=UNIT)
    assert K0S.places(Seen(processes=(process,))).component_user == user


def test_it_restarts_the_unit_and_warns_of_k0sctl() -> None:
    plan = K0S.plan(seen(f"# generated-by-k0sctl 2026-11-29\n{config('')}"), WANTED)
    assert (plan.restart.kind, plan.restart.name) == ("unit", UNIT)
    assert "spec.k0s.config" in plan.warnings[0]
    assert K0S.plan(seen(config("")), WANTED).warnings == ()
    assert "k0sctl" in K0S.upkeep(NEW).undone_by


def pasted(text: str) -> list[str]:
    """Return the texts to copy of each block, without their indent."""
    blocks = re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", found, flags=re.MULTILINE) for found in blocks]


@pytest.mark.parametrize("old", [B, C])
@pytest.mark.parametrize("version", [None, NEW])
def test_what_is_shown_leads_there_in_two_passes(old: str, version: str | None) -> None:
    wanted = {ISSUER: [A, old], JWKS_URI: [f"{A}/openid/v1/jwks"]}
    text = K0S.show(wanted, version)
    first, restart, second, _again = pasted(text)
    assert flags(first)[ISSUER] == [old, A]
    assert flags(second) == {**flags(None), **wanted}
    assert "systemctl restart k0scontroller" in restart
    assert "k0sctl" in text


def test_a_version_that_loses_the_old_issuer_is_not_shown() -> None:
    with pytest.raises(InputError, match="Update k0s"):
        K0S.show(WANTED, OLDER_K0S)
    with pytest.raises(InputError, match="every token in use"):
        K0S.show({ISSUER: [A]}, NEW)


def test_the_room_fits_the_registry() -> None:
    room: t.Any = K0S
    assert (room.name, room.special_form_of, room.marks.units) == ("k0s", "", (UNIT,))
