/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A YAML file as a tree of nodes that know where they stand. Comes in: a file of an administrator,
 * through libyaml. Goes out: lists, mappings and scalars, without any meaning given to them; what
 * is wrong goes to the diag. Bounded: YAML_FILE_MAX bytes, YAML_DEPTH_MAX levels, YAML_NODES_MAX
 * nodes, YAML_KEYS_MAX keys in one mapping. Refused: aliases, anchors, tags, several documents,
 * equal keys, keys that are no scalars.
 */
#pragma once

#include "conf/diag.h"

#define YAML_FILE_MAX  (1u << 20)
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 50000
#define YAML_KEYS_MAX  1024

struct yaml_file {
	const char *path;
	const char *text;
	size_t size;
	const uint32_t *lines; /* byte offset of each line's start */
	uint32_t n_lines;
	struct node *root; /* NULL: nothing but comments */
};

enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

enum node_style {
	NODE_PLAIN,
	NODE_SINGLE, /* in single quotes */
	NODE_DOUBLE,
	NODE_BLOCK, /* | or > */
};

struct node {
	enum node_kind kind;
	enum node_style style; /* of a scalar */
	uint32_t line, column; /* from 1 */
	const struct yaml_file *file;
	const char *text; /* of a scalar: no NUL inside, one behind */
	size_t len;
	struct node **keys;  /* of a mapping */
	struct node **items; /* of a list; of a mapping: the values */
	size_t n;
};

/* Reads and parses a file; everything lives in the arena. 0, or -EINVAL after telling the diag. */
int yaml_load(struct yaml_file **out, struct arena *a, struct diag *d, const char *path);
/* The same for a text in memory, which must outlive the tree. */
int yaml_load_text(struct yaml_file **out, struct arena *a, struct diag *d, const char *path,
    const char *text, size_t size);

/* The value of a key, or NULL. */
const struct node *node_get(const struct node *map, const char *key);
/* The value of a key when it is there, else the mapping itself: where to point at. */
const struct node *node_at(const struct node *map, const char *key);
/* True for a plain scalar that stands for "no value": nothing, ~ or null. */
bool node_is_null(const struct node *n);
struct place node_place(const struct node *n);
/* The place of byte `offset` of a scalar's text; of its start where a line break or escape is
 * between. */
struct place node_place_in(const struct node *n, size_t offset);
/* The whole text of a line (from 1) of a file, in the arena. */
const char *yaml_line(struct arena *a, const struct yaml_file *f, uint32_t line);
