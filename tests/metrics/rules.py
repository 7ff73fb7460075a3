#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/prometheus-rules.yml by promtool: a quiet host makes no alert; each rule fires by what it is for, and alone."""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "docs/prometheus-rules.yml")
AUTH = 'source="/var/log/auth.log"'
STATE = AUTH + ',guardd_source_state="%s"'
LDAP = 'rule="ldap",kind="port",proto="tcp",port="389",family="%s"'

# Series of a host on which all is well: one value for each minute ("a+bxn" as promtool has it).
QUIET = {
    "guardd_up": "1x90", 'guardd_role_restarts_total{role="reader"}': "3x90",
    "guardd_table_up": "1x90", "guardd_table_repairs_total": "2x90", "guardd_book_up": "1x90",
    "guardd_bans_active": "100x90", "guardd_bans_in_kernel": "100x90", "guardd_bans_max": "2000000x90",
    "guardd_bans_refused_by_kernel": "0x90", "guardd_bans_total": "0+500x90", "guardd_tallies_evicted_total": "5x90",
    'guardd_ban_latency_seconds_bucket{le="0.001024"}': "0+500x90",
    'guardd_ban_latency_seconds_bucket{le="2.097152"}': "0+500x90",
    'guardd_ban_latency_seconds_bucket{le="+Inf"}': "0+500x90",
    "guardd_source_state{%s}" % STATE % "live": "1x90", "guardd_source_state{%s}" % STATE % "failed": "0x90",
    "guardd_source_lag_seconds{%s}" % AUTH: "0x90", "guardd_source_lost_total{%s}" % AUTH: "1x90",
    "guardd_source_unexamined_total{%s}" % AUTH: "2x90", "guardd_hits_lost_total": "7x90",
    "guardd_offences_hidden_total": "4x90", "guardd_offences_future_total": "4x90",
    "guardd_exposure_state{%s}" % LDAP % "ipv4": "0x90", "guardd_exposure_state{%s}" % LDAP % "ipv6": "1x90",
    'guardd_exposure_cells{state="depends"}': "0x90", "guardd_exposure_proof_age_seconds": "30x90",
    'guardd_channel_up{channel="ops"}': "1x90", "guardd_alerts_lost_total": "1x90", "guardd_store_up": "1x90",
    "guardd_metrics_file_up": "1x90", "guardd_metrics_port_up": "1x90",
    "guardd_fleet_up": "1x90", "guardd_fleet_lost_total": "9x90", "guardd_fleet_forged_total": "2x90",
    "guardd_probe_gaps": "0x90", "guardd_probe_disagreements": "0x90",
}
HOST = 'instance="web1",job="guardd"'
# Alert, severity, its labels beside the host's, what is other than quiet; None: no such series.
FIRES = [
    ("GuardDown", "critical", "", {"guardd_up": "1 0x90"}),
    ("GuardRoleRestarted", "warning", 'role="reader"', {'guardd_role_restarts_total{role="reader"}': "3x75 4x15"}),
    ("GuardTableNotInForce", "critical", "", {"guardd_table_up": "0x90"}),
    ("GuardTableRepaired", "warning", "", {"guardd_table_repairs_total": "2x75 3x15"}),
    ("GuardBansNotInKernel", "critical", "", {"guardd_bans_in_kernel": "99x90"}),
    ("GuardBansRefusedByKernel", "critical", "", {"guardd_bans_refused_by_kernel": "1x90"}),
    ("GuardBansFull", "warning", "", {"guardd_bans_max": "110x90"}),
    ("GuardBanStorm", "warning", "", {"guardd_bans_total": "0+1001x90"}),
    ("GuardBansSlow", "warning", "", {'guardd_ban_latency_seconds_bucket{le="0.001024"}': "0+490x90"}),
    ("GuardBookDamaged", "critical", "", {"guardd_book_up": "0x90"}),
    ("GuardTalliesEvicted", "warning", "", {"guardd_tallies_evicted_total": "5+1x90"}),
    ("GuardNothingRead", "critical", "", {"guardd_source_state{%s}" % STATE % "live": "0x90"}),
    ("GuardSourceFailed", "warning", STATE % "failed", {"guardd_source_state{%s}" % STATE % "failed": "1x90"}),
    ("GuardSourceBehind", "warning", AUTH, {"guardd_source_lag_seconds{%s}" % AUTH: "0+60x90"}),
    ("GuardSourceLost", "warning", AUTH, {"guardd_source_lost_total{%s}" % AUTH: "1x75 2x15"}),
    ("GuardHitsLost", "warning", "", {"guardd_hits_lost_total": "7x75 9x15"}),
    ("GuardLinesNotExamined", "warning", AUTH, {"guardd_source_unexamined_total{%s}" % AUTH: "2x75 9x15"}),
    ("GuardAddressLost", "warning", "", {"guardd_offences_hidden_total": "4x75 9x15"}),
    ("GuardClockAhead", "warning", "", {"guardd_offences_future_total": "4x75 9x15"}),
    ("GuardExposureOpen", "critical", LDAP % "ipv6", {"guardd_exposure_state{%s}" % LDAP % "ipv6": "1x79 4x11"}),
    ("GuardHostShutOut", "critical", LDAP % "ipv4", {"guardd_exposure_state{%s}" % LDAP % "ipv4": "3x90"}),
    ("GuardExposureUnproven", "warning", 'state="depends"', {'guardd_exposure_cells{state="depends"}': "2x90"}),
    ("GuardProofOld", "critical", "", {"guardd_exposure_proof_age_seconds": "0+60x90"}),
    ("GuardChannelDown", "warning", 'channel="ops"', {'guardd_channel_up{channel="ops"}': "0x90"}),
    ("GuardAlertsLost", "warning", "", {"guardd_alerts_lost_total": "1x75 2x15"}),
    ("GuardHeraldStoreDown", "warning", "", {"guardd_store_up": "0x90"}),
    ("GuardMetricsTrouble", "warning", "", {"guardd_metrics_file_up": "0x90"}),
    ("GuardMetricsTrouble", "warning", "", {"guardd_metrics_port_up": "0x90"}),
    ("GuardFleetDown", "warning", "", {"guardd_fleet_up": "0x90"}),
    ("GuardFleetEntriesLost", "warning", "", {"guardd_fleet_lost_total": "9x75 10x15"}),
    ("GuardFleetForged", "critical", "", {"guardd_fleet_forged_total": "2x75 3x15"}),
    ("GuardProbeGap", "critical", "", {"guardd_probe_gaps": "1x90"}),
    ("GuardProbeDisagrees", "critical", "", {"guardd_probe_disagreements": "1x90"}),
    ("GuardMetricsGone", "critical", None, {name: None for name in QUIET}),
    ("GuardTextfileOld", "critical", None, {'node_textfile_mtime_seconds{file="/var/lib/x/guardd.prom"}': "0x90"}),
]
# Too little, or too short, for an alert.
SILENT = [
    {"guardd_up": "1x79 0 1x10"}, {"guardd_bans_total": "0+999x90"}, {"guardd_bans_in_kernel": "100x78 90 100x11"},
    {"guardd_source_lag_seconds{%s}" % AUTH: "0x77 300 0x12"}, {"guardd_exposure_state{%s}" % LDAP % "ipv6": "2x90"},
    {"guardd_up": "0x90", "guardd_exposure_proof_age_seconds": "0+60x90"},  # one alert, not two: see GuardDown
    # A counter that begins anew with its process is no increase.
    {'guardd_role_restarts_total{role="reader"}': "3x79 0x11", "guardd_bans_total": "0+500x79 0+500x11"},
]


def labelled(series):
    """The series with the labels that a scrape adds."""
    if not series.startswith("guardd"):
        return series
    name, _, labels = series.partition("{")
    return name + "{" + HOST + ("," + labels if labels else "}")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def firing(alert, severity, labels):
    own = {'GuardTextfileOld': 'file="/var/lib/x/guardd.prom"'}.get(alert, "") if labels is None else \
        HOST + ("," + labels if labels else "")
    return f'ALERTS{{alertname="{alert}",alertstate="firing",severity="{severity}"' + ("," + own if own else "") + "}"


def case(changes, expected):
    lines = ["  - interval: 1m", "    input_series:"]
    for series, values in {**QUIET, **changes}.items():
        if values is not None:
            lines.append(f"      - {{series: {quoted(labelled(series))}, values: {quoted(values)}}}")
    if lines[-1].endswith("input_series:"):
        lines[-1] += " []"
    lines += ["    promql_expr_test:", "      - expr: ALERTS{alertstate=\"firing\"}", "        eval_time: 80m"]
    lines += ["        exp_samples:" + ("" if expected else " []")]
    lines += [f"          - {{labels: {quoted(e)}, value: 1}}" for e in expected]
    return lines


def main():
    with open(RULES, encoding="utf-8") as f:
        named = re.findall(r"^\s*- alert: (\w+)$", f.read(), re.M)
    untested = set(named) - {f[0] for f in FIRES}
    if untested or len(set(named)) != len(named):
        print(f"no case makes these fire, or they stand twice: {sorted(untested)}")
        return 1
    lines = [f"rule_files: [{RULES}]", "evaluation_interval: 1m", "tests:"] + case({}, [])
    for alert, severity, labels, changes in FIRES:
        lines += case(changes, [firing(alert, severity, labels)])
    for changes in SILENT:
        down = [firing("GuardDown", "critical", "")] if changes.get("guardd_up") == "0x90" else []
        lines += case(changes, down)
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
        f.flush()
        for what in (["check", "rules", RULES], ["test", "rules", f.name]):
            r = subprocess.run(["promtool", *what], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if r.returncode != 0:
                print(r.stdout)
                return 1
    print(f"{len(named)} rules, {1 + len(FIRES) + len(SILENT)} cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
