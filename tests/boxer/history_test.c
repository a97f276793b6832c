/* SPDX-License-Identifier: MIT */
#include "boxer/history.h"

#include <criterion/criterion.h>

static struct history h;

static void forget_all(void)
{
	history_free(&h);
}

TestSuite(history, .fini = forget_all);

static void note(uint32_t id, const char *strategy, enum reason reason, uint64_t at)
{
	history_note(&h, id, &(struct history_event){strategy, reason, 7 * NS_PER_MS, at});
}

Test(history, knows_the_last_connection_to_each_member)
{
	cr_expect_null(history_last(&h, 3));
	note(3, "direct", REASON_TIMEOUT, 10);
	note(1, "private", REASON_NONE, 11);
	note(3, "simultaneous", REASON_NONE, 12);
	cr_expect_str_eq(history_last(&h, 3)->strategy, "simultaneous");
	cr_expect_eq(history_last(&h, 3)->reason, REASON_NONE);
	cr_expect_eq(history_last(&h, 3)->took_ns, 7 * NS_PER_MS);
	cr_expect_eq(history_last(&h, 3)->at, 12);
	cr_expect_str_eq(history_last(&h, 1)->strategy, "private");
	cr_expect_null(history_last(&h, 2));
}

Test(history, remembers_a_failure_for_a_while)
{
	note(3, "direct", REASON_TIMEOUT, 10);
	cr_expect(history_lately(&h, 3, "direct", 10));
	cr_expect(history_lately(&h, 3, "direct", 9 + HISTORY_FAILURE_NS));
	cr_expect_not(history_lately(&h, 3, "direct", 10 + HISTORY_FAILURE_NS));
	cr_expect_not(history_lately(&h, 3, "private", 10));
	cr_expect_not(history_lately(&h, 4, "direct", 10));
}

Test(history, tells_what_failed_at_once_from_what_took_long)
{
	struct history_event slow = {.strategy = "simultaneous",
				     .reason = REASON_TIMEOUT,
				     .took_ns = HISTORY_SLOW_NS,
				     .at = 10};

	history_note(&h, 3, &slow);
	note(3, "direct", REASON_TIMEOUT, 10);
	cr_expect_eq(history_lately(&h, 3, "simultaneous", 11), HISTORY_FAILED_SLOWLY);
	cr_expect_eq(history_lately(&h, 3, "direct", 11), HISTORY_FAILED);
	note(3, "simultaneous", REASON_TIMEOUT, 12);
	cr_expect_eq(history_lately(&h, 3, "simultaneous", 13), HISTORY_FAILED_SLOWLY);
	cr_expect_eq(history_lately(&h, 3, "simultaneous", 12 + HISTORY_FAILURE_NS), HISTORY_FINE);
	note(3, "simultaneous", REASON_TIMEOUT, 12 + HISTORY_FAILURE_NS);
	cr_expect_eq(history_lately(&h, 3, "simultaneous", 12 + HISTORY_FAILURE_NS),
		     HISTORY_FAILED);
}

Test(history, keeps_a_strategys_failure_beside_anothers_success)
{
	note(3, "direct", REASON_TIMEOUT, 10);
	note(3, "simultaneous", REASON_NONE, 11);
	cr_expect(history_lately(&h, 3, "direct", 12));
	note(3, "direct", REASON_NONE, 13);
	cr_expect_not(history_lately(&h, 3, "direct", 14));
}

Test(history, forgives_one_or_all)
{
	for (uint32_t id = 1; id <= 3; id++)
		note(id, "direct", REASON_TIMEOUT, 10);
	history_forgive(&h, 2);
	cr_expect(history_lately(&h, 1, "direct", 11));
	cr_expect_not(history_lately(&h, 2, "direct", 11));
	history_forgive_all(&h);
	cr_expect_not(history_lately(&h, 1, "direct", 11));
	cr_expect_not(history_lately(&h, 3, "direct", 11));
	/* What happened is still known. */
	cr_expect_eq(history_last(&h, 3)->reason, REASON_TIMEOUT);
}

Test(history, does_not_blame_a_strategy_for_what_the_peer_did)
{
	static const enum reason others[] = {REASON_REFUSED, REASON_NOT_INTERCEPTED, REASON_LEFT,
					     REASON_LOST,    REASON_NO_LINK,	     REASON_LOCAL};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		note(3, "direct", others[i], 10);
	cr_expect_not(history_lately(&h, 3, "direct", 10));
	/* Nor does it excuse what was there before. */
	note(3, "direct", REASON_UNREACHABLE, 10);
	note(3, "direct", REASON_REFUSED, 11);
	cr_expect(history_lately(&h, 3, "direct", 11));
}

Test(history, forgives_and_forgets)
{
	note(3, "direct", REASON_TIMEOUT, 10);
	note(4, "direct", REASON_TIMEOUT, 10);
	history_forgive(&h, 3);
	cr_expect_not(history_lately(&h, 3, "direct", 10));
	cr_expect_not_null(history_last(&h, 3));
	cr_expect(history_lately(&h, 4, "direct", 10));
	history_forget(&h, 4);
	cr_expect_null(history_last(&h, 4));
	cr_expect_not(history_lately(&h, 4, "direct", 10));
	history_forget(&h, 5);
	history_forgive(&h, 5);
}

Test(history, is_bounded_in_members)
{
	for (uint32_t id = 0; id < HISTORY_MAX; id++)
		note(id, "direct", REASON_TIMEOUT, 100 + id);
	note(0, "direct", REASON_TIMEOUT, 5000);
	note(77777, "direct", REASON_NONE, 5001);
	cr_expect_eq(h.n, HISTORY_MAX);
	cr_expect_null(history_last(&h, 1), "the oldest should have given way");
	cr_expect_not_null(history_last(&h, 0));
	cr_expect_not_null(history_last(&h, 2));
	cr_expect_not_null(history_last(&h, 77777));
}

Test(history, is_bounded_in_strategies)
{
	static const char *const names[HISTORY_FAILURES_MAX + 1] = {
		"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"};

	for (uint32_t i = 0; i <= HISTORY_FAILURES_MAX; i++)
		note(3, names[i], REASON_TIMEOUT, 10 + i);
	cr_expect_not(history_lately(&h, 3, "a", 30));
	cr_expect(history_lately(&h, 3, "b", 30));
	cr_expect(history_lately(&h, 3, "m", 30));
}
