/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reader without the daemon: the same engine over examples, given lines or given files, for
 * guardd's start and for guardctl. Comes in: the image at FD_IMAGE, arguments, files or standard
 * input. Goes out: JSON lines (or records) on standard output, errors on standard error. Files are
 * opened before the process seals itself; memory is bounded by READ_ROOM and each mode's tables.
 *
 *   --examples [-v] [FILTER...]
 *       Runs the examples of the image; silent when all hold. -v: {filters, examples, failed}.
 *   --explain FILTER
 *       Lines on standard input, each step of each line as an object.
 *   --test [--lines [--journal]] [--now EPOCH] FILTER FILE...
 *       What the filter makes of the files; of each line with --lines, which with --journal are
 *       messages of the journal. --now: as if it were then.
 *   --replay [--filter FILTER] FILE...
 *       Raw struct msg (MSG_OFFENCE, MSG_FORGIVE) for guardd-judge --replay.
 *
 * A FILE may be "-": standard input. A filter's name in front of the files of --replay needs no
 * "--filter" when no file has that name.
 *
 * PATTERN below is three members: pattern (as the file has it), file, line.
 *
 * --explain: "step" says what an object is.
 *   line        text                a new line begins
 *   header      time, program, message {text, at}, repeat
 *                                   time is null when the header has none
 *   no_header                       the filter expects one: the line is taken as a message
 *   program     program, fits       not one of the filter's, the line is left out
 *   literal     text, at, PATTERN   a literal of the pattern stands there
 *   no_literal                      none of any pattern
 *   pattern     kind, PATTERN, answer ("matched", "not", "limit"), captures {NAME: {text, at}}
 *   date        answer ("found", "invalid", "empty", "none"), text, form, time
 *                                   of a stepwise filter: what is cut out, and the time that counts
 *   content     text                what its patterns see from here on
 *   session     text, noted         whose it is; noted: no offence of itself
 *   counted     id, banned, PATTERN what it counts as; banned: it is an address
 *   address     text, PATTERN       matched, but that is no address; null: session not known
 *   nearest     PATTERN, at, rest, pattern_rest
 *                                   no offence: the pattern that came furthest, where it stopped in
 *                                   the line, and what it wanted there
 *   offence, forgive
 *               address, user, points, time, dated, future, filter, PATTERN
 *   nothing                         the line means nothing to the filter
 *   too_long                        more than LINE_MAX_BYTES: never examined
 * "at" is an offset in the line, in bytes; patterns of stepwise filters see a copy of it, without.
 *
 * --test: "type" says what an object is.
 *   line        n, match, unexamined (when it is so); of an offence id (what is counted: the
 * address, or what stands for it), addr (null: nobody can be banned), user, time, epoch, dated,
 * PATTERN     (--lines alone) pattern     kind, PATTERN, hits address     address, offences,
 * points, forgives most points first, at most 10,000 near_miss   file, line, text    a literal was
 * there, no pattern matched; the first 20 total       files, lines, candidates, matched,
 * unexamined, undated, future, addresses, unlisted (hits of addresses past the 10,000), near_misses
 */
#pragma once

/* The process's exit status: 0 done, 1 failed (said on standard error), 2 usage. */
int modes_run(int argc, char **argv);
