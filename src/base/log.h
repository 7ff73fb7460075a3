/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One line per message to standard error; under the journal with the "<N>" priority prefix of
 * sd-daemon(3). Text is cleaned of control bytes. Only a process's main and its event callbacks
 * log.
 */
#pragma once

#include <syslog.h>

/* Names the role in front of each line; max is the least urgent priority still written;
 * with GUARDD_QUIET in the environment (the supervisor sets it for its roles) that is LOG_WARNING.
 */
void log_init(const char *role, int max);
void log_msg(int priority, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...)   log_msg(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)    log_msg(LOG_INFO, __VA_ARGS__)
#define log_notice(...)  log_msg(LOG_NOTICE, __VA_ARGS__)
#define log_warning(...) log_msg(LOG_WARNING, __VA_ARGS__)
#define log_err(...)     log_msg(LOG_ERR, __VA_ARGS__)
#define log_alert(...)   log_msg(LOG_ALERT, __VA_ARGS__)

/* Logs and exits 1: for mains and broken invariants only. */
void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
