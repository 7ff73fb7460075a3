/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which bytes one character of a pattern stands for: classes, escapes, the dot, as PCRE2 takes them
 * in bytes mode with its built-in (C) tables. Comes in: the pattern's text. Goes out: bits added to
 * a set of 256. Pure; bounded by the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds a byte; caseless: with its other case. */
void class_byte(uint64_t set[4], unsigned char c, bool caseless);
/* Adds what a dot stands for. */
void class_dot(uint64_t set[4], bool dot_all);
/*
 * Reads the escape at s[*i] (a backslash) and steps over it. *byte is the character it stands for,
 * which is not added; or -1 when it is a type such as \d, which is. -EINVAL for what is none of
 * them.
 */
int class_escape(const char *s, size_t n, size_t *i, bool in_class, uint64_t set[4], int *byte);
/* Reads the class at s[*i] (a bracket) and steps over it. -EINVAL for what is not taken. */
int class_parse(const char *s, size_t n, size_t *i, bool caseless, uint64_t set[4]);
