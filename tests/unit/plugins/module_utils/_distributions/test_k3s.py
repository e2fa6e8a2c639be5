# SPDX-FileCopyrightText: the onprem.irsa authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks how K3s and RKE2 merge flags, and what is written to change them.

The tables of orders were seen on K3s 1.36; the rest is by pkg/configfilearg and pkg/util/args.go of K3s.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.onprem.irsa.plugins.module_utils._distributions.k3s import DROP_IN, K3S, RKE2, K3s
from ansible_collections.onprem.irsa.plugins.module_utils._distributions.room import (
    AUDIENCES,
    ISSUER,
    JWKS_URI,
    PUBLIC_KEYS,
    SIGNING_KEY,
    Flags,
    Plan,
    Process,
    Seen,
    UnitFile,
    flags_in,
)
from ansible_collections.onprem.irsa.plugins.module_utils._errors import InputError

A, B, OLD, CLI = "https://a.example", "https://kubernetes.default.svc.cluster.local", "https://old.example", "https://c"
CONFIG = "/etc/rancher/k3s/config.yaml"
OWN = f"{CONFIG}.d/{DROP_IN}"
UNIT = "/etc/systemd/system/k3s.service"
# As K3s' installer writes it.
INSTALLED = f"""\
[Unit]
Description=Lightweight Kubernetes

[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-{UNIT}.env
User=root
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStart=/usr/local/bin/k3s \\
    server \\
"""


def server(files: t.Mapping[str, str], *arguments: str, env: str = "", room: K3s = K3S) -> Seen:
    """Return a host with these files below /etc/rancher/k3s and these arguments behind C(server)."""
    unit = INSTALLED + "".join(f"\t'{argument}' \\\n" for argument in arguments)
    texts = {f"/etc/rancher/{room.program}/{name}": text for name, text in files.items()}
    unit = unit.replace("k3s", room.program)
    return Seen(files={**texts, f"{UNIT}.env": env}, units={room.unit: (UnitFile(UNIT, unit),)}, version="v1.36.0+k3s1")


def issuers(*values: str, form: str = "") -> str:
    return "".join(f"- {ISSUER}{form}={value}\n" for value in values)


def flags(seen: Seen, room: K3s = K3S) -> Flags:
    return flags_in(room.settings(seen))


def applied(seen: Seen, plan: Plan) -> Seen:
    for edit in plan.edits:
        assert seen.files.get(edit.path) == edit.before
        seen = replace(seen, files={**seen.files, edit.path: edit.after})
    return seen


@pytest.mark.parametrize(
    ("files", "arguments", "expected"),
    [
        ({}, [], [B]),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(A, B)}"}, [], [A, B]),
        (
            {
                "config.yaml": "kube-apiserver-arg:\n- v=2\n",
                "config.yaml.d/50.yaml": f"kube-apiserver-arg+:\n{issuers(A, B)}",
            },
            [],
            [A, B],
        ),
        (
            {
                "config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}",
                "config.yaml.d/50.yaml": f"kube-apiserver-arg+:\n{issuers(A, B)}",
            },
            [],
            [OLD, A, B],
        ),
        (
            {
                "config.yaml": f"kube-apiserver-arg:\n- v=2\n{issuers(OLD)}",
                "config.yaml.d/50.yaml": f"kube-apiserver-arg:\n{issuers(A, B)}",
            },
            [],
            [A, B],
        ),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(A, form='+')}"}, [], [B, A]),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(A, form='-')}"}, [], [A, B]),
        (
            {
                "config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}",
                "config.yaml.d/50.yaml": f"kube-apiserver-arg+:\n{issuers(A, form='-')}",
            },
            [],
            [A, OLD],
        ),
        (
            {"config.yaml": f"kube-apiserver-arg:\n{issuers(A, B)}"},
            [f"--kube-apiserver-arg={ISSUER}={CLI}"],
            [A, B, CLI],
        ),
        ({}, ["--kube-apiserver-arg", f"{ISSUER}={A}", "--debug", f"-kube-apiserver-arg={ISSUER}={CLI}"], [A, CLI]),
        ({"config.yaml": f"kube-apiserver-arg: {ISSUER}={A}\n"}, [], [A]),
        ({"config.yaml": f'kube-apiserver-arg: ["--{ISSUER}={A}"]\n'}, [], [A]),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(A, form='+')}{issuers(OLD)}"}, [], [B, A, OLD]),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}{issuers(A, CLI, form='-')}"}, [], [CLI, A, OLD]),
        ({"config.yaml": f"kube-apiserver-arg:\n- service_account_issuer={A}\n"}, [], [B, A]),
        ({"config.yaml": "cluster-domain: k8s.lan\n"}, [], ["https://kubernetes.default.svc.k8s.lan"]),
        (
            {"config.yaml": "cluster-domain: k8s.lan\n"},
            ["--cluster-domain=cli.lan"],
            ["https://kubernetes.default.svc.cli.lan"],
        ),
        ({"config.yaml.d/50.YML": f"kube-apiserver-arg+:\n{issuers(A)}"}, [], [A]),
        ({"config.yaml.d/.hidden.yaml": f"kube-apiserver-arg:\n{issuers(A)}"}, [], [A]),
        ({"config.yaml.d/50.yaml.bak": f"kube-apiserver-arg:\n{issuers(A)}"}, [], [B]),
        (
            {
                "config.yaml.d/b.yaml": f"kube-apiserver-arg+:\n{issuers(OLD)}",
                "config.yaml.d/a.yaml": f"kube-apiserver-arg+:\n{issuers(A)}",
            },
            [],
            [A, OLD],
        ),
        (
            {"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}kube-apiserver-arg+:\n{issuers(A)}"},
            [],
            [OLD, A],
        ),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}kube-apiserver-arg:\n{issuers(A)}"}, [], [A]),
        ({"config.yaml": f"kube-apiserver-arg: []\n---\nkube-apiserver-arg:\n{issuers(A)}"}, [], [B]),
        ({"config.yaml": ""}, [], [B]),
    ],
)
@pytest.mark.parametrize("room", [K3S, RKE2])
def test_the_issuers_that_come_out(room: K3s, files: dict[str, str], arguments: list[str], expected: list[str]) -> None:
    assert flags(server(files, *arguments, room=room), room)[ISSUER] == expected


def test_a_key_without_plus_loses_what_files_before_say() -> None:
    files = {
        "config.yaml": f"kube-apiserver-arg:\n- v=2\n- profiling=false\n{issuers(OLD)}",
        "config.yaml.d/50.yaml": f"# ours\nkube-apiserver-arg:\n{issuers(A, B)}",
    }
    seen = server(files)
    assert "v" not in flags(seen)
    [warning] = K3S.plan(seen, {ISSUER: [A, B]}).warnings
    assert warning.startswith(
        f"{CONFIG}.d/50.yaml:2 has kube-apiserver-arg without +, so that the 3 arguments of {CONFIG}:1"
    )


def test_an_empty_list_is_no_loss() -> None:
    files = {"config.yaml": "kube-apiserver-arg: []\n", "config.yaml.d/1.yaml": f"kube-apiserver-arg:\n{issuers(A)}"}
    assert K3S.plan(server(files), {ISSUER: [A]}).warnings == ()


def test_of_equal_keys_the_last_is_changed() -> None:
    text = f"kube-apiserver-arg:\n{issuers(OLD)}kube-apiserver-arg:\n{issuers(CLI)}"
    [edit] = K3S.plan(server({"config.yaml": text}), {ISSUER: [A]}).edits
    assert edit.after == f"kube-apiserver-arg:\n{issuers(OLD)}kube-apiserver-arg:\n{issuers(A)}"


def test_what_is_built_in() -> None:
    assert flags(server({})) == {
        AUDIENCES: [f"{B},k3s"],
        ISSUER: [B],
        PUBLIC_KEYS: ["/var/lib/rancher/k3s/server/tls/service.key"],
        SIGNING_KEY: ["/var/lib/rancher/k3s/server/tls/service.current.key"],
    }
    assert flags(server({}, room=RKE2), RKE2)[AUDIENCES] == [f"{B},rke2"]
    issuer = f"kube-apiserver-arg:\n{issuers(A)}"
    assert flags(server({"config.yaml": issuer}))[AUDIENCES] == [f"{B},k3s"]


def test_the_order_is_that_of_names_and_each_setting_has_its_place() -> None:
    seen = server(
        {"config.yaml": f"debug: true\nkube-apiserver-arg:\n- v=2\n{issuers(A)}- allow-privileged\n"}, "-d", "/d"
    )
    assert [(setting.flag, setting.value, str(setting.source)) for setting in K3S.settings(seen)] == [
        ("allow-privileged", "true", f"{CONFIG}:5"),
        (AUDIENCES, f"{B},k3s", "K3s"),
        (ISSUER, A, f"{CONFIG}:4"),
        (PUBLIC_KEYS, "/d/server/tls/service.key", "K3s"),
        (SIGNING_KEY, "/d/server/tls/service.current.key", "K3s"),
        ("v", "2", f"{CONFIG}:3"),
    ]
    [setting] = [
        each for each in K3S.settings(server({}, f"--kube-apiserver-arg={ISSUER}={CLI}")) if each.flag == ISSUER
    ]
    assert str(setting.source) == f"{UNIT}:13"


def test_a_configuration_elsewhere() -> None:
    listed = f"kube-apiserver-arg:\n{issuers(A)}"
    for seen in (
        server({"../other.yaml": ""}, "--config=/etc/other.yaml"),
        server({}, "-c", "/etc/other.yaml", "--config=/etc/no.yaml"),
        server({}, env="K3S_CONFIG_FILE=/etc/other.yaml\n"),
        server({}, "-c", "/etc/no.yaml", env="K3S_CONFIG_FILE=/etc/other.yaml\n"),
    ):
        assert {"/etc/other.yaml", "/etc/other.yaml.d/*"} <= {*K3S.named_files(seen)}
        there = replace(
            seen, files={**seen.files, "/etc/other.yaml": listed, CONFIG: f"kube-apiserver-arg:\n{issuers(OLD)}"}
        )
        assert flags(there)[ISSUER] == [A]
        [edit] = K3S.plan(there, {JWKS_URI: ["https://a.example/keys"]}).edits
        assert edit.path == f"/etc/other.yaml.d/{DROP_IN}"
    assert f"{UNIT}.env" in K3S.named_files(server({}))
    assert "/etc/default/k3s" in K3S.named_files(server({}))
    with pytest.raises(InputError, match="https://conf, which is no absolute path"):
        flags(server({}, "--config=https://conf"))
    with pytest.raises(InputError, match="nowhere"):
        flags(server({}, "--config="))


def test_who_has_a_control_plane() -> None:
    assert K3S.detect(server({}))
    assert not RKE2.detect(server({}))
    agent = INSTALLED.replace("server", "agent")
    assert not K3S.detect(Seen(units={"k3s-agent.service": (UnitFile(UNIT, agent),)}))
    assert not K3S.detect(Seen(directories=frozenset(K3S.marks.directories)))
    assert K3S.detect(Seen(processes=(Process(("/usr/local/bin/k3s server", "")),)))
    assert K3S.detect(Seen(processes=(Process(("/bin/k3s", "server", "--disable=traefik")),)))
    assert not K3S.detect(Seen(processes=(Process(("/usr/local/bin/k3s agent",)), Process(("/bin/kube-apiserver",)))))


def test_the_arguments_of_a_process_count_where_no_unit_is() -> None:
    seen = Seen(processes=(Process(("/bin/k3s", "server", "--kube-apiserver-arg", f"{ISSUER}={CLI}")),))
    assert flags(seen)[ISSUER] == [CLI]
    with pytest.raises(InputError, match=r"No systemd unit starts `k3s server`.*show"):
        K3S.plan(seen, {ISSUER: [A, CLI]})


@pytest.mark.parametrize(
    ("files", "wanted", "path", "after"),
    [
        ({}, [A, B], "own", issuers(A, B)),
        ({}, [B, A], "own", issuers(B, A)),
        ({"config.yaml": "kube-apiserver-arg:\n- v=2\n"}, [A, B], "own", issuers(A, B)),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}"}, [OLD, A], "own", issuers(A, form="+")),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}"}, [A, OLD], "own", issuers(A, form="-")),
        (
            {"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD, B)}"},
            [A, OLD, B, CLI],
            "own",
            issuers(A, form="-") + issuers(CLI, form="+"),
        ),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD, B)}"}, [B, OLD], "config", issuers(B, OLD)),
        ({"config.yaml": f"kube-apiserver-arg:\n{issuers(OLD, B)}"}, [A], "config", issuers(A)),
    ],
)
def test_what_is_written_for_issuers(files: dict[str, str], wanted: list[str], path: str, after: str) -> None:
    seen = server(files)
    plan = K3S.plan(seen, {ISSUER: wanted})
    [edit] = plan.edits
    assert edit.path == (OWN if path == "own" else CONFIG)
    assert yaml.safe_load(edit.after)[f"kube-apiserver-arg{'+' if path == 'own' else ''}"] == yaml.safe_load(after)
    assert edit.mode == (0o600 if path == "own" else None)
    assert (plan.restart.kind, plan.restart.name, plan.restart.reload) == ("unit", "k3s.service", False)
    later = applied(seen, plan)
    assert flags(later)[ISSUER] == wanted
    assert K3S.plan(later, {ISSUER: wanted}).edits == ()


def test_both_passes_and_the_retirement_on_a_server_that_has_an_issuer() -> None:
    seen = server({"config.yaml": f"token: secret\nkube-apiserver-arg:\n{issuers(OLD)}- v=2\n"})
    for wanted in ([OLD, A], [A, OLD]):
        plan = K3S.plan(seen, {ISSUER: wanted})
        assert [edit.path for edit in plan.edits] == [OWN]
        seen = applied(seen, plan)
        assert flags(seen)[ISSUER] == wanted
    seen = applied(seen, K3S.plan(seen, {ISSUER: [A]}))
    assert seen.files[CONFIG] == f"token: secret\nkube-apiserver-arg:\n{issuers(A)}- v=2\n"
    assert flags(seen)[ISSUER] == [A]
    assert yaml.safe_load(seen.files[OWN]) == {"kube-apiserver-arg+": []}
    seen = applied(seen, K3S.plan(seen, {ISSUER: [OLD, A]}))
    assert flags(seen)[ISSUER] == [OLD, A]


def test_a_flag_goes_without_a_trace() -> None:
    seen = server({})
    seen = applied(seen, K3S.plan(seen, {JWKS_URI: ["https://a.example/keys"], ISSUER: [A, B]}))
    after = applied(seen, K3S.plan(seen, {JWKS_URI: []}))
    assert JWKS_URI not in flags(after)
    assert yaml.safe_load(after.files[OWN]) == {"kube-apiserver-arg+": [f"{ISSUER}={A}", f"{ISSUER}={B}"]}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (
            f"kube-apiserver-arg: [v=2, {ISSUER}={OLD}]  # flow\nnode-name: x\n",
            f'kube-apiserver-arg: [v=2, "{ISSUER}={A}"]  # flow\nnode-name: x\n',
        ),
        (
            f"kube-apiserver-arg:\n  - '{ISSUER}={OLD}' # why\r\n  # more\n  - v=2",
            f"kube-apiserver-arg:\n  - '{ISSUER}={A}' # why\r\n  # more\n  - v=2",
        ),
    ],
)
def test_the_rest_of_a_file_stays(text: str, after: str) -> None:
    [edit] = K3S.plan(server({"config.yaml": text}), {ISSUER: [A]}).edits
    assert edit.after == after


def test_lists_that_lose_all_their_members_stay_lists() -> None:
    text = (
        f"kube-apiserver-arg:\n{issuers(OLD)}# kept\nkube-apiserver-arg+:\n{issuers(CLI)}- v=2\nkube-apiserver-arg+:\n"
    )
    [edit] = K3S.plan(server({"config.yaml": text}), {ISSUER: [A]}).edits
    assert edit.after == (
        f"kube-apiserver-arg:\n{issuers(A)}# kept\nkube-apiserver-arg+:\n- v=2\nkube-apiserver-arg+:\n"
    )
    text = f"kube-apiserver-arg:\n{issuers(OLD)}# kept\nkube-apiserver-arg+:\n{issuers(CLI, form='-')}x: y\n"
    [edit] = K3S.plan(server({"config.yaml": text}), {ISSUER: [OLD]}).edits
    assert edit.after == f"kube-apiserver-arg:\n{issuers(OLD)}# kept\nkube-apiserver-arg+: []\nx: y\n"


def test_a_text_in_a_file_is_not_taken_for_the_command_line() -> None:
    seen = server({"config.yaml": f"kube-apiserver-arg: {ISSUER}={OLD}\n"})
    with pytest.raises(InputError, match="cannot become") as refused:
        K3S.plan(seen, {ISSUER: [A]})
    assert "command line" not in str(refused.value)


@pytest.mark.parametrize(
    ("files", "arguments", "wanted", "says"),
    [
        ({"config.yaml": "a: [\n"}, [], {ISSUER: [A, B]}, f"{CONFIG}: is not YAML"),
        ({"config.yaml": "- a\n"}, [], {ISSUER: [A, B]}, f"{CONFIG}: should be a mapping"),
        ({"config.yaml": "kube-apiserver-arg:\n"}, [], {ISSUER: [A, B]}, f"{CONFIG}:1: kube-apiserver-arg is empty"),
        ({"config.yaml": "kube-apiserver-arg+:\n"}, [], {ISSUER: [A, B]}, "becomes an empty flag"),
        ({"config.yaml": "kube-apiserver-arg: ['=x']\n"}, [], {ISSUER: [A, B]}, f"{CONFIG}:1: '=x' names no flag"),
        ({"config.yaml": f"kube-apiserver-arg:\n- {ISSUER}: x\n"}, [], {ISSUER: [A, B]}, "should be a list of texts"),
        (
            {},
            [f"--kube-apiserver-arg={ISSUER}={CLI}"],
            {ISSUER: [CLI, A]},
            rf"is set in {UNIT}:13 \({CLI}\).*the command line comes behind all files.*Write it as a member",
        ),
        (
            {
                "config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}",
                "config.yaml.d/1.yaml": f"kube-apiserver-arg+:\n{issuers(A)}",
                "config.yaml.d/2.yaml": f"kube-apiserver-arg+:\n{issuers(B)}",
            },
            [],
            {ISSUER: [A, OLD]},
            rf"is set in {CONFIG}:2 \({OLD}\), {CONFIG}.d/1.yaml:2 .* and {CONFIG}.d/2.yaml:2 .*\. {CONFIG}:2 signs",
        ),
        (
            {
                "config.yaml": f"kube-apiserver-arg:\n{issuers(OLD)}",
                "config.yaml.d/1.yaml": f"kube-apiserver-arg+:\n{issuers(A)}",
            },
            [],
            {ISSUER: [A, OLD]},
            rf"cannot become {A}, {OLD} besides {CONFIG}:2 .*, {CONFIG}.d/1.yaml:2",
        ),
        (
            {"config.yaml.d/99.yaml": "kube-apiserver-arg: [v=2]\n"},
            [],
            {ISSUER: [A, B]},
            r"99.yaml:1 has .* without \+",
        ),
        ({"config.yaml": f"kube-apiserver-arg: {ISSUER}={OLD}\n"}, [], {ISSUER: [A]}, "cannot become"),
        ({}, [], {ISSUER: []}, "cannot become no value besides what K3s sets itself"),
        ({}, [], {ISSUER: [A, A]}, "twice"),
        ({}, [], {SIGNING_KEY: ["/new"]}, "certificate rotate-ca"),
        ({}, [], {AUDIENCES: [B]}, "must have k3s"),
        (
            {"config.yaml": f"x: &a [v=1, {ISSUER}={OLD}]\nkube-apiserver-arg: *a\n"},
            [],
            {ISSUER: [A]},
            "changed alone",
        ),
        (
            {"config.yaml": f"kube-apiserver-arg:\n- !unknown v=1\n- {ISSUER}={OLD}\n- {ISSUER}={B}\n"},
            [],
            {ISSUER: [A]},
            r"changed alone \(an anchor or a tag\)",
        ),
        ({"config.yaml": "kube-apiserver-arg: {v: 1}\n"}, [], {ISSUER: [A]}, "config.yaml:1: .* a list of texts"),
        ({"config.yaml": "kube-apiserver-arg:\n  v: 1\n"}, [], {ISSUER: [A]}, "config.yaml:1: .* a list of texts"),
        (
            {"config.yaml": f"x: &old {ISSUER}={OLD}\nkube-apiserver-arg:\n- *old\n"},
            [],
            {ISSUER: [A]},
            rf"{ISSUER} cannot become {A} besides {CONFIG}:1",
        ),
    ],
)
def test_what_is_refused(files: dict[str, str], arguments: list[str], wanted: Flags, says: str) -> None:
    with pytest.raises(InputError, match=says):
        K3S.plan(server(files, *arguments), wanted)


def test_unreadable_is_not_absent() -> None:
    for path in (CONFIG, f"{CONFIG}.d/x.yaml", f"{UNIT}.env"):
        with pytest.raises(InputError, match=f"{path}: Permission denied"):
            K3S.settings(replace(server({}), unreadable={path: "Permission denied"}))
    K3S.settings(replace(server({}), unreadable={f"{CONFIG}.d/x.bak": "Permission denied"}))


def test_arguments_of_the_command_line_may_stay_where_they_do_no_harm() -> None:
    seen = server({}, f"--kube-apiserver-arg={ISSUER}={OLD}", "--kube-apiserver-arg=v=4")
    after = applied(seen, K3S.plan(seen, {ISSUER: [A, OLD]}))
    assert flags(after)[ISSUER] == [A, OLD]
    assert flags(after)["v"] == ["4"]


def test_places() -> None:
    places = K3S.places(server({}))
    assert places.signing_key == "/var/lib/rancher/k3s/server/tls/service.current.key"
    assert places.public_keys == ("/var/lib/rancher/k3s/server/tls/service.key",)
    assert (places.kubeconfig, places.api_url) == ("/etc/rancher/k3s/k3s.yaml", "https://127.0.0.1:6443")
    text = "data-dir: /d\nhttps-listen-port: 7443\nbind-address: fd00::1\n"
    there = K3S.places(server({"config.yaml": text}, env="K3S_KUBECONFIG_OUTPUT=/k\n"))
    assert (there.signing_key, there.kubeconfig) == ("/d/server/tls/service.current.key", "/k")
    assert there.api_url == "https://[fd00::1]:7443"
    assert RKE2.places(server({}, room=RKE2)).kubeconfig == "/etc/rancher/rke2/rke2.yaml"


def test_what_is_shown_can_be_pasted() -> None:
    text = K3S.show({ISSUER: [A, B], JWKS_URI: ["https://a.example/keys"]}, "v1.36.0+k3s1")
    first, second = (part.split("\n\n    ")[1:] for part in text.split("Second pass")[:2])
    for part, expected in ((first, [B, A]), (second, [A, B])):
        pasted = "\n".join(line.strip() for line in part[0].split("\n\n")[0].splitlines())
        assert flags(server({f"config.yaml.d/{DROP_IN}": pasted}))[ISSUER] == expected
    assert "https://a.example/keys" not in text.partition("Second pass")[0]
    assert "systemctl restart rke2-server" in RKE2.show({ISSUER: [A, B]}, None)
    assert OWN in K3S.upkeep(None).put_instead


ISSUERS = st.lists(st.sampled_from([A, B, OLD, CLI]), min_size=1, unique=True)
ARGUMENTS = st.lists(
    st.one_of(
        st.sampled_from(["v=2", "profiling=false", "--audit-log-path=/x y", "feature-gates=A=true,B=false"]),
        st.builds("{}{}={}".format, st.just(ISSUER), st.sampled_from(["", "", "+", "-"]), st.sampled_from([A, OLD])),
    ),
    unique=True,
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a configuration file, in one of the ways in which people write them."""
    values = draw(ARGUMENTS)
    key = f"kube-apiserver-arg{draw(st.sampled_from(['', '+']))}"
    quote = draw(st.sampled_from(["", "'", '"']))
    listed = [f"{quote}{value}{quote}" for value in values]
    if draw(st.booleans()) and quote:
        arguments = f"{key}: [{', '.join(listed)}]\n"
    else:
        pad = draw(st.sampled_from(["", "  "]))
        comment = draw(st.sampled_from(["", "  # why"]))
        arguments = "".join([f"{key}:\n", *(f"{pad}- {value}{comment}\n" for value in listed)]) if values else ""
    before, behind = (
        draw(st.sampled_from(["", "# x\ntoken: a\n"])),
        draw(st.sampled_from(["", "node-name: b\n", "\n#"])),
    )
    return before + arguments + behind


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(st.sampled_from(["config.yaml", "config.yaml.d/1.yaml", f"config.yaml.d/{DROP_IN}"]), texts()),
    ISSUERS,
)
def test_only_what_is_wanted_changes(files: dict[str, str], wanted: list[str]) -> None:
    seen = server(files)
    before = flags(seen)
    try:
        plan = K3S.plan(seen, {ISSUER: wanted})
    except InputError as error:
        assert len({path for path in files if ISSUER in files[path]}) > 1, error
        return
    after = applied(seen, plan)
    assert flags(after) == {**before, ISSUER: wanted}
    assert K3S.plan(after, {ISSUER: wanted}).edits == ()
    for edit in plan.edits:
        assert _without_issuers(edit.after) == _without_issuers(edit.before or edit.after)


def _without_issuers(text: str) -> list[str]:
    kept = [line for line in text.splitlines() if ISSUER not in line and not line.startswith("kube-apiserver-arg")]
    return [line for line in kept if line and not line.startswith("# Written")]
