/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef DMREMAP_COMMANDS_H
#define DMREMAP_COMMANDS_H

#define COMMAND(c)	extern const struct command c;
#include "commands.def"
#undef COMMAND

#endif
