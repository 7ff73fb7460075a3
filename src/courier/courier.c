/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "courier/seal.h"
#include "courier/send.h"

/* libcurl keeps its own time; this is for the resolver, which has none. */
static void
on_alarm(int sig)
{
	static const char text[] = "no answer in time\n";

	(void)sig;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 ? COURIER_CANNOT : COURIER_LATER);
}

static int
read_all(struct strbuf *in)
{
	char part[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, part, sizeof(part))) > 0) {
		strbuf_add(in, part, (size_t)n);
		if (in->len > ORDER_MAX)
			return -EFBIG;
	}
	return n < 0 ? -errno : 0;
}

static int
end_with(const struct answer *a)
{
	printf("%s\n", a->words.len > 0 ? a->words.text : "nothing was said");
	if (a->retry_after > 0)
		printf("retry-after %u\n", a->retry_after);
	return fflush(stdout) == 0 ? (int)a->status : COURIER_CANNOT;
}

int
main(int argc, char **argv)
{
	_cleanup_(strbuf_fini) struct strbuf in = {0};
	_cleanup_(answer_fini) struct answer a = {0};
	const char *what = "it is too long";
	struct order o;
	int r;

	if (argc > 1) {
		puts("usage: guardd-courier, started by guardd-runner with a delivery on its "
		     "standard "
		     "input; see guardd-herald(8)");
		return strcmp(argv[1], "--help") == 0 ? 0 : COURIER_CANNOT;
	}
	r = read_all(&in);
	if (r < 0 || (r = order_read(&o, in.len > 0 ? in.text : NULL, in.len, &what)) < 0) {
		answer_set(&a, COURIER_CANNOT, "this is no order of the herald's: %s", what);
		return end_with(&a);
	}
	r = seal_first(o.value[ORDER_CA], &what);
	if (r < 0) {
		answer_set(&a, COURIER_CANNOT, "sandbox: %s: %s", what, strerror(-r));
		return end_with(&a);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	alarm(o.timeout_s + 2);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		answer_set(&a, COURIER_CANNOT, "libcurl cannot be used");
	else
		send_order(&o, &a);
	alarm(0);
	answer_clean(&a, &o);
	return end_with(&a);
}
