/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a survey: each of some NATs is built in a topology of its own, with a
 * host behind it that has two addresses and a reflector that has two public ones, and
 * measured in full. One that translates nothing is measured as a public machine.
 */
#ifndef LAB_RUN_SURVEY_H
#define LAB_RUN_SURVEY_H

#include "lab/run/natcheck.h"

/** struct survey_nat - what to measure; both are the caller's, and there until the end */
struct survey_nat {
	const char *name;
	const struct nat *nat;
};

struct survey;

/**
 * survey_start() - build them, and begin to measure, several at a time
 * @lifetime_s: how long mappings live, as far as this; 0: not at all
 *
 * Return: 0, or -errno; -EINVAL when a NAT can't be planned.
 */
int survey_start(struct ev_loop *loop, const struct survey_nat *nats, size_t n, unsigned lifetime_s,
		 struct survey **ret_survey, struct error *err);
/** survey_targets() - what is known of each, in their order; good until survey_free(). */
const struct natcheck_target *survey_targets(const struct survey *survey);
/** survey_left() - how many are not done. */
size_t survey_left(const struct survey *survey);
/**
 * survey_check_leaks() - did a private source address appear on a public side?
 *
 * Return: 0; -EXPECT_UNMET with words when one did, or -errno.
 */
int survey_check_leaks(const struct survey *survey, struct error *err);
/** survey_free() - end what still runs, take all down; NULL is legal. */
void survey_free(struct survey *survey);

#endif
