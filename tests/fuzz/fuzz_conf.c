/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a filter, a rule of either kind, a main file or one pattern: what is taken must make
 * an image that opens, and must read back when printed.
 */
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/config.h"
#include "conf/emit.h"
#include "conf/print.h"

#define NOW (INT64_C(1795000000) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int
resolve_none(const char *host, struct arena *a, struct list *addrs)
{
	(void)host;
	(void)a;
	(void)addrs;
	return EAI_NONAME;
}

static void
add_filter(struct config *c, const struct schema_reader *r, const struct node *root)
{
	struct filter *f = arena_alloc(&c->arena, sizeof(*f));

	schema_read(r, filter_schema(), root, f);
	if (f->name.s)
		*(struct filter **)list_add(&c->arena, &c->filters, sizeof(f)) = f;
}

static void
add_rule(struct config *c, const struct schema_reader *r, const struct node *root)
{
	struct rule *rule = arena_alloc(&c->arena, sizeof(*rule));

	schema_read(r, rule_schema(), root, rule);
	if (rule->name.s)
		*(struct rule **)list_add(&c->arena, &c->rules, sizeof(rule)) = rule;
}

static void
add_expose(struct config *c, const struct schema_reader *r, const struct node *root)
{
	struct expose *x = arena_alloc(&c->arena, sizeof(*x));

	schema_read(r, expose_schema(), root, x);
	if (x->name.s)
		*(struct expose **)list_add(&c->arena, &c->exposes, sizeof(x)) = x;
}

static const char demo[] = "filter: demo\nsources: [{file: /x}]\noffences: ['^abcd <addr>']\n";

static void
load(struct config *c, int kind, const char *text, size_t n)
{
	struct schema_reader r = {&c->arena, &c->diag, false};
	struct yaml_file *file = NULL, *other = NULL;
	struct zone *z = list_add(&c->arena, &c->zones, sizeof(*z));

	if (zone_load(z, &c->arena, "UTC", NOW) < 0)
		abort();
	if (yaml_load_text(&other, &c->arena, &c->diag, "demo", demo, strlen(demo)) < 0)
		abort();
	add_filter(c, &r, other->root);
	if (yaml_load_text(&file, &c->arena, &c->diag, "input", text, n) < 0)
		return;
	settings_read(&c->settings, &r,
	    kind == 2 && file->root && file->root->kind == NODE_MAP ? file->root : NULL);
	settings_make(&c->settings, &c->arena, &c->diag, resolve_none);
	if (kind == 0 && file->root && file->root->kind == NODE_MAP)
		add_filter(c, &r, file->root);
	if (kind == 1 && file->root && file->root->kind == NODE_MAP)
		(node_get(file->root, "expose") ? add_expose : add_rule)(c, &r, file->root);
	config_check(c);
}

static void
check_image(const struct config *c)
{
	static const struct hash_key key;
	_cleanup_(writer_freep) struct writer *w = writer_new();
	_cleanup_(closep) int fd = memfd_create("image", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	struct image img;

	emit_config(w, c, &key);
	if (writer_finish(w, fd, NOW) < 0 || image_open(&img, fd) < 0)
		abort();
	image_close(&img);
}

/* Each document that was printed must be taken, and printed alike. */
static void
check_print(const struct config *c, int kind)
{
	static const char *const marks[] = {
	    "--- # filters.d/", "--- # rules.d/", "--- # guardd.yaml"};
	static const struct config_paths paths = {"", "", "", ""};
	struct strbuf text = {0}, again = {0};
	struct config other;
	const char *from, *to;

	print_config(&text, c);
	from = strstr(text.text, marks[kind]);
	/* The first filter is the demo. */
	if (kind == 0)
		from = strstr(from + 1, marks[kind]);
	if (from) {
		to = strstr(from + 1, "\n--- # ");
		config_init(&other, &paths);
		load(&other, kind, from, to ? (size_t)(to + 1 - from) : strlen(from));
		if (other.diag.errors) {
			diag_print(&other.diag, stderr);
			fprintf(stderr, "%s\n", from);
			abort();
		}
		print_config(&again, &other);
		if (strcmp(text.text, again.text))
			abort();
		config_fini(&other);
	}
	strbuf_fini(&text);
	strbuf_fini(&again);
}

static void
check_pattern(struct config *c, const char *text, size_t n)
{
	struct yaml_file file = {
	    .path = "input", .text = text, .size = n, .lines = (uint32_t[]){0}, .n_lines = 1};
	struct node node = {
	    .file = &file, .line = 1, .column = 1, .text = arena_dup(&c->arena, text, n)};
	struct pattern p = {
	    .kind = n ? (enum pattern_kind)((unsigned)text[0] % 4) : PATTERN_OFFENCE};

	node.len = strlen(node.text);
	p.written = (struct text){node.text, &node};
	pattern_make(&p, &c->arena, &c->diag, true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct config_paths paths = {"", "", "", ""};
	static FILE *nowhere;
	struct config c;
	int kind;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	if (n < 1)
		return 0;
	kind = data[0] % 4;
	config_init(&c, &paths);
	if (kind == 3) {
		check_pattern(&c, (const char *)data + 1, n - 1);
	} else {
		char *text = arena_dup(&c.arena, (const char *)data + 1, n - 1);

		load(&c, kind, text, n - 1);
		if (!c.diag.errors) {
			check_image(&c);
			check_print(&c, kind);
		}
	}
	diag_print(&c.diag, nowhere);
	config_fini(&c);
	return 0;
}
