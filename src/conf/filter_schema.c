/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/filter.h"

#include <stddef.h>

#define PATH_BYTES_MAX 1024

static const struct field journal_fields[] = {
    {"unit", FIELD_TEXTS, .offset = offsetof(struct filter_journal, units), .min = 1, .max = 32,
	.help = "units whose messages are read; .service may be left out"},
    {"identifier", FIELD_TEXTS, .offset = offsetof(struct filter_journal, identifiers), .min = 1,
	.max = 32, .help = "syslog identifiers whose messages are read, too"},
    {"facility", FIELD_TEXTS, .offset = offsetof(struct filter_journal, facilities), .min = 1,
	.max = 24, .help = "syslog facilities whose messages are read, too"},
    {"directory", FIELD_TEXT, .offset = offsetof(struct filter_journal, directory), .min = 1,
	.max = PATH_BYTES_MAX,
	.help = "read the journal files of this directory, not the system's"},
    {0},
};

static const struct schema journal_schema = {
    "a journal source", sizeof(struct filter_journal), journal_fields, "unit"};

static const struct field docker_fields[] = {
    {"name", FIELD_TEXTS, .offset = offsetof(struct filter_docker, names), .min = 1, .max = 32,
	.help = "names of containers, * and ? for parts of them"},
    {"label", FIELD_TEXTS, .offset = offsetof(struct filter_docker, labels), .min = 1, .max = 32,
	.help = "labels of containers, KEY or KEY=VALUE; either of name and label will do"},
    {"directory", FIELD_TEXT, .offset = offsetof(struct filter_docker, directory),
	.fallback = "/var/lib/docker/containers", .min = 1, .max = PATH_BYTES_MAX,
	.help = "where Docker keeps its containers"},
    {0},
};

static const struct schema docker_schema = {
    "a docker source", sizeof(struct filter_docker), docker_fields, "name"};

static const char *const header_words[] = {"auto", "syslog", "none", NULL};

static const struct field source_fields[] = {
    {"journal", FIELD_MAP, .offset = offsetof(struct filter_source, journal),
	.sub = &journal_schema, .help = "the systemd journal: a list of units, or a mapping"},
    {"file", FIELD_TEXTS, .offset = offsetof(struct filter_source, files), .min = 1, .max = 64,
	.help = "paths of log files, * ? and [...] for parts of them; all are read"},
    {"docker", FIELD_MAP, .offset = offsetof(struct filter_source, docker), .sub = &docker_schema,
	.help = "logs of containers (json-file driver)"},
    {"zone", FIELD_TEXT, .offset = offsetof(struct filter_source, zone), .min = 1, .max = 64,
	.help = "time zone of dates without one, as Europe/Paris; else the machine's"},
    {"header", FIELD_CHOICE, .offset = offsetof(struct filter_source, header), .fallback = "auto",
	.words = header_words,
	.help = "whether lines begin with a syslog header; auto: when the filter has program, and "
		"not in containers"},
    {0},
};

static const struct schema source_schema = {
    "a source", sizeof(struct filter_source), source_fields, NULL};

static const struct field offence_fields[] = {
    {"match", FIELD_TEXT, true, .offset = offsetof(struct filter_offence, match),
	.help = "a regular expression with <addr>"},
    {"points", FIELD_INT, .offset = offsetof(struct filter_offence, points), .fallback = "1",
	.min = 1, .max = 10000, .help = "weight of one such line"},
    {"caseless", FIELD_BOOL, .offset = offsetof(struct filter_offence, caseless), .fallback = "no",
	.help = "letters of either case match"},
    {0},
};

static const struct schema offence_schema = {
    "an offence", sizeof(struct filter_offence), offence_fields, "match"};

static const struct field example_fields[] = {
    {"line", FIELD_TEXT, .offset = offsetof(struct filter_example, line), .min = 1, .max = 65535,
	.help = "what the patterns see, without a syslog header"},
    {"log", FIELD_TEXT, .offset = offsetof(struct filter_example, log), .min = 1, .max = 65535,
	.help = "instead of line: as it stands in the file, header included"},
    {"lines", FIELD_TEXTS, .offset = offsetof(struct filter_example, lines), .min = 1, .max = 64,
	.help = "instead of line: several, of which the last one gives"},
    {"gives", FIELD_TEXT, .offset = offsetof(struct filter_example, gives), .min = 1, .max = 64,
	.help = "the address of the offender, or none"},
    {"forgives", FIELD_TEXT, .offset = offsetof(struct filter_example, forgives), .min = 1,
	.max = 64, .help = "instead of gives: the address of a success"},
    {"user", FIELD_TEXT, .offset = offsetof(struct filter_example, user), .max = 65535,
	.help = "what <user> must be"},
    {"points", FIELD_INT, .offset = offsetof(struct filter_example, points), .min = 1, .max = 10000,
	.help = "what the points must be"},
    {"time", FIELD_TEXT, .offset = offsetof(struct filter_example, time), .min = 1, .max = 40,
	.help = "what the time must be, as 2026-11-02T09:00:00Z"},
    {0},
};

static const struct schema example_schema = {
    "an example", sizeof(struct filter_example), example_fields, NULL};

static const struct field steps_fields[] = {
    {"date", FIELD_TEXTS, .offset = offsetof(struct filter_steps, date), .min = 1, .max = 64,
	.help =
	    "templates of the line's date, which is cut out of it; default stands for the usual "
	    "forms"},
    {"prefix", FIELD_TEXT, .offset = offsetof(struct filter_steps, prefix), .min = 1, .max = 65536,
	.help = "a regular expression that each line must match; patterns see its group content"},
    {"lines", FIELD_INT, .offset = offsetof(struct filter_steps, lines), .fallback = "1", .min = 1,
	.max = IMAGE_LINES_MAX, .help = "so many of the last lines are seen at once"},
    {0},
};

static const struct schema steps_schema = {
    "steps", sizeof(struct filter_steps), steps_fields, NULL};

static const struct field filter_fields[] = {
    {"filter", FIELD_NAME, true, .offset = offsetof(struct filter, name),
	.help = "its name, that of the file without .yaml"},
    {"about", FIELD_TEXT, .offset = offsetof(struct filter, about), .fallback = "", .max = 200,
	.help = "what it is for, in a few words"},
    {"sources", FIELD_LIST, true, .offset = offsetof(struct filter, sources), .min = 1, .max = 16,
	.sub = &source_schema,
	.help = "where the lines come from; the first that is alive is read"},
    {"all", FIELD_BOOL, .offset = offsetof(struct filter, all), .fallback = "no",
	.help = "read all sources that are alive"},
    {"program", FIELD_TEXTS, .offset = offsetof(struct filter, programs), .min = 1, .max = 32,
	.help = "programs in the syslog header whose lines are looked at, * and ? for parts"},
    {"steps", FIELD_MAP, .offset = offsetof(struct filter, steps), .sub = &steps_schema,
	.help = "lines are taken apart step by step, and patterns are plain regular expressions "
		"with named groups"},
    {"remember", FIELD_TEXTS, .offset = offsetof(struct filter, remember), .min = 1, .max = 32,
	.help =
	    "patterns with <session> and <addr>: whose session it is, for lines that do not say"},
    {"offences", FIELD_LIST, true, .offset = offsetof(struct filter, offences), .min = 1,
	.max = 256, .sub = &offence_schema, .help = "what counts against a source"},
    {"ignore", FIELD_TEXTS, .offset = offsetof(struct filter, ignore), .min = 1, .max = 64,
	.help = "patterns of lines that are no offence all the same"},
    {"forgive", FIELD_TEXTS, .offset = offsetof(struct filter, forgive), .min = 1, .max = 32,
	.help = "patterns of successes, with <addr>"},
    {"examples", FIELD_LIST, .offset = offsetof(struct filter, examples), .min = 1, .max = 1000,
	.sub = &example_schema, .help = "lines and what they must give"},
    {0},
};

static const struct schema schema = {"a filter", sizeof(struct filter), filter_fields, NULL};

const struct schema *
filter_schema(void)
{
	return &schema;
}
