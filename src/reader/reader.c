/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "reader/daemon.h"
#include "reader/modes.h"

int
main(int argc, char **argv)
{
	log_init("guardd-reader", LOG_INFO);
	if (argc > 1)
		return modes_run(argc, argv);
	return daemon_run();
}
