/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

struct loader {
	yaml_parser_t parser;
	struct yaml_file *file;
	struct arena *arena;
	struct diag *diag;
	size_t nodes;
};

static bool
is_break(const char *p, size_t left, size_t *len)
{
	const unsigned char *u = (const unsigned char *)p;

	*len = 1;
	if (u[0] == '\r' && left > 1 && u[1] == '\n')
		*len = 2;
	if (u[0] == '\r' || u[0] == '\n')
		return true;
	/* YAML 1.1, 4.2: NEL, LS and PS break lines too, and libyaml counts them. */
	*len = 2;
	if (left > 1 && u[0] == 0xc2 && u[1] == 0x85)
		return true;
	*len = 3;
	return left > 2 && u[0] == 0xe2 && u[1] == 0x80 && (u[2] == 0xa8 || u[2] == 0xa9);
}

static void
find_lines(struct yaml_file *f, struct arena *a)
{
	struct list lines = {0};
	size_t len;

	*(uint32_t *)list_add(a, &lines, sizeof(uint32_t)) = 0;
	for (size_t i = 0; i < f->size;) {
		if (!is_break(f->text + i, f->size - i, &len)) {
			i++;
			continue;
		}
		i += len;
		*(uint32_t *)list_add(a, &lines, sizeof(uint32_t)) = (uint32_t)i;
	}
	f->lines = lines.items;
	f->n_lines = (uint32_t)lines.n;
}

/* The bytes of a line without its break. */
static const char *
line_text(const struct yaml_file *f, uint32_t line, size_t *len)
{
	size_t start, end;

	*len = 0;
	if (line == 0 || line > f->n_lines)
		return "";
	start = f->lines[line - 1];
	end = line < f->n_lines ? f->lines[line] : f->size;
	if (line == 1 && end >= 3 && !memcmp(f->text, "\xef\xbb\xbf", 3))
		start = 3;
	while (end > start && strchr("\r\n", f->text[end - 1]))
		end--;
	*len = end - start;
	return f->text + start;
}

const char *
yaml_line(struct arena *a, const struct yaml_file *f, uint32_t line)
{
	size_t len;
	const char *text = line_text(f, line, &len);

	return arena_dup(a, text, len);
}

static struct place
place_at(const struct yaml_file *f, uint32_t line, uint32_t column)
{
	struct place p = {f->path, line, column, NULL, 0};

	p.text = line_text(f, line, &p.len);
	return p;
}

struct place
node_place(const struct node *n)
{
	return place_at(n->file, n->line, n->column);
}

/* The bytes that one byte of a scalar's value takes in the file. */
static size_t
written_length(enum node_style style, const char *p, size_t left)
{
	if (style == NODE_SINGLE && left > 1 && p[0] == '\'' && p[1] == '\'')
		return 2;
	if (style != NODE_DOUBLE || left < 2 || p[0] != '\\')
		return 1;
	return p[1] == 'x' ? 4 : p[1] == 'u' ? 6 : p[1] == 'U' ? 10 : 2;
}

struct place
node_place_in(const struct node *n, size_t offset)
{
	struct place at = node_place(n);
	uint32_t column = 1;
	size_t p = 0;

	while (p < at.len && column < at.column) {
		p++;
		while (p < at.len && ((unsigned char)at.text[p] & 0xc0) == 0x80)
			p++;
		column++;
	}
	if (n->style == NODE_BLOCK)
		return at;
	if (n->style != NODE_PLAIN)
		p++;
	for (size_t i = 0; i < offset && p < at.len; i++)
		p += written_length(n->style, at.text + p, at.len - p);
	if (p > at.len || (p == at.len && offset < n->len))
		return at;
	column = 1;
	for (size_t i = 0; i < p; i++)
		column += ((unsigned char)at.text[i] & 0xc0) != 0x80;
	at.column = column;
	return at;
}

const struct node *
node_get(const struct node *map, const char *key)
{
	if (!map || map->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++) {
		if (!strcmp(map->keys[i]->text, key))
			return map->items[i];
	}
	return NULL;
}

const struct node *
node_at(const struct node *map, const char *key)
{
	const struct node *value = node_get(map, key);

	return value ? value : map;
}

bool
node_is_null(const struct node *n)
{
	return n->kind == NODE_SCALAR && n->style == NODE_PLAIN &&
	       (n->len == 0 || !strcmp(n->text, "~") || !strcasecmp(n->text, "null"));
}

static int
refuse(struct loader *l, yaml_mark_t mark, const char *why)
{
	diag_error(l->diag, place_at(l->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1),
	    "%s", why);
	return -EINVAL;
}

/* Tells what libyaml itself found. */
static int
refuse_syntax(struct loader *l)
{
	const yaml_parser_t *p = &l->parser;
	const char *context = p->context ? p->context : "", *problem = p->problem;
	uint32_t line = 1;

	if (p->error == YAML_MEMORY_ERROR)
		abort();
	if (p->error != YAML_READER_ERROR) {
		diag_error(l->diag,
		    place_at(l->file, (uint32_t)p->problem_mark.line + 1,
			(uint32_t)p->problem_mark.column + 1),
		    "%s%s%s", problem ? problem : "not YAML", *context ? " " : "", context);
		return -EINVAL;
	}
	/* Bytes that are no text: the reader knows their offset only, and they are not shown. */
	while (line < l->file->n_lines && l->file->lines[line] <= p->problem_offset)
		line++;
	diag_error(l->diag, (struct place){l->file->path, line, 1, NULL, 0}, "%s (byte 0x%02x)",
	    problem, (unsigned)p->problem_value);
	return -EINVAL;
}

static int
next_event(struct loader *l, yaml_event_t *e)
{
	return yaml_parser_parse(&l->parser, e) ? 0 : refuse_syntax(l);
}

static struct node *
node_new(struct loader *l, enum node_kind kind, const yaml_event_t *e)
{
	struct node *n = arena_alloc(l->arena, sizeof(*n));

	n->kind = kind;
	n->file = l->file;
	n->line = (uint32_t)e->start_mark.line + 1;
	n->column = (uint32_t)e->start_mark.column + 1;
	return n;
}

static enum node_style
style_of(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return NODE_SINGLE;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return NODE_DOUBLE;
	case YAML_LITERAL_SCALAR_STYLE:
	case YAML_FOLDED_SCALAR_STYLE:
		return NODE_BLOCK;
	default:
		return NODE_PLAIN;
	}
}

static int
build_scalar(struct loader *l, const yaml_event_t *e, struct node **out)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct node *n = node_new(l, NODE_SCALAR, e);

	if (memchr(text, 0, len))
		return refuse(l, e->start_mark, "a text cannot hold a NUL");
	n->style = style_of(e->data.scalar.style);
	n->text = arena_dup(l->arena, text, len);
	n->len = len;
	*out = n;
	return 0;
}

static int build(struct loader *l, const yaml_event_t *e, unsigned depth, struct node **out);

/* Adds one child; *end is set when the collection is over instead. */
static int
build_child(struct loader *l, unsigned depth, struct list *into, bool *end)
{
	yaml_event_t e;
	struct node *child = NULL;
	int r = next_event(l, &e);

	if (r < 0)
		return r;
	*end = e.type == YAML_SEQUENCE_END_EVENT || e.type == YAML_MAPPING_END_EVENT;
	if (!*end) {
		r = build(l, &e, depth, &child);
		*(struct node **)list_add(l->arena, into, sizeof(child)) = child;
	}
	yaml_event_delete(&e);
	return r;
}

static int
build_list(struct loader *l, const yaml_event_t *e, unsigned depth, struct node **out)
{
	struct node *n = *out = node_new(l, NODE_LIST, e);
	struct list items = {0};
	bool end = false;
	int r = 0;

	while (r == 0 && !end)
		r = build_child(l, depth, &items, &end);
	n->items = items.items;
	n->n = items.n;
	return r;
}

static int
check_key(struct loader *l, const struct node *key, const struct list *keys)
{
	struct node *const *known = keys->items;

	if (key->kind != NODE_SCALAR) {
		diag_error(l->diag, node_place(key), "a key must be a plain word");
		return -EINVAL;
	}
	if (keys->n > YAML_KEYS_MAX) {
		diag_error(
		    l->diag, node_place(key), "more than %d keys in one mapping", YAML_KEYS_MAX);
		return -EINVAL;
	}
	for (size_t i = 0; i + 1 < keys->n; i++) {
		if (strcmp(known[i]->text, key->text))
			continue;
		diag_error(l->diag, node_place(key), "key '%s' is here twice, first in line %u",
		    key->text, known[i]->line);
		return -EINVAL;
	}
	return 0;
}

static int
build_map(struct loader *l, const yaml_event_t *e, unsigned depth, struct node **out)
{
	struct node *n = *out = node_new(l, NODE_MAP, e);
	struct list keys = {0}, values = {0};
	bool end = false;
	int r = 0;

	while (r == 0) {
		r = build_child(l, depth, &keys, &end);
		if (r < 0 || end)
			break;
		r = check_key(l, ((struct node **)keys.items)[keys.n - 1], &keys);
		if (r == 0)
			r = build_child(l, depth, &values, &end);
	}
	n->keys = keys.items;
	n->items = values.items;
	n->n = values.n;
	return r;
}

static const char *
refusal(const yaml_event_t *e)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	if (e->type == YAML_ALIAS_EVENT)
		return "aliases (*name) are not taken: write the value out";
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		tag = e->data.scalar.tag;
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		tag = e->data.sequence_start.tag;
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		tag = e->data.mapping_start.tag;
	}
	if (anchor)
		return "anchors (&name) are not taken";
	return tag ? "tags (!name) are not taken: quote the text" : NULL;
}

static int
build(struct loader *l, const yaml_event_t *e, unsigned depth, struct node **out)
{
	const char *why = refusal(e);

	if (why)
		return refuse(l, e->start_mark, why);
	if (++l->nodes > YAML_NODES_MAX)
		return refuse(l, e->start_mark, "the file has too many values");
	if (e->type == YAML_SCALAR_EVENT)
		return build_scalar(l, e, out);
	if (depth == YAML_DEPTH_MAX)
		return refuse(l, e->start_mark, "nested too deeply");
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return build_list(l, e, depth + 1, out);
	return build_map(l, e, depth + 1, out);
}

/* The events around and between documents; the first document becomes the root. */
static int
build_stream(struct loader *l)
{
	unsigned documents = 0;
	bool end = false;
	yaml_event_t e;
	int r = 0;

	while (r == 0 && !end) {
		r = next_event(l, &e);
		if (r < 0)
			break;
		if (e.type == YAML_STREAM_END_EVENT)
			end = true;
		else if (e.type == YAML_DOCUMENT_START_EVENT && ++documents > 1)
			r = refuse(l, e.start_mark, "one document in a file");
		else if (e.type != YAML_STREAM_START_EVENT && e.type != YAML_DOCUMENT_START_EVENT &&
			 e.type != YAML_DOCUMENT_END_EVENT)
			r = build(l, &e, 0, &l->file->root);
		yaml_event_delete(&e);
	}
	return r;
}

int
yaml_load_text(struct yaml_file **out, struct arena *a, struct diag *d, const char *path,
    const char *text, size_t size)
{
	struct yaml_file *f = arena_alloc(a, sizeof(*f));
	struct loader l = {.file = f, .arena = a, .diag = d};
	int r;

	f->path = arena_dup(a, path, strlen(path));
	f->text = text;
	f->size = size;
	find_lines(f, a);
	if (!yaml_parser_initialize(&l.parser))
		abort();
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, size);
	r = build_stream(&l);
	yaml_parser_delete(&l.parser);
	if (r < 0)
		return r;
	if (f->root && node_is_null(f->root))
		f->root = NULL;
	*out = f;
	return 0;
}

/* The bytes of a regular file of at most YAML_FILE_MAX. Negative errno; -EFBIG. */
static int
read_whole(struct arena *a, const char *path, char **text, size_t *size)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	size_t n = 0;
	ssize_t got;
	char *bytes;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENODEV;
	if (st.st_size > YAML_FILE_MAX)
		return -EFBIG;
	bytes = arena_alloc(a, (size_t)st.st_size + 1);
	while (n < (size_t)st.st_size && (got = read(fd, bytes + n, (size_t)st.st_size - n)) != 0) {
		if (got < 0)
			return -errno;
		n += (size_t)got;
	}
	*text = bytes;
	*size = n;
	return 0;
}

int
yaml_load(struct yaml_file **out, struct arena *a, struct diag *d, const char *path)
{
	char *text = NULL;
	size_t size = 0;
	int r = read_whole(a, path, &text, &size);

	if (r < 0) {
		diag_error(d, (struct place){arena_dup(a, path, strlen(path)), 0, 0, NULL, 0}, "%s",
		    r == -EFBIG ? "larger than 1 MiB" : strerror(-r));
		return -EINVAL;
	}
	return yaml_load_text(out, a, d, path, text, size);
}
