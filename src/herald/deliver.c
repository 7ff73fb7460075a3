/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/deliver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "herald/secret.h"
#include "herald/template.h"

#define WHY_MAX     600
#define OUTPUT_MAX  1024 /* bytes of a helper's output that are looked at */
#define COURIER_MAX 290  /* seconds; the runner gives it 300 */
#define GRACE       5    /* seconds for a helper beyond the channel's own time */

struct deliver_job {
	deliver_done done;
	void *ctx;
	bool program;
};

/* The arguments of deliver_start. */
struct delivery {
	const struct deliver_env *env;
	uint32_t channel;
	const struct alert_bundle *bundle;
	deliver_done done;
	void *ctx;
	struct deliver_job **job;
};

unsigned
deliver_timeout(const struct image_channel *c)
{
	unsigned max = c->kind == CHANNEL_PROGRAM ? c->timeout_s : COURIER_MAX;

	return c->timeout_s < max ? c->timeout_s : max;
}

/* The first line of text, clean. */
static void
first_line(char *text)
{
	char copy[OUTPUT_MAX];

	text[strcspn(text, "\r\n")] = '\0';
	alert_text_copy(copy, sizeof(copy), text);
	snprintf(text, OUTPUT_MAX, "%s", copy);
}

static const char *
not_run(int status)
{
	return status == -ETIMEDOUT ? "it took too long and was ended"
	       : status == -EINTR   ? "it was ended by a signal"
				    : strerror(-status);
}

void
deliver_courier_result(int status, char *output, struct alert_result *r)
{
	static const char later[] = "retry-after ";
	char *second = strchr(output, '\n');

	*r = (struct alert_result){.status = COURIER_LATER, .words = output};
	if (status < 0 || status >= COURIER_STATUSES) {
		snprintf(output, OUTPUT_MAX, "guardd-courier: %s",
		    status < 0 ? not_run(status) : "it cannot be run");
		return;
	}
	r->status = (enum courier_status)status;
	if (second && strncmp(second + 1, later, strlen(later)) == 0)
		r->retry_after = (unsigned)strtoul(second + 1 + strlen(later), NULL, 10);
	first_line(output);
}

void
deliver_program_result(int status, char *output, char *words, size_t room, struct alert_result *r)
{
	*r = (struct alert_result){
	    .status = status == 0 ? COURIER_DONE : COURIER_LATER, .words = words};
	first_line(output);
	if (status < 0)
		snprintf(words, room, "the program: %s%s%s", not_run(status), output[0] ? ": " : "",
		    output);
	else
		snprintf(words, room, "exit status %d%s%s", status, output[0] ? ": " : "", output);
}

static void
on_ran(void *ctx, int status, const char *output, size_t n)
{
	char text[OUTPUT_MAX], words[OUTPUT_MAX + 100];
	struct deliver_job *job = ctx;
	struct alert_result r;

	snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ? n : sizeof(text) - 1),
	    output ? output : "");
	if (job->program)
		deliver_program_result(status, text, words, sizeof(words), &r);
	else
		deliver_courier_result(status, text, &r);
	job->done(job->ctx, &r);
	free(job);
}

static int
run(const struct delivery *d, const struct strbuf *input, bool program)
{
	const struct image_channel *c = &d->env->image->channels[d->channel];
	struct deliver_job *job = calloc(1, sizeof(*job));
	int r;

	if (!job)
		return -ENOMEM;
	*job = (struct deliver_job){.done = d->done, .ctx = d->ctx, .program = program};
	r = hands_run(d->env->hands, program ? RUN_PROGRAM : RUN_COURIER, program ? d->channel : 0,
	    deliver_timeout(c) + (program ? 0 : GRACE), input->text, input->len, on_ran, job);
	if (r < 0)
		free(job);
	else
		*d->job = job;
	return r;
}

static int
by_courier(const struct delivery *d)
{
	_cleanup_(secret_wipe) struct strbuf order = {0};
	char why[WHY_MAX] = "";
	int r = deliver_order(
	    d->env, &d->env->image->channels[d->channel], d->bundle, &order, why, sizeof(why));

	if (r < 0) {
		d->done(d->ctx, &(struct alert_result){.status = COURIER_CANNOT, .words = why});
		return 0;
	}
	return run(d, &order, false);
}

static int
by_program(const struct delivery *d)
{
	_cleanup_(strbuf_fini) struct strbuf input = {0};

	template_json(d->bundle, &input);
	return run(d, &input, true);
}

static int
by_journal(const struct delivery *d)
{
	struct alert_result result = {.status = COURIER_DONE, .words = "written to the journal"};
	int r = deliver_journal(d->bundle);

	if (r < 0) {
		result.status = COURIER_LATER;
		result.words = r == -ENOENT ? "no journal runs here" : strerror(-r);
	}
	d->done(d->ctx, &result);
	return 0;
}

int
deliver_start(const struct deliver_env *env, uint32_t channel, const struct alert_bundle *b,
    deliver_done done, void *ctx, struct deliver_job **job)
{
	static int (*const ways[])(const struct delivery *d) = {
	    [CHANNEL_JOURNAL] = by_journal,
	    [CHANNEL_MAIL] = by_courier,
	    [CHANNEL_WEBHOOK] = by_courier,
	    [CHANNEL_PROGRAM] = by_program,
	};
	const struct delivery d = {env, channel, b, done, ctx, job};
	unsigned kind = env->image->channels[channel].kind;

	*job = NULL;
	if (kind >= sizeof(ways) / sizeof(*ways) || !ways[kind])
		return -EINVAL;
	return ways[kind](&d);
}

void
deliver_forget(const struct deliver_env *env, struct deliver_job *job)
{
	if (!job)
		return;
	hands_forget(env->hands, job);
	free(job);
}
