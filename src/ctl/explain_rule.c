/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/explain_rule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/cleanup.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"
#include "wire/image.h"
#include "wire/msg.h"

int
explain_filter(struct explain_hits *h, int image, const char *name)
{
	struct image img;
	int r = -ENOENT;

	if (image_open(&img, image) < 0)
		return -EINVAL;
	for (uint32_t i = 0; r < 0 && i < image_count(&img, IMAGE_FILTERS); i++) {
		if (strcmp(image_str(&img, img.filters[i].name), name) != 0)
			continue;
		h->filter = i;
		r = 0;
	}
	image_close(&img);
	return r;
}

/* clock_format's text; 0 when it is none. */
static usec_t
time_of(const char *text)
{
	struct tm tm = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	long sub = 0;

	if (!rest)
		return 0;
	if (*rest == '.')
		sub = strtol(rest + 1, NULL, 10);
	return timegm(&tm) * USEC_PER_SEC + sub;
}

void
explain_keep(struct explain_hits *h, json_t *step)
{
	const char *name = out_str(step, "step"), *text = out_str(step, "address");
	bool forgive = strcmp(name, "forgive") == 0;
	int64_t points = out_int(step, "points");
	struct msg m = {.type = forgive ? MSG_FORGIVE : MSG_OFFENCE};
	struct msg_offence *o = &m.u.offence;

	if ((!forgive && strcmp(name, "offence") != 0) ||
	    addr_parse(&o->addr, text, strlen(text)) || h->records.len >= EXPLAIN_HITS * sizeof(m))
		return;
	o->filter = h->filter;
	o->points = (uint16_t)(points > UINT16_MAX ? UINT16_MAX : points > 0 ? points : 1);
	o->time = time_of(out_str(step, "time"));
	if (json_is_string(json_object_get(step, "user")))
		o->flags |= OFFENCE_HAS_USER;
	if (json_is_true(json_object_get(step, "future")))
		o->flags |= OFFENCE_FUTURE;
	strbuf_add(&h->records, (const char *)&m, sizeof(m));
}

int
explain_rules(const struct explain_hits *h, int image, ask_line_fn fn)
{
	_cleanup_(closep) int in = memfd_create("guardd-hits", MFD_CLOEXEC), out = -1;
	struct tool t = {.name = "guardd-judge", .args = {"--explain"}, .in = in, .image = image};
	pid_t pid;
	int r, s;

	if (h->records.len == 0)
		return EXIT_DONE;
	if (in < 0 || write(in, h->records.text, h->records.len) != (ssize_t)h->records.len ||
	    lseek(in, 0, SEEK_SET) < 0) {
		fprintf(stderr, "guardctl: %s\n", strerror(errno));
		return EXIT_CANNOT;
	}
	pid = tool_start_piped(&t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	r = ask_read_lines(out, fn, NULL);
	s = tool_wait(&t, pid);
	return s != EXIT_DONE ? s : r;
}

/* --- for people --- */

static const char *
plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void
say_points(json_t *o, const char *verdict)
{
	int64_t points = out_int(o, "points"), lines = out_int(o, "lines");

	printf("%lld of %lld points in %s: ", (long long)points, (long long)out_int(o, "threshold"),
	    out_str(o, "within"));
	if (strcmp(verdict, "bans") == 0)
		printf("this line alone bans %s", out_str(o, "source"));
	else
		printf("%lld such line%s ban %s", (long long)lines, plural(lines),
		    out_str(o, "source"));
	printf(" for %s", out_str(o, "for"));
	if (strcmp(out_str(o, "for"), out_str(o, "for_longest")) != 0)
		printf(", longer each time, up to %s", out_str(o, "for_longest"));
	putchar('\n');
}

static void
say_conditions(json_t *o)
{
	json_t *ports = json_object_get(o, "ports"), *port;
	size_t i;

	if (json_is_true(json_object_get(o, "distinct_user")))
		puts(json_is_true(json_object_get(o, "has_user"))
			 ? "             a user name counts once"
			 : "             a user name counts once, and this line has none: such "
			   "lines count as one");
	if (json_is_true(json_object_get(o, "forgive")))
		puts("             a success clears what was counted until then");
	if (out_int(o, "prefix_hosts") > 0)
		printf("             %lld hosts banned in one network ban the network\n",
		    (long long)out_int(o, "prefix_hosts"));
	if (json_array_size(ports) > 0)
		printf("             service %s alone:", out_str(o, "scope"));
	json_array_foreach(ports, i, port)
	    printf("%s %s", i > 0 ? "," : "", json_string_value(port));
	if (json_array_size(ports) > 0)
		putchar('\n');
}

static void
say_kernel(json_t *o)
{
	if (json_is_true(json_object_get(o, "dry_run")))
		printf("kernel       nothing: the rule is a dry run; else %s { %s }\n",
		    out_str(o, "set"), out_str(o, "element"));
	else
		printf("kernel       %s%s { %s }%s\n", out_style('b'), out_str(o, "set"),
		    out_str(o, "element"), out_style('-'));
}

static void
show_rule(json_t *o)
{
	const char *verdict = out_str(o, "verdict"), *address = out_str(o, "address");

	printf("rule         %s%s%s: ", out_style('b'), out_str(o, "rule"), out_style('-'));
	if (strcmp(verdict, "never") == 0) {
		printf("%s is never banned: %s\n", address, out_str(o, "never"));
	} else if (strcmp(verdict, "clears") == 0) {
		printf("clears what was counted for %s until then\n", out_str(o, "source"));
	} else if (strcmp(verdict, "ignored") == 0) {
		puts("a success changes nothing");
	} else {
		say_points(o, verdict);
		if (strcmp(verdict, "old") == 0)
			printf("             the line is older than %s: read now, it would not "
			       "count\n",
			    out_str(o, "within"));
		say_conditions(o);
		say_kernel(o);
	}
}

bool
explain_show(const char *name, json_t *step)
{
	if (strcmp(name, "rule") == 0)
		show_rule(step);
	else if (strcmp(name, "no_rule") == 0)
		puts("rule         none counts this filter: it bans nobody");
	else if (strcmp(name, "hidden") == 0)
		printf("rule         none: %s is a proxy of the configuration, so the real address "
		       "is lost\n",
		    out_str(step, "address"));
	else
		return false;
	return true;
}
