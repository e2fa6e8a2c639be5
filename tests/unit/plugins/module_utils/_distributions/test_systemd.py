# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.registry import room_of
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    ISSUER,
    JWKS_URI,
    Edit,
    Plan,
    Process,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.systemd import DROP_IN, SYSTEMD, UNIT
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

ETC = f"/etc/systemd/system/{UNIT}"
USR = f"/usr/lib/systemd/system/{UNIT}"
ENV = "/etc/kubernetes/apiserver.env"
OLD = "https://old.example.com"
NEW = "https://new.example.com"
BOTH = {ISSUER: [NEW, OLD]}

# kelseyhightower/kubernetes-the-hard-way, units/kube-apiserver.service, in its form.
HARD_WAY = f"""\
[Unit]
Description=Kubernetes API Server

[Service]
ExecStart=/usr/local/bin/kube-apiserver \\
  --allow-privileged=true \\
  --service-account-key-file=/var/lib/kubernetes/service-accounts.crt \\
  --service-account-signing-key-file=/var/lib/kubernetes/service-accounts.key \\
  --service-account-issuer={OLD} \\
  --v=2
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
"""


def seen(*units: tuple[str, str], name: str = UNIT, running: bool = True, **files: str) -> Seen:
    paths = {"env": ENV, "other": "/run/kube.env"}
    return Seen(
        files={paths[key]: text for key, text in files.items()},
        units={name: tuple(UnitFile(path, text) for path, text in units)},
        processes=(Process(("kube-apiserver", "--v=2"), 998, name),) if running else (),
    )


def service(start: str, more: str = "", environment: str = "") -> str:
    return f"[Service]\n{environment}ExecStart={start}\n{more}"


def changed(there: Seen, wanted: dict[str, list[str]]) -> dict[str, str]:
    return {edit.path: edit.after for edit in SYSTEMD.plan(there, wanted).edits}


def after(there: Seen, plan: Plan) -> Seen:
    """Return the host with a plan's edits, and with every other file as it was."""
    new = {edit.path: edit.after for edit in plan.edits}
    units = {
        name: tuple(UnitFile(file.path, new.pop(file.path, file.text)) for file in files)
        for name, files in there.units.items()
    }
    files = {path: new.pop(path, text) for path, text in there.files.items()}
    (name,) = units
    units[name] += tuple(UnitFile(path, text) for path, text in new.items())
    return Seen(files=files, units=units, processes=there.processes)


def test_the_hard_way_gets_a_second_issuer_in_its_own_lines() -> None:
    there = seen((ETC, HARD_WAY))
    assert room_of(there) is SYSTEMD
    plan = SYSTEMD.plan(there, {**BOTH, JWKS_URI: [f"{NEW}/openid/v1/jwks"]})
    text = HARD_WAY.replace(
        f"  --service-account-issuer={OLD} \\\n",
        f"  --service-account-issuer={NEW} \\\n  --service-account-issuer={OLD} \\\n",
    ).replace("apiserver \\\n", f"apiserver \\\n  --service-account-jwks-uri={NEW}/openid/v1/jwks \\\n")
    assert plan.edits == (Edit(ETC, HARD_WAY, text),)
    assert (plan.restart.kind, plan.restart.name, plan.restart.reload, plan.warnings) == ("unit", UNIT, True, ())
    assert SYSTEMD.plan(after(there, plan), BOTH).edits == ()


def test_settings_name_file_and_line() -> None:
    there = seen((ETC, service("/bin/kube-apiserver --a=1 \\\n --b 2 $MORE", environment=f"EnvironmentFile={ENV}\n")))
    there = Seen({ENV: "# \nMORE='--c=3 --d'\n"}, units=there.units, processes=there.processes)
    found = [(setting.flag, setting.value, str(setting.source)) for setting in SYSTEMD.settings(there)]
    assert found == [("a", "1", f"{ETC}:3"), ("b", "2", f"{ETC}:4"), ("c", "3", f"{ENV}:2"), ("d", "true", f"{ENV}:2")]
    assert SYSTEMD.named_files(there) == (ENV,)


P = "/usr/local/bin/kube-apiserver"
I = f"--service-account-issuer={OLD}"  # noqa: E741 -- in a table
N = f"--service-account-issuer={NEW}"
FILE = f"EnvironmentFile={ENV}\n"
RUN = "EnvironmentFile=/run/kube.env\n"
# The command and file with variables before, what is wanted, and both after it; None: as before.
EDITS: dict[str, tuple[str, str, dict[str, list[str]], str | None, str | None]] = {
    "one line": (f"{P} --a {I} --b", "", BOTH, f"{P} --a {N} {I} --b", None),
    "the order alone": (f"{P} {I} {N}", "", BOTH, f"{P} {N} {I}", None),
    "removed": (f"{P} \\\n {N} \\\n {I} \\\n --b", "", {ISSUER: [OLD]}, f"{P} \\\n {I} \\\n --b", None),
    "the last one removed": (f"{P} \\\n --b \\\n {I}", "", {ISSUER: []}, f"{P} \\\n --b", None),
    "all removed": (f"{P} {I}", "", {ISSUER: []}, P, None),
    "comments stay": (
        f"{P} \\\n # one\n {N} \\\n # two\n {I}",
        "",
        {ISSUER: [OLD]},
        f"{P} \\\n # one\n  \\\n # two\n {I}",
        None,
    ),
    "two words": (
        f"{P} --service-account-issuer {OLD}",
        "",
        {ISSUER: [NEW]},
        f"{P} --service-account-issuer {NEW}",
        None,
    ),
    "quotes": (f'{P} "{I}"', "", {ISSUER: [NEW]}, f"{P} {N}", None),
    "odd values": (f"{P} --b", "", {"c": ['a b%"$']}, f'{P} "--c=a b%%\\"$$" --b', None),
    "odd values without variables": (f":{P} --b", "", {"c": ["$A"]}, f":{P} --c=$A --b", None),
    "a new flag": (f"-{P} --b \\\n --d", "", {"c": ["1", "2"]}, f"-{P} --c=1 --c=2 --b \\\n --d", None),
    "in the file": (f"{P} $ARGS", f"ARGS='--a {I}'\n", BOTH, None, f"ARGS='--a {N} {I}'\n"),
    "in lines of the file": (
        f"{P} $ARGS",
        f'# mine\nARGS="--a \\\n  {I} \\\n  --b"\nX=1\n',
        BOTH,
        None,
        f'# mine\nARGS="--a \\\n  {N} \\\n  {I} \\\n  --b"\nX=1\n',
    ),
    "without quotes in the file": (f"{P} $ARGS --z", f"ARGS={I} --b\n", BOTH, None, f"ARGS={N} {I} --b\n"),
    "removed in the file": (f"{P} $ARGS", f"ARGS='{N} {I}'\n", {ISSUER: []}, None, "ARGS=''\n"),
    "a new one in the unit": (f"{P} $ARGS", "ARGS=--a\n", {"c": ["1"]}, f"{P} --c=1 $ARGS", None),
    "the value alone in the file": (
        f"{P} --service-account-issuer=${{ISS}}",
        f'ISS="{OLD}" \n',
        {ISSUER: [NEW]},
        None,
        f'ISS="{NEW}" \n',
    ),
    "a second one beside it": (
        f"{P} --service-account-issuer=${{ISS}}",
        f"ISS={OLD}\n",
        BOTH,
        f"{P} {N} --service-account-issuer=${{ISS}}",
        None,
    ),
    "a value that something else has": (
        f"{P} --service-account-issuer=${{ISS}} --x=${{ISS}}",
        f"ISS={OLD}\n",
        {ISSUER: [NEW]},
        f"{P} {N} --x=${{ISS}}",
        None,
    ),
}


@pytest.mark.parametrize(("start", "variables", "wanted", "new", "new_variables"), EDITS.values(), ids=EDITS)
def test_flags_are_changed_where_they_stand(
    start: str, variables: str, wanted: dict[str, list[str]], new: str | None, new_variables: str | None
) -> None:
    there = seen((ETC, service(start, "User=kube\n", FILE)), env=variables)
    expected = {ETC: service(new, "User=kube\n", FILE)} if new is not None else {}
    expected |= {ENV: new_variables} if new_variables is not None else {}
    assert changed(there, wanted) == expected


def test_a_change_of_variables_alone_needs_no_reload() -> None:
    there = seen((ETC, service(f"{P} $ARGS", environment=FILE)), env=f"ARGS={I}\n")
    assert not SYSTEMD.plan(there, BOTH).restart.reload


def test_the_last_drop_in_that_sets_the_command_is_changed() -> None:
    drop_in = f"{ETC}.d/10-flags.conf"
    there = seen((USR, service(f"{P} --old")), (drop_in, service(f"{P} {I}").replace("Exec", "ExecStart=\nExec")))
    assert [*changed(there, BOTH)] == [drop_in]


def test_a_unit_of_a_package_gets_a_drop_in_with_its_whole_command() -> None:
    there = seen((USR, HARD_WAY))
    plan = SYSTEMD.plan(there, BOTH)
    [edit] = plan.edits
    assert (edit.path, edit.before, edit.mode) == (f"{ETC}.d/{DROP_IN}", None, 0o644)
    command = HARD_WAY.partition("[Service]\n")[2].partition("Restart=")[0]
    assert edit.after.splitlines()[1:3] == ["[Service]", "ExecStart="]
    assert edit.after.partition("ExecStart=\n")[2] == command.replace(f"  {I}", f"  {N} \\\n  {I}")
    [warning] = plan.warnings
    assert USR in warning
    again = after(there, plan)
    assert flags_in(SYSTEMD.settings(again)) == {**flags_in(SYSTEMD.settings(there)), **BOTH}
    assert [*changed(again, {ISSUER: [OLD]})] == [edit.path]


def test_a_unit_of_a_package_is_left_where_its_variables_have_the_flags() -> None:
    there = seen((USR, service(f"{P} $ARGS", environment=FILE)), env=f"ARGS='--a \\\n {I}'\n".replace("'", '"'))
    assert changed(there, {**BOTH, "c": ["1"]}) == {ENV: f'ARGS="--a \\\n {N} \\\n {I} \\\n --c=1"\n'}


@pytest.mark.parametrize(
    ("there", "problem", "names"),
    [
        (seen((ETC, service(f"/bin/sh -c 'exec kube-apiserver {I}'"))), "by /bin/sh", ETC),
        (seen((ETC, service(f"{P} '{I}"))), "a quote is not closed", f"{ETC}:2"),
        (seen((ETC, service(f"{P} $A $A", environment=f'Environment="A={I} "\n'))), "changed alone", ETC),
        (seen((ETC, service(f"{P} $A", environment=f"Environment=A={I}\n"))), "changed alone", ETC),
        (seen((ETC, service(f"{P} $A", environment=RUN)), other=f"A={I}\n"), "each boot", "/run"),
        (seen((USR, service(f"{P} $A", environment=RUN)), other=f"A={I}\n"), "each boot", "/run"),
        (seen((f"/run/systemd/transient/{UNIT}", HARD_WAY)), "no drop-in", "/run/systemd/transient"),
        (seen((USR, HARD_WAY), (f"{ETC}.d/{DROP_IN}", "[Service]\nUser=x\n")), "is there already", DROP_IN),
        (
            seen((USR, ""), (f"{USR}.d/zzz.conf", HARD_WAY)),
            "no drop-in in /etc/systemd/system",
            "zzz.conf",
        ),
        (
            seen((ETC, service(f"{P} $A {I} $B", environment=FILE + RUN)),
                 env="A=--service-account-issuer=https://a\n", other="B=--service-account-issuer=https://b\n"),
            f"{ETC}:4",
            "/run/kube.env:1",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_is_refused_by_name(there: Seen, problem: str, names: str) -> None:
    with pytest.raises(InputError) as caught:
        SYSTEMD.plan(there, BOTH)
    assert problem in str(caught.value)
    assert names in str(caught.value)


def test_odd_values_do_not_go_into_variables() -> None:
    there = seen((ETC, service(f"{P} $A", environment=FILE)), env="A=--c=1\n")
    with pytest.raises(InputError, match="blanks, quotes"):
        SYSTEMD.plan(there, {"c": ["a b"]})


def test_what_could_not_be_read_is_not_absent() -> None:
    there = seen((ETC, service(f"{P} $A", environment=FILE)))
    there = Seen(units=there.units, processes=there.processes, unreadable={ENV: "Permission denied"})
    with pytest.raises(InputError, match=f"{ENV}: Permission denied"):
        SYSTEMD.settings(there)


@pytest.mark.parametrize(
    ("there", "unit"),
    [
        (seen((ETC, HARD_WAY)), UNIT),
        (seen((ETC, HARD_WAY), name="kube-api.service"), "kube-api.service"),
        (seen((ETC, HARD_WAY), running=False), UNIT),
        (seen((ETC, service("/usr/local/bin/k0s controller")), name="k0scontroller.service"), ""),
        (Seen(processes=(Process(("kube-apiserver",)),), units={UNIT: (UnitFile(ETC, HARD_WAY),)}), ""),
        (Seen(units={UNIT: ()}), ""),
    ],
    ids=["hard way", "another name", "stopped", "k0s", "a left unit beside a pod", "none"],
)
def test_the_unit_is_that_of_the_process(there: Seen, unit: str) -> None:
    assert (SYSTEMD.unit(there), SYSTEMD.detect(there)) == (unit, bool(unit))


def test_places() -> None:
    places = SYSTEMD.places(seen((ETC, HARD_WAY.replace("Restart=", "User=kube\nRestart="))))
    assert places.public_keys == ("/var/lib/kubernetes/service-accounts.crt",)
    assert places.signing_key == "/var/lib/kubernetes/service-accounts.key"
    assert (places.component_user, places.api_url) == ("kube", "https://127.0.0.1:6443")


def test_the_text_for_a_person_has_both_passes() -> None:
    text = SYSTEMD.show({**BOTH, JWKS_URI: []}, None)
    assert text.index(f"--service-account-issuer={OLD}") < text.index(f"--service-account-issuer={NEW}")
    assert all(words in text for words in ("First pass", "Second pass", "Remove --service-account-jwks-uri.", UNIT))
    assert "Nothing of Kubernetes" in SYSTEMD.upkeep(None).undone_by


_NAMES = st.sampled_from(["a", "b", ISSUER, "c-d"])
_VALUES = st.text(st.sampled_from("abc0:/.%$\"'\\ #;=-ü"), max_size=6)
_GAPS = st.sampled_from([" ", "  ", "\t", " \\\n  ", " \\\n# a comment\n  ", " \\\n  ; another one \\\n\t"])


@st.composite
def commands(draw: st.DrawFn) -> str:
    """Draw a command in any layout."""
    words = draw(st.lists(st.tuples(_GAPS, _NAMES, _VALUES), max_size=6))
    text = P
    for gap, name, value in words:
        quoted = value.translate({ord(each): f"\\{each}" for each in '"\\'}).replace("%", "%%").replace("$", "$$")
        text += f'{gap}"--{name}={quoted}"'
    return text


@given(start=commands(), wanted=st.dictionaries(_NAMES, st.lists(_VALUES, max_size=3, unique=True), max_size=3))
def test_only_the_wanted_flags_change_and_they_go_back(start: str, wanted: dict[str, list[str]]) -> None:
    wanted = {name: [value for value in values if value or name != ISSUER] for name, values in wanted.items()}
    text = f"# before\n{service(start, 'User=kube')}\n\n[Install]\nX=1\n"
    there = seen((ETC, text))
    before = flags_in(SYSTEMD.settings(there))
    plan = SYSTEMD.plan(there, wanted)
    now = after(there, plan)
    expected = {name: values for name, values in {**before, **wanted}.items() if values}
    assert flags_in(SYSTEMD.settings(now)) == expected
    assert plan.edits == () or plan.edits[0].after.count("\n#") >= text.count("\n#")
    assert all(edit.after.endswith("User=kube\n\n[Install]\nX=1\n") for edit in plan.edits)
    assert SYSTEMD.plan(now, wanted).edits == ()
    back = {name: before.get(name, []) for name in wanted}
    if len({*back.get(ISSUER, [])}) == len(back.get(ISSUER, [])) and "" not in back.get(ISSUER, []):
        assert flags_in(SYSTEMD.settings(after(now, SYSTEMD.plan(now, back)))) == before
