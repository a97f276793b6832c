/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for what people and programs are told of NATs that were measured: what is
 * declared beside what was found, differences marked; on a terminal, how far it is.
 */
#ifndef LAB_RUN_NAT_REPORT_H
#define LAB_RUN_NAT_REPORT_H

#include "lab/run/natcheck.h"

#include <stdbool.h>

/** struct nat_report - being written to stdout */
struct nat_report {
	json_t *list;
	size_t total;
	bool summary, terminal, pending;
	size_t different, failed;
};

/** nat_report_begin() - @summary: a line for each of @total NATs; else a table. */
void nat_report_begin(struct nat_report *report, size_t total, bool json, bool summary);
/** nat_report_add() - one that is done. */
void nat_report_add(struct nat_report *report, const struct natcheck_target *target);
/** nat_report_progress() - @done of them are. */
void nat_report_progress(struct nat_report *report, size_t done);
/** nat_report_end() - Return: an enum run_exit. */
int nat_report_end(struct nat_report *report);
/** nat_report_drop() - free what it holds. */
void nat_report_drop(struct nat_report *report);

#endif
