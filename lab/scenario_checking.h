/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the parts of one pass of checks: scenario_check.c, which has
 * the nodes and the steps, scenario_check_member.c, scenario_check_nat.c and
 * scenario_check_wire.c. Nothing else includes it.
 */
#ifndef LAB_SCENARIO_CHECKING_H
#define LAB_SCENARIO_CHECKING_H

#include "lab/keys_places.h"
#include "lab/scenario_names.h"

/** struct check_behind - what is directly behind a NAT of "nats" */
struct check_behind {
	size_t machines;
	size_t nats;
	size_t addresses; /* that both need */
};

/**
 * struct check - one pass of checks
 * @names: none: they are not known, and nobody is told of unknown ones
 * @behind: parallel to scenario.nats, and behind them what is behind none
 */
struct check {
	const struct scenario *scenario;
	const struct keys_places *places;
	struct source *source;
	struct scenario_names names;
	size_t n_functions;
	struct check_behind *behind;
	bool roles_known;
};

static inline struct where check_at(const struct check *check, const void *member,
				    struct where otherwise)
{
	return keys_at(check->places, member, otherwise);
}

static inline bool check_given(const struct check *check, const void *member)
{
	return keys_given(check->places, member);
}

static inline bool check_refused(const struct check *check, const void *member)
{
	return keys_refused(check->places, member);
}

/** check_resolve() - the machine that a member names; NULL after a complaint, or when names are
 * not known. */
const struct scenario_name *check_resolve(struct check *check, char *const *member,
					  struct where otherwise);
/** check_unknown() - complain that no machine, nor NAT if @nats, has that name. */
void check_unknown(struct check *check, const char *name, struct where where, bool nats);
/** check_after() - can a change of @step come as late as @member says? */
void check_after(struct check *check, const struct scenario_step *step, const uint64_t *member,
		 struct where otherwise);
/** check_link() - can a wire be so? NULL is legal. */
void check_link(struct check *check, const struct scenario_link *link);
/** check_wire() - is there that wire, and can it be changed so? */
void check_wire(struct check *check, const struct scenario_step *step,
		const struct scenario_wire_change *change);
/** check_member() - is there that Boxer process, and can that become of it then? */
void check_member(struct check *check, const struct scenario_step *step,
		  const struct scenario_member_change *change);
/** check_event() - is there who could tell it? */
void check_event(struct check *check, const struct scenario_event *event);
/** check_change() - is there that NAT, and can it be changed so? */
void check_change(struct check *check, const struct scenario_step *step,
		  const struct scenario_nat_change *change);
/** check_nats() - all that is said of NATs. */
void check_nats(struct check *check);

#endif
