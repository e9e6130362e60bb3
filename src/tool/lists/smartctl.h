/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmremap: lists: what smartctl's two forms, text and JSON, have in common.
 */
#ifndef DMREMAP_SMARTCTL_H
#define DMREMAP_SMARTCTL_H

#include "parse.h"

/* As struct list_format's parse(), for JSON. */
bool parse_smartctl_json(struct parser *p, const char *text);

/* An entry of ATA's error log, in smartctl's words. False: impossible. */
bool smartctl_ata_error(struct parser *p, const char *text);

#endif
