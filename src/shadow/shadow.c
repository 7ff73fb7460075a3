/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-shadow: the second opinion. Copies the machine's interfaces, addresses, routes and rules
 * into a network namespace of its own, without any privilege, and lets the kernel itself decide the
 * witnesses of a proof there. FD_DUMP and FD_PROOF in, one byte per cell (enum proof_confirmed) on
 * standard output. Where it may make no namespace it asks the unit that may, in which it runs with
 * --serve. Exit status 0: asked; 3: could not, and says why.
 */
#include "shadow/shadow.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sandbox/sandbox.h"
#include "shadow/ask.h"
#include "wire/fds.h"

#define FIRST_PORT 20000 /* source ports of witnesses: each packet is a connection of its own */
#define PORTS      40000

int
shadow_fail(struct shadow *s, int error, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	if (*s->trouble)
		return error;
	va_start(ap, fmt);
	vsnprintf(s->trouble, sizeof(s->trouble), fmt, ap);
	va_end(ap);
	n = strlen(s->trouble);
	snprintf(s->trouble + n, sizeof(s->trouble) - n, ": %s", strerror(-error));
	return error;
}

static int
enter_sandbox(void)
{
	static const int calls[] = {SCMP_SYS(socket), SCMP_SYS(bind), SCMP_SYS(getsockname),
	    SCMP_SYS(setsockopt), SCMP_SYS(openat), -1};
	static const struct sandbox_path paths[] = {{"/proc/sys/net", true}, {NULL, false}};
	const struct sandbox box = {.role = "shadow",
	    .paths = paths,
	    .calls = calls,
	    .capabilities = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_NET_RAW,
	    .files_max = 32,
	    .no_write_exec = true};
	const char *what;
	int r = sandbox_enter(&box, &what);

	if (r < 0)
		log_err("the sandbox cannot be entered (%s): %s", what, strerror(-r));
	return r;
}

static int
copy_machine(struct shadow *s)
{
	int r = nl_new(&s->route, NETLINK_ROUTE, 0);

	if (r == 0)
		r = nl_new(&s->nft, NETLINK_NETFILTER, 0);
	if (r < 0)
		return shadow_fail(s, r, "netlink");
	r = shadow_furnish(s);
	if (r == 0)
		r = shadow_ipsets(s);
	if (r == 0)
		r = shadow_load(s);
	return r < 0 ? r : shadow_record(s);
}

/* A witness that depends has no one right answer. */
static bool
can_be_asked(const struct proof_cell *c)
{
	return c->witness.from.family && c->state != PROOF_DEPENDS;
}

static uint8_t
opinion(struct shadow *s, const struct proof_cell *c, uint32_t number)
{
	int r = shadow_fire(s, &c->witness, (uint16_t)(FIRST_PORT + number % PORTS));

	if (r < 0) {
		shadow_fail(s, r, "a packet by %.15s", c->witness.iface);
		return CONFIRM_NONE;
	}
	return r == c->witness.accepted ? CONFIRM_SAME : CONFIRM_DIFFERENT;
}

static int
answer(struct shadow *s, const struct proof *p)
{
	uint32_t n = p->head->n;
	_cleanup_(freep) uint8_t *bytes = calloc(n + 1, 1);

	if (!bytes)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		if (can_be_asked(&p->cells[i]))
			bytes[i] = opinion(s, &p->cells[i], i);
	if (*s->trouble)
		log_warning("%s", s->trouble);
	return write(STDOUT_FILENO, bytes, n) == (ssize_t)n ? 0 : -EIO;
}

static int
replay(struct shadow *s, const struct proof *p, bool serving)
{
	int r = shadow_unshare();

	if (r < 0 && !serving && ask_unit(p) == 0)
		return 0;
	if (r < 0) {
		log_warning("no namespace of its own to replay in: %s", strerror(-r));
		return r;
	}
	r = enter_sandbox();
	if (r < 0)
		return r;
	r = copy_machine(s);
	if (r == 0)
		r = answer(s, p);
	if (r < 0)
		log_warning(
		    "the rules cannot be replayed: %s", *s->trouble ? s->trouble : strerror(-r));
	return r;
}

int
main(int argc, char **argv)
{
	bool serving = argc == 2 && !strcmp(argv[1], "--serve");
	static struct shadow s;
	struct proof p;
	int r = 0;

	log_init("guardd-shadow", LOG_INFO);
	if (argc > 1 && !serving)
		fatal("usage: guardd-shadow [--serve], started by guardd or its unit");
	if (serving)
		r = ask_take();
	if (r == 0)
		r = dump_open(&s.dump, FD_DUMP);
	if (r == 0)
		r = proof_open(&p, FD_PROOF);
	if (r < 0)
		fatal("no dump and proof to replay: %s", strerror(-r));
	return replay(&s, &p, serving) < 0 ? 3 : 0;
}
