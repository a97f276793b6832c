/* SPDX-License-Identifier: MIT */
#include "boxer/waiter.h"

#include <criterion/criterion.h>

/** struct sent - what the seed was told last */
static struct {
	size_t n;
	struct frame_barrier last;
} sent;

static struct waiters *set;

static void on_send(void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	(void)arg;
	cr_assert_eq(type, FRAME_BARRIER);
	cr_assert_eq(frame_decode_barrier(body, len, &sent.last), 0);
	sent.n++;
}

static void begin(void)
{
	set = waiters_new(on_send, NULL);
}

static void end(void)
{
	waiters_free(set);
}

TestSuite(waiter, .init = begin, .fini = end);

static void on_done(void *arg, enum reason reason)
{
	int *done = arg;

	*done = (int)reason + 1;
}

static void release(uint32_t request, enum reason reason)
{
	waiters_released(set, &(struct frame_released){request, (uint16_t)reason});
}

Test(waiter, ends_when_the_seed_says_so)
{
	int first = 0, second = 0;
	uint32_t request;

	cr_assert_not_null(waiter_come(set, "start", 3, on_done, &first));
	cr_expect_eq(sent.last.count, 3);
	cr_expect_str_eq(sent.last.name, "start");
	request = sent.last.request;
	cr_assert_not_null(waiter_come(set, "start", 3, on_done, &second));
	cr_expect_neq(sent.last.request, request, "each arrival has its own number");
	release(request, REASON_NONE);
	cr_expect_eq(first, REASON_NONE + 1);
	cr_expect_eq(second, 0);
	release(request, REASON_NONE); /* nobody's any more */
	release(sent.last.request, REASON_PROTOCOL);
	cr_expect_eq(second, REASON_PROTOCOL + 1);
}

Test(waiter, is_taken_back)
{
	int done = 0;
	struct waiter *b = waiter_come(set, "a", 2, on_done, &done);
	uint32_t request = sent.last.request;

	waiter_leave(b);
	cr_expect_eq(sent.last.request, request);
	cr_expect_eq(sent.last.count, 0);
	release(request, REASON_NONE);
	waiters_rejoined(set);
	cr_expect_eq(sent.n, 2);
	cr_expect_eq(done, 0);
}

Test(waiter, is_told_again_to_a_seed_that_came_back)
{
	int done = 0;

	(void)waiter_come(set, "a", 2, on_done, &done);
	sent.last = (struct frame_barrier){0};
	waiters_rejoined(set);
	cr_expect_eq(sent.n, 2);
	cr_expect_str_eq(sent.last.name, "a");
	cr_expect_eq(sent.last.count, 2);
	release(sent.last.request, REASON_NONE);
	cr_expect_eq(done, REASON_NONE + 1);
}

Test(waiter, ends_with_the_seed)
{
	int done[2] = {0};

	for (int i = 0; i < 2; i++)
		(void)waiter_come(set, "a", 2, on_done, &done[i]);
	waiters_fail(set, REASON_SEED_UNREACHABLE);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(done[i], REASON_SEED_UNREACHABLE + 1);
	/* Who comes then would wait for ever. */
	cr_expect_null(waiter_come(set, "a", 2, on_done, &done[0]));
	cr_expect_eq(waiters_reason(set), REASON_SEED_UNREACHABLE);
}

Test(waiter, is_bounded)
{
	int done = 0;
	struct waiter *b = NULL;

	for (int i = 0; i < WAITERS_MAX; i++) {
		b = waiter_come(set, "a", 2, on_done, &done);
		cr_assert_not_null(b);
	}
	cr_expect_null(waiter_come(set, "a", 2, on_done, &done));
	cr_expect_eq(waiters_reason(set), REASON_LOCAL);
	waiter_leave(b);
	cr_expect_not_null(waiter_come(set, "a", 2, on_done, &done));
}

Test(waiter, takes_a_reason_that_it_does_not_know_for_a_violation)
{
	int done = 0;

	(void)waiter_come(set, "a", 2, on_done, &done);
	waiters_released(set, &(struct frame_released){sent.last.request, 60000});
	cr_expect_eq(done, REASON_PROTOCOL + 1);
}
