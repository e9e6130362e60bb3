// SPDX-License-Identifier: GPL-2.0-only
#include "sim.h"

int exhaust_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}
