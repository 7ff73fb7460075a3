/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One const table per kind of file says what may stand in it; it drives reading, printing and the
 * listing the manual is checked against. Comes in: a tree of nodes. Goes out: a C struct, filled
 * member by member as the table says; what is wrong goes to the diag. Bounded by the tree and by
 * min and max of each row. A struct that a table fills begins with `const struct node *node`: where
 * it stands, NULL when absent.
 */
#pragma once

#include "base/clock.h"
#include "base/strbuf.h"
#include "conf/yaml.h"

enum field_type {
	FIELD_TEXT,   /* struct text */
	FIELD_NAME,   /* struct text: [a-z0-9-], a letter or digit first */
	FIELD_BOOL,   /* bool */
	FIELD_INT,    /* int64_t */
	FIELD_SPAN,   /* usec_t */
	FIELD_MILLI,  /* int64_t, thousandths of the number written */
	FIELD_CHOICE, /* unsigned: index into words */
	FIELD_TEXTS,  /* struct list of struct text; one text alone is a list of one */
	FIELD_MAP,    /* a struct of the sub table, embedded */
	FIELD_LIST,   /* struct list of structs of the sub table */
	FIELD_DICT,   /* struct list of struct dict_entry: names of the writer's choice, each a list
		       */
};

/* s is NULL when the key is absent and has no default. */
struct text {
	const char *s;
	const struct node *node; /* NULL: from the default */
};

struct dict_entry {
	const struct node *node; /* of the value */
	struct text name;
	struct list items; /* structs of the sub table */
};

struct field {
	const char *key;
	enum field_type type;
	bool required;
	size_t offset;
	const char *fallback; /* the default, as it would be written; NULL: none */
	int64_t min,
	    max; /* of the value; of a text or list its length; max 0: no limit of its own */
	const char *const *words; /* of a choice, NULL-terminated */
	const struct schema *sub;
	const char *help; /* one line for the manual */
};

struct schema {
	const char *name;
	size_t size;                /* of the struct */
	const struct field *fields; /* ends with key NULL */
	const char *brief; /* the key that a value alone, without a mapping, stands for; or NULL */
};

struct schema_reader {
	struct arena *arena;
	struct diag *diag;
	bool partial; /* required keys may be absent: of a file that is switched off */
};

/* Fills *out (schema->size bytes, zeroed) from a node. */
void schema_read(
    const struct schema_reader *r, const struct schema *schema, const struct node *node, void *out);
/* The items of a list, for loops: i-th struct text of a FIELD_TEXTS. */
static inline const struct text *
list_text(const struct list *l, size_t i)
{
	return (const struct text *)l->items + i;
}

/* Words for people, as "a list of texts". */
const char *field_type_name(enum field_type type);
#define FIELD_SPAN_TEXT 32
/* A time exactly, in the largest unit that divides it, as it can be written: "90d". Returns buf. */
const char *field_span(usec_t v, char buf[static FIELD_SPAN_TEXT]);
/* What the words of a choice are, in one text: "host or service". */
const char *field_words(const struct field *f, struct arena *a);
