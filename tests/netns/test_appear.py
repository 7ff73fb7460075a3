# SPDX-License-Identifier: GPL-2.0-or-later
"""Log files that begin to exist with lines in them already: every filter that names them sees every line."""
import os
import time

import logs
from lib import main
from routed import RoutedWorld

FILTER = """
filter: {name}
sources:
  - file: /var/log/app/*.log
program: [sshd]
offences:
  - match: '^Failed password for <user> from <addr> port \\d+ ssh2$'
"""
RULE = "ban: {name}\nfilters: [{name}]\npoints: 1000\nwithin: 10m\nfor: 1h\n"


class Appear(RoutedWorld):
    def start(self, names):
        files = {}
        for name in names:
            files[f"filters.d/{name}.yaml"] = FILTER.format(name=name)
            files[f"rules.d/{name}.yaml"] = RULE.format(name=name)
        self.start_guardd(files=files)
        self.app = self.server.folder + "/var-log/app"

    def appear(self, name, lines):
        """Written elsewhere and renamed, so that it is whole when it is first seen."""
        now = time.time()
        with open(os.path.join(self.app, "new"), "w", encoding="utf-8") as f:
            f.write("".join(logs.failed("2001:db8::5" if i % 2 else "192.0.2.5", now) for i in range(lines)))
        os.rename(os.path.join(self.app, "new"), os.path.join(self.app, name))

    def test_each_filter_reads_a_new_file_from_its_beginning(self):
        names = ("one", "two", "three", "four")
        self.start(names)
        os.makedirs(self.app)
        for n in range(30):
            self.appear(f"{n}.log", 5)
            self.offences((n + 1) * 5 * len(names))

    def test_file_that_comes_back_after_it_was_removed(self):
        names = ("one", "two", "three", "four")
        self.start(names)
        os.makedirs(self.app)
        for n in range(8):
            self.appear("same.log", 5)
            self.offences((n + 1) * 5 * len(names))
            os.unlink(os.path.join(self.app, "same.log"))


if __name__ == "__main__":
    main()
