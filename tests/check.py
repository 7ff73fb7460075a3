# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs every test of the project and ends with one line: N passed, N failed[, N skipped].

A test is a cmocka program, a lint, a golden case or a case of tests/netns; each is one process whose
output is shown only when it fails. SUITES=lint,unit,golden,filters,asan,fuzz,instructions,netns,netns-asan,fail2ban,
oracle picks some of them.
"""
import concurrent.futures
import glob
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("B", "build")
CORES = len(os.sched_getaffinity(0))
# Cases of tests/netns mostly wait: for a service, for a packet that must not arrive.
WORKERS = {"netns": 3 * CORES, "netns-asan": 3 * CORES}
LONG = ("test_kill_any_process", "test_many_clients", "test_a_guardd_that_is_gone_for_a_minute", "test_an_allowed_host_that_a_router",
        "test_a_million_entries")
LIMIT = 600  # seconds for one test program


def netns_cases(build, pattern="test_*.py"):
    """One job a test method, so that two run side by side."""
    jobs = []
    for path in sorted(glob.glob(f"tests/netns/{pattern}")):
        module = os.path.basename(path)[:-3]
        with open(path, encoding="utf-8") as f:
            text = f.read()
        cls = None
        for line in text.splitlines():
            if m := re.match(r"class (\w+)\(.*World\)", line):
                cls = m[1]
            elif (m := re.match(r"    def (test_\w+)\(", line)) and cls:
                jobs.append((f"netns {module}.{m[1]}",
                             [sys.executable, "-m", "unittest", "-q", f"{module}.{cls}.{m[1]}"],
                             {"B": build}, "tests/netns"))
    return jobs


def jobs_of(group):
    env = {"B": BUILD}
    if group == "unit":
        return [(f"unit {os.path.basename(p)}", [p], env, ".")
                for p in sorted(glob.glob(f"{BUILD}/unit/test_*")) if "." not in os.path.basename(p)]
    if group == "asan":
        asan = {"B": f"{BUILD}/asan", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0"}
        return [(f"asan {os.path.basename(p)}", [p], asan, ".")
                for p in sorted(glob.glob(f"{BUILD}/asan/unit/test_*")) if "." not in os.path.basename(p)]
    if group == "fuzz":
        return [(f"fuzz {os.path.basename(p)}", [p, "-runs=20000", "-seed=1", "-max_len=4096", "-timeout=10",
                                                 "-verbosity=0"], env, ".")
                for p in sorted(glob.glob(f"{BUILD}/fuzzed/fuzz/fuzz_*")) if "." not in os.path.basename(p)]
    if group == "lint":
        return [(f"lint {os.path.basename(p)}", ["sh", p], env, ".")
                for p in sorted(glob.glob("tests/lint/*"))]
    if group == "golden":
        return [(f"golden {os.path.basename(os.path.dirname(p))}", ["sh", p], env, ".")
                for p in sorted(glob.glob("tests/golden/*/run.sh"))] + \
               [("golden conf", ["sh", "tests/golden/run.sh"], env, ".")] * os.path.exists("tests/golden/run.sh")
    if group == "filters":
        return [("filters examples", [f"{BUILD}/guardctl", "--config", "/nonexistent", "--share", ".",
                                      "--etc", "/nonexistent", "check-config"], env, "."),
                ("filters examples, sanitized", [f"{BUILD}/asan/guardctl", "--config", "/nonexistent",
                                                 "--share", ".", "--etc", "/nonexistent",
                                                 "check-config"], {"B": f"{BUILD}/asan"}, ".")]
    if group == "instructions":
        return [("instructions", [sys.executable, "tests/bench/instructions.py", "--check"], env, ".")]
    if group == "netns":
        return netns_cases(BUILD)
    if group == "netns-asan":
        return netns_cases(f"{BUILD}/asan", "test_asan_*.py") + \
            [(n + " (sanitized)", c, {**e, "B": f"{BUILD}/asan"}, d) for n, c, e, d in netns_cases(BUILD)
             if re.search(r"test_(ssh|control|files|table|rules|herald)\.", n) and "test_kill_any" not in n]
    if group == "fail2ban":
        names = [p for p in sorted(glob.glob("tests/fail2ban/*.py")) if not p.endswith("/f2b.py")]
        return [(f"fail2ban {os.path.basename(p)[:-3]}", [sys.executable, p], env, ".") for p in names] + \
            [("fail2ban corpus, sanitized", [sys.executable, "tests/fail2ban/corpus.py"], {"B": f"{BUILD}/asan"}, ".")]
    if group == "oracle":
        return [("oracle", [sys.executable, "tests/oracle/oracle.py", "--seed", "1", "--random", "60", "--packets", "6000",
                            "--at-least", "300000"], env, "."),
                ("oracle shadow", [sys.executable, "tests/oracle/shadow.py"], env, "."),
                ("oracle mutants", [sys.executable, "tests/oracle/mutants.py", "--few"], env, ".")]
    sys.exit(f"unknown group {group}")


def run(job):
    name, cmd, env, cwd = job
    start = time.monotonic()
    full = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env}
    if cwd != ".":
        full["B"] = os.path.join(ROOT, env["B"])
    try:
        r = subprocess.run(cmd, cwd=os.path.join(ROOT, cwd), env=full, timeout=LIMIT, text=True,
                           errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
        status, out = r.returncode, r.stdout
    except subprocess.TimeoutExpired as e:
        status, out = -1, (e.stdout or b"").decode("utf-8", "replace") + f"\nno end after {LIMIT} s"
    skipped = status == 0 and re.search(r"skipped=\d|^SKIP", out, re.M)
    return name, status, out, time.monotonic() - start, bool(skipped)


def main():
    os.chdir(ROOT)
    groups = os.environ.get("SUITES", "lint,unit,golden,filters,asan,fuzz,instructions,netns,netns-asan,fail2ban,"
                            "oracle").split(",")
    by_workers = {}
    for g in groups:
        by_workers.setdefault(WORKERS.get(g, CORES), []).extend(jobs_of(g))
    if not any(by_workers.values()):
        sys.exit("no tests found")
    passed = failed = skips = 0
    for workers, jobs in by_workers.items():
        jobs = [j for j in jobs if re.search(os.environ.get("ONLY", ""), j[0])]
        jobs.sort(key=lambda j: not any(part in j[0] for part in LONG))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for name, status, out, took, skipped in pool.map(run, jobs):
                mark = "skip" if skipped else "ok" if status == 0 else "FAILED"
                print(f"{mark:6} {name} ({took:.1f} s)", flush=True)
                if status != 0:
                    print("    " + "\n    ".join(out[-12000:].splitlines()), flush=True)
                passed += mark == "ok"
                failed += mark == "FAILED"
                skips += mark == "skip"
    print(f"{passed} passed, {failed} failed" + (f", {skips} skipped" if skips else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
