/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/prove_run.h"

#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "base/exe.h"
#include "ctl/tool.h"

void
prove_run_add(struct prove_run *p, const char *arg)
{
	if (p->n + 1 < PROVE_ARGS)
		p->args[p->n++] = arg;
}

bool
prove_may(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &head, data) == 0 && data[0].effective >> CAP_NET_ADMIN & 1;
}

static pid_t
start(const struct prove_run *p, struct tool *t, int *out)
{
	pid_t pid = p->fn ? tool_start_piped(t, out) : tool_start(t);

	if (pid < 0)
		fprintf(stderr, "guardctl: cannot start %s: %s\n", t->name, strerror((int)-pid));
	return pid;
}

static void
name_tool(struct tool *t, const struct prove_run *p, char prover[static PATH_MAX])
{
	size_t n = 0;

	t->name = p->alone ? "guardd-prover" : "guardd-watcher";
	if (!p->alone) {
		exe_find("guardd-prover", prover, PATH_MAX);
		t->args[n++] = "--dump";
		t->args[n++] = "--";
		t->args[n++] = prover;
	}
	memcpy(t->args + n, p->args, p->n * sizeof(*p->args));
}

int
prove_run(const struct prove_run *p)
{
	char prover[PATH_MAX];
	struct tool t = {.in = p->in, .out = -1, .image = p->image};
	int out = -1, r = EXIT_DONE, s;
	pid_t pid;

	name_tool(&t, p, prover);
	pid = start(p, &t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	if (p->fn)
		r = ask_read_lines(out, p->fn, p->ctx);
	/* Before the wait: a prover that is not read to its end must not wait for us. */
	closep(&out);
	s = tool_wait(&t, pid);
	return r == EXIT_DONE ? s : EXIT_CANNOT;
}
