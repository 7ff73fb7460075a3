/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/args.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USAGE_WORDS 32

/* What the usage line asks for. */
struct shape {
	size_t needed, most;
	bool takes_value[ARGS_OPTIONS];
};

static char *
trim_brackets(char *word)
{
	size_t n;

	while (*word == '[')
		word++;
	n = strcspn(word, "]");
	word[n] = '\0';
	return word;
}

static void
read_usage(struct args *a, struct shape *s, const char *usage)
{
	char *words[USAGE_WORDS], *save = NULL;
	bool inside = false; /* of brackets that an earlier word opened */
	size_t n = 0;

	snprintf(a->usage, sizeof(a->usage), "%s", usage);
	for (char *w = strtok_r(a->usage, " ", &save); w && n < USAGE_WORDS;
	     w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	for (size_t i = 0; i < n; i++) {
		bool optional = inside || words[i][0] == '[',
		     closed = strchr(words[i], ']') != NULL;

		if (strstr(words[i], "..."))
			s->most = ARGS_MAX;
		if (strncmp(words[i], "[--", 3) == 0 && a->n_options < ARGS_OPTIONS) {
			s->takes_value[a->n_options] = !closed;
			a->options[a->n_options++].name = trim_brackets(words[i]) + 2;
			if (!closed)
				i++;
			continue;
		}
		inside = optional && !closed;
		s->most += s->most < ARGS_MAX;
		s->needed += !optional;
	}
}

static int
take_option(
    struct args *a, const struct shape *s, const char *command, char **argv, int argc, int *i)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");

	for (size_t o = 0; o < a->n_options; o++) {
		if (strlen(a->options[o].name) != len || strncmp(a->options[o].name, name, len))
			continue;
		if (!s->takes_value[o] && !name[len]) {
			a->options[o].value = "";
		} else if (s->takes_value[o] && name[len]) {
			a->options[o].value = name + len + 1;
		} else if (s->takes_value[o] && *i + 1 < argc) {
			a->options[o].value = argv[++*i];
		} else {
			fprintf(stderr, "guardctl %s: --%s %s a value\n", command,
			    a->options[o].name, s->takes_value[o] ? "needs" : "takes no");
			return -EINVAL;
		}
		return 0;
	}
	fprintf(stderr, "guardctl %s: unknown option '%s'; see guardctl %s --help\n", command,
	    argv[*i], command);
	return -EINVAL;
}

int
args_parse(struct args *a, const char *command, const char *usage, int argc, char **argv)
{
	struct shape s = {0};
	bool plain = false;

	memset(a, 0, sizeof(*a));
	read_usage(a, &s, usage);
	for (int i = 0; i < argc; i++) {
		if (!plain && strcmp(argv[i], "--") == 0) {
			plain = true;
		} else if (!plain && strcmp(argv[i], "--help") == 0) {
			a->help = true;
			return 0;
		} else if (!plain && strncmp(argv[i], "--", 2) == 0) {
			if (take_option(a, &s, command, argv, argc, &i) < 0)
				return -EINVAL;
		} else if (a->n < ARGS_MAX && a->n < s.most) {
			a->words[a->n++] = argv[i];
		} else {
			fprintf(
			    stderr, "guardctl %s: unexpected argument '%s'\n", command, argv[i]);
			return -EINVAL;
		}
	}
	if (a->n < s.needed) {
		fprintf(stderr, "usage: guardctl %s %s\n", command, usage);
		return -EINVAL;
	}
	return 0;
}

const char *
args_option(const struct args *a, const char *name)
{
	for (size_t i = 0; i < a->n_options; i++)
		if (strcmp(a->options[i].name, name) == 0)
			return a->options[i].value;
	return NULL;
}
