# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of fail2ban's filters share: where its package is, and the real translation and reader.

F2B_ROOT: where the package is unpacked, when it is not installed. CORPUS: the file of sample lines.
"""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("B", "build"))
PACKAGE = os.environ.get("F2B_ROOT", "/")
CONFIG = os.path.join(PACKAGE, "etc/fail2ban")
# Filters that only the package's own tests use; they include a file of the source tree.
TEST_FILTERS = os.path.join(PACKAGE, "usr/lib/python3/dist-packages/fail2ban/tests/config/filter.d")
CORPUS = os.environ.get("CORPUS", os.path.join(ROOT, "../shared/corpus/fail2ban-1.0.2.jsonl"))
FD_IMAGE = 4
ZONE = "Europe/Berlin"
CLOCK = 1124013600
LIMIT = 60  # seconds for one process


def skip(why):
    print(f"SKIP {why}")
    sys.exit(0)


def need_package():
    if not os.path.isdir(os.path.join(CONFIG, "filter.d")):
        skip("fail2ban is not installed")


def need_corpus():
    if not os.path.exists(CORPUS):
        skip("the sample lines are not here")
    with open(CORPUS, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


class World:
    """A copy of fail2ban's configuration with its test filters, and a main file of guardd's with the zone."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="guardd-f2b-")
        self.config = os.path.join(self.folder, "fail2ban")
        self.main = os.path.join(self.folder, "guardd.yaml")
        shutil.copytree(CONFIG, self.config, ignore=shutil.ignore_patterns("*.log"))
        for path in glob.glob(os.path.join(TEST_FILTERS, "zzz-*.conf")):
            with open(path, encoding="utf-8") as f:
                text = re.sub(r"(?m)^before = .*/common.conf$", "before = common.conf", f.read())
            with open(os.path.join(self.config, "filter.d", os.path.basename(path)), "w", encoding="utf-8") as f:
                f.write(text)
        with open(self.main, "w", encoding="utf-8") as f:
            f.write(f"zone: {ZONE}\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def image(self, call):
        """The image of one filter: (descriptor, or None when there is none; what was said)."""
        fd = os.memfd_create("guardd-image", os.MFD_ALLOW_SEALING)
        r = subprocess.run([os.path.join(BUILD, "guardd-conf"), "-c", self.main, "--from", self.config,
                            "--import-filter", call, "--image"], pass_fds=(FD_IMAGE,), timeout=LIMIT, text=True,
                           errors="replace", stdin=subprocess.DEVNULL, capture_output=True,
                           preexec_fn=lambda: os.dup2(fd, FD_IMAGE))
        if r.returncode == 0:
            return fd, r.stderr
        os.close(fd)
        return None, r.stderr

    def lines(self, image, lines, journal=False, now=CLOCK):
        """What the reader says of each line (bytes without an end): a list of objects, and its last one."""
        path = os.path.join(self.folder, "lines.log")
        with open(path, "wb") as f:
            f.write(b"".join(line + b"\n" for line in lines))
        r = subprocess.run([os.path.join(BUILD, "guardd-reader"), "--test", "--lines",
                            *(["--journal"] if journal else []), "--now", str(now), "fail2ban", path],
                           pass_fds=(FD_IMAGE,), timeout=LIMIT, text=True, errors="replace",
                           stdin=subprocess.DEVNULL, capture_output=True,
                           preexec_fn=lambda: os.dup2(image, FD_IMAGE))
        if r.returncode != 0:
            raise RuntimeError(f"guardd-reader: {r.returncode}: {r.stderr}")
        objects = [json.loads(line) for line in r.stdout.splitlines()]
        return [o for o in objects if o["type"] == "line"], objects[-1]


def call_of(name, options):
    """NAME[a="b",...]"""
    return name + ("[" + ",".join(f'{k}="{v}"' for k, v in options.items()) + "]" if options else "")
