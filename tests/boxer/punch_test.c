/* SPDX-License-Identifier: MIT */
/* The state machine of punching, driven by hand and by chance. */
#include "boxer/punch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define START	 (1000 * NS_PER_S)
#define DEADLINE (START + 10 * NS_PER_S)

/* A machine and what the last step asked for. */
struct rig {
	struct punch punch;
	struct punch_actions actions;
};

static struct addr endpoint(size_t i)
{
	return addr_v4(0xcb007100 + (uint32_t)i, 4000);
}

static struct rig begin(size_t n, bool controlling, uint64_t seed)
{
	struct addr candidates[PUNCH_CANDIDATES_MAX + 2];
	struct rig rig;

	cr_assert_leq(n, ARRAY_SIZE(candidates));
	for (size_t i = 0; i < n; i++)
		candidates[i] = endpoint(i);
	(void)memset(&rig, 0xa5, sizeof(rig));
	punch_start(&rig.punch, candidates, n, controlling, DEADLINE, seed, &rig.actions);
	return rig;
}

static void happen(struct rig *rig, enum punch_event_kind kind, size_t candidate, int error,
		   uint64_t now)
{
	struct punch_event event = {.kind = kind, .candidate = candidate, .error = error};

	punch_step(&rig->punch, &event, now, &rig->actions);
}

static void assert_action(const struct rig *rig, size_t at, enum punch_action_kind kind,
			  size_t candidate)
{
	cr_assert_lt(at, rig->actions.n, "only %zu actions", rig->actions.n);
	cr_assert_eq(rig->actions.list[at].kind, kind, "action %zu", at);
	cr_assert_eq(rig->actions.list[at].candidate, candidate, "action %zu", at);
}

static void prove(struct rig *rig, size_t candidate, uint64_t now)
{
	happen(rig, PUNCH_CONNECTED, candidate, 0, now);
	cr_assert_eq(rig->actions.n, 0);
	happen(rig, PUNCH_PROVEN, candidate, 0, now);
}

Test(punch, opens_all_candidates_at_once)
{
	struct rig rig = begin(3, true, 1);

	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(rig.actions.n, 3);
	for (size_t i = 0; i < 3; i++) {
		struct addr expected = endpoint(i);

		assert_action(&rig, i, PUNCH_OPEN, i);
		cr_expect(addr_equal(&rig.punch.candidates[i].addr, &expected));
	}
}

Test(punch, takes_no_more_candidates_than_it_has_room_for)
{
	struct rig rig = begin(PUNCH_CANDIDATES_MAX + 2, true, 1);

	cr_expect_eq(rig.actions.n, PUNCH_CANDIDATES_MAX);
	cr_expect_eq(rig.punch.n_candidates, PUNCH_CANDIDATES_MAX);
}

Test(punch, fails_at_once_with_nowhere_to_go)
{
	struct rig rig = begin(0, true, 1);

	cr_expect_eq(rig.punch.state, PUNCH_FAILED);
	cr_expect_eq(rig.punch.reason, REASON_UNREACHABLE);
	cr_expect_eq(rig.actions.n, 0);
	cr_expect_eq(punch_wake_at(&rig.punch), UINT64_MAX);
}

Test(punch, controlling_side_selects_the_first_that_is_proven)
{
	struct rig rig = begin(3, true, 1);

	happen(&rig, PUNCH_CONNECTED, 0, 0, START);
	prove(&rig, 1, START + 1);
	cr_expect_eq(rig.punch.state, PUNCH_DONE);
	cr_expect_eq(rig.punch.winner, 1);
	cr_expect_eq(rig.actions.n, 3);
	/* The peer is told before anything is closed. */
	assert_action(&rig, 0, PUNCH_SELECT, 1);
	assert_action(&rig, 1, PUNCH_CLOSE, 0);
	assert_action(&rig, 2, PUNCH_CLOSE, 2);
}

Test(punch, controlled_side_waits_for_the_selection)
{
	struct rig rig = begin(2, false, 1);

	prove(&rig, 0, START);
	cr_expect_eq(rig.actions.n, 0, "nothing is closed while the winner is not sure");
	prove(&rig, 1, START);
	cr_expect_eq(rig.actions.n, 0);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	happen(&rig, PUNCH_SELECTED, 1, 0, START + 1);
	cr_expect_eq(rig.punch.state, PUNCH_DONE);
	cr_expect_eq(rig.punch.winner, 1);
	cr_expect_eq(rig.actions.n, 1);
	assert_action(&rig, 0, PUNCH_CLOSE, 0);
}

Test(punch, selection_of_what_is_not_proven_is_ignored)
{
	struct rig rig = begin(2, false, 1);

	happen(&rig, PUNCH_SELECTED, 0, 0, START);
	happen(&rig, PUNCH_CONNECTED, 0, 0, START);
	happen(&rig, PUNCH_SELECTED, 0, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(rig.actions.n, 0);
}

Test(punch, proof_before_the_connection_is_ignored)
{
	struct rig rig = begin(1, true, 1);

	happen(&rig, PUNCH_PROVEN, 0, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(rig.actions.n, 0);
}

/* Each error doubles the pause, up to the largest one; jitter at most doubles it again. */
Test(punch, tries_hard_errors_again_after_growing_pauses)
{
	struct rig rig = begin(1, true, 42);
	uint64_t now = START, pause = PUNCH_RETRY_FIRST_NS;

	for (int i = 0; i < 8; i++) {
		uint64_t wake;

		happen(&rig, PUNCH_REFUSED, 0, ECONNREFUSED, now);
		cr_expect_eq(rig.actions.n, 0);
		wake = punch_wake_at(&rig.punch);
		cr_expect(wake >= now + pause && wake < now + 2 * pause,
			  "retry %d after %" PRIu64 " ns", i, wake - now);
		happen(&rig, PUNCH_TICK, 0, 0, wake - 1);
		cr_expect_eq(rig.actions.n, 0, "too early");
		happen(&rig, PUNCH_TICK, 0, 0, wake);
		cr_expect_eq(rig.actions.n, 1);
		assert_action(&rig, 0, PUNCH_OPEN, 0);
		now = wake;
		if (pause < PUNCH_RETRY_MAX_NS)
			pause *= 2;
	}
	cr_expect_eq(pause, PUNCH_RETRY_MAX_NS);
}

Test(punch, tries_at_once_what_waits_when_the_peer_does)
{
	struct rig rig = begin(3, false, 42);

	happen(&rig, PUNCH_NOW, 0, 0, START);
	cr_expect_eq(rig.actions.n, 0, "all of them are being tried");
	happen(&rig, PUNCH_REFUSED, 1, ECONNREFUSED, START);
	happen(&rig, PUNCH_NOW, 0, 0, START + 1);
	cr_expect_eq(rig.actions.n, 1);
	assert_action(&rig, 0, PUNCH_OPEN, 1);
	happen(&rig, PUNCH_NOW, 0, 0, START + 2);
	cr_expect_eq(rig.actions.n, 0);
}

/* Two sides that answer each other's SYNs with resets must not stay in step. */
Test(punch, pauses_differ_with_the_seed)
{
	uint64_t wake[2][5];
	size_t equal = 0;

	for (uint64_t side = 0; side < 2; side++) {
		struct rig rig = begin(1, true, 1000 + 2 * side);
		uint64_t now = START;

		for (int i = 0; i < 5; i++) {
			happen(&rig, PUNCH_REFUSED, 0, ECONNREFUSED, now);
			wake[side][i] = punch_wake_at(&rig.punch) - now;
			now += wake[side][i];
			happen(&rig, PUNCH_TICK, 0, 0, now);
		}
	}
	for (int i = 0; i < 5; i++)
		equal += wake[0][i] == wake[1][i];
	cr_expect_eq(equal, 0);
}

/* The kernel retransmits; a new socket would forget the hole. */
Test(punch, never_touches_a_socket_in_syn_sent_on_a_timer)
{
	struct rig rig = begin(2, true, 1);

	for (uint64_t now = START; now < DEADLINE; now += 5 * NS_PER_MS) {
		happen(&rig, PUNCH_TICK, 0, 0, now);
		cr_assert_eq(rig.actions.n, 0, "at %llu ms", (now - START) / NS_PER_MS);
	}
	cr_expect_eq(punch_wake_at(&rig.punch), DEADLINE);
}

Test(punch, gives_up_at_its_deadline_and_closes_everything)
{
	struct rig rig = begin(3, false, 1);

	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE - 1);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE);
	cr_expect_eq(rig.punch.state, PUNCH_FAILED);
	cr_expect_eq(rig.punch.reason, REASON_TIMEOUT);
	cr_expect_eq(rig.actions.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_action(&rig, i, PUNCH_CLOSE, i);
	cr_expect_eq(punch_wake_at(&rig.punch), UINT64_MAX);
}

Test(punch, lets_who_is_connected_at_its_deadline_prove_itself)
{
	struct rig rig = begin(2, false, 1);

	happen(&rig, PUNCH_CONNECTED, 1, 0, START);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(punch_wake_at(&rig.punch), DEADLINE + PUNCH_PROOF_NS);
	happen(&rig, PUNCH_PROVEN, 1, 0, DEADLINE + 1);
	happen(&rig, PUNCH_SELECTED, 1, 0, DEADLINE + 2);
	cr_expect_eq(rig.punch.state, PUNCH_DONE);
	cr_expect_eq(rig.punch.winner, 1);
}

Test(punch, puts_its_deadline_off_only_once)
{
	struct rig rig = begin(1, false, 1);

	prove(&rig, 0, START);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE + PUNCH_PROOF_NS - 1);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE + PUNCH_PROOF_NS);
	cr_expect_eq(rig.punch.state, PUNCH_FAILED);
	cr_expect_eq(rig.punch.reason, REASON_TIMEOUT);
	assert_action(&rig, 0, PUNCH_CLOSE, 0);
}

static const struct {
	int error;
	enum reason reason;
} errors[] = {
	{ECONNREFUSED, REASON_REFUSED},
	{ECONNRESET, REASON_REFUSED},
	{ETIMEDOUT, REASON_TIMEOUT},
	{EHOSTUNREACH, REASON_UNREACHABLE},
	{ENETUNREACH, REASON_UNREACHABLE},
	{EACCES, REASON_UNREACHABLE},
	{EADDRNOTAVAIL, REASON_LOCAL},
	{EADDRINUSE, REASON_LOCAL},
	{EMFILE, REASON_LOCAL},
	{ENFILE, REASON_LOCAL},
	{ENOMEM, REASON_LOCAL},
	{ENOBUFS, REASON_LOCAL},
};

Test(punch, gives_up_with_the_reason_of_the_last_error)
{
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		struct rig rig = begin(2, true, 1);

		happen(&rig, PUNCH_REFUSED, 0, EPROTOTYPE, START);
		happen(&rig, PUNCH_REFUSED, 1, errors[i].error, START + 1);
		happen(&rig, PUNCH_TICK, 0, 0, DEADLINE);
		cr_expect_eq(rig.punch.state, PUNCH_FAILED);
		cr_expect_eq(rig.punch.reason, errors[i].reason, "%s: %s",
			     strerrorname_np(errors[i].error), reason_name(rig.punch.reason));
		cr_expect_eq(rig.actions.n, 0, "neither had a socket");
	}
}

Test(punch, tries_again_when_somebody_else_was_there)
{
	struct rig rig = begin(1, true, 1);
	uint64_t wake;

	happen(&rig, PUNCH_CONNECTED, 0, 0, START);
	happen(&rig, PUNCH_DISPROVEN, 0, 0, START);
	cr_expect_eq(rig.actions.n, 0, "its owner has closed it");
	wake = punch_wake_at(&rig.punch);
	cr_expect_lt(wake, DEADLINE);
	happen(&rig, PUNCH_TICK, 0, 0, wake);
	assert_action(&rig, 0, PUNCH_OPEN, 0);
	happen(&rig, PUNCH_TICK, 0, 0, DEADLINE);
	cr_expect_eq(rig.punch.reason, REASON_PROTOCOL);
}

Test(punch, reports_of_a_socket_that_is_gone_are_ignored)
{
	struct rig rig = begin(1, true, 1);
	uint64_t wake;

	happen(&rig, PUNCH_REFUSED, 0, ECONNREFUSED, START);
	wake = punch_wake_at(&rig.punch);
	happen(&rig, PUNCH_REFUSED, 0, ECONNREFUSED, START + 1);
	happen(&rig, PUNCH_CONNECTED, 0, 0, START + 1);
	happen(&rig, PUNCH_PROVEN, 0, 0, START + 1);
	happen(&rig, PUNCH_DISPROVEN, 0, 0, START + 1);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(punch_wake_at(&rig.punch), wake);
}

Test(punch, reports_of_candidates_that_do_not_exist_are_ignored)
{
	static const size_t candidates[] = {1, PUNCH_CANDIDATES_MAX, SIZE_MAX};
	struct rig rig = begin(1, true, 1);

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++)
		for (int kind = PUNCH_CONNECTED; kind <= PUNCH_SELECTED; kind++) {
			happen(&rig, (enum punch_event_kind)kind, candidates[i], EIO, START);
			cr_expect_eq(rig.actions.n, 0);
		}
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(rig.punch.n_candidates, 1);
}

static void assert_stays_as_it_is(struct rig *rig)
{
	struct punch before = rig->punch;

	for (int kind = PUNCH_CONNECTED; kind <= PUNCH_TICK; kind++)
		for (size_t i = 0; i <= PUNCH_CANDIDATES_MAX; i++) {
			happen(rig, (enum punch_event_kind)kind, i, EIO, DEADLINE + NS_PER_S);
			cr_assert_eq(rig->actions.n, 0, "event %d of %zu", kind, i);
		}
	cr_expect_eq(rig->punch.state, before.state);
	cr_expect_eq(rig->punch.winner, before.winner);
	cr_expect_eq(rig->punch.reason, before.reason);
	cr_expect_eq(rig->punch.n_candidates, before.n_candidates);
}

Test(punch, what_comes_after_the_end_is_ignored)
{
	struct rig won = begin(2, true, 1), lost = begin(2, true, 1);

	prove(&won, 0, START);
	cr_assert_eq(won.punch.state, PUNCH_DONE);
	assert_stays_as_it_is(&won);
	happen(&lost, PUNCH_TICK, 0, 0, DEADLINE);
	cr_assert_eq(lost.punch.state, PUNCH_FAILED);
	assert_stays_as_it_is(&lost);
}

Test(punch, peer_that_came_in_by_the_listener_is_adopted_and_selected)
{
	struct rig rig = begin(1, true, 1);

	happen(&rig, PUNCH_ADOPTED, 1, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_DONE);
	cr_expect_eq(rig.punch.winner, 1);
	assert_action(&rig, 0, PUNCH_SELECT, 1);
	assert_action(&rig, 1, PUNCH_CLOSE, 0);
}

Test(punch, peer_that_came_in_by_the_listener_waits_for_the_selection_too)
{
	struct rig rig = begin(1, false, 1);

	happen(&rig, PUNCH_ADOPTED, 1, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	cr_expect_eq(rig.actions.n, 0);
	happen(&rig, PUNCH_SELECTED, 1, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_DONE);
	cr_expect_eq(rig.punch.winner, 1);
	assert_action(&rig, 0, PUNCH_CLOSE, 0);
}

Test(punch, what_was_adopted_and_broke_is_not_opened_again)
{
	struct rig rig = begin(1, false, 1);

	happen(&rig, PUNCH_ADOPTED, 1, 0, START);
	happen(&rig, PUNCH_DISPROVEN, 1, 0, START);
	cr_expect_eq(punch_wake_at(&rig.punch), DEADLINE, "there is no address to try");
	happen(&rig, PUNCH_SELECTED, 1, 0, START);
	cr_expect_eq(rig.punch.state, PUNCH_TRYING);
	/* The next one gets a slot of its own. */
	happen(&rig, PUNCH_ADOPTED, 2, 0, START);
	happen(&rig, PUNCH_SELECTED, 2, 0, START);
	cr_expect_eq(rig.punch.winner, 2);
}

Test(punch, adopts_only_into_the_next_slot_and_only_while_there_is_one)
{
	struct rig rig = begin(2, false, 1);

	happen(&rig, PUNCH_ADOPTED, 1, 0, START);
	happen(&rig, PUNCH_ADOPTED, 3, 0, START);
	cr_expect_eq(rig.punch.n_candidates, 2);
	happen(&rig, PUNCH_ADOPTED, 2, 0, START);
	happen(&rig, PUNCH_ADOPTED, 3, 0, START);
	happen(&rig, PUNCH_ADOPTED, 4, 0, START);
	cr_expect_eq(rig.punch.n_candidates, PUNCH_CANDIDATES_MAX);
}

/* What the owner of the machine holds, kept beside it. */
struct owner {
	bool socket[PUNCH_CANDIDATES_MAX];
	bool proven[PUNCH_CANDIDATES_MAX];
	size_t selections;
};

static void obey(struct owner *o, const struct rig *rig, unsigned long run)
{
	bool over = rig->punch.state != PUNCH_TRYING;

	cr_assert_leq(rig->actions.n, PUNCH_ACTIONS_MAX, "run %lu", run);
	for (size_t i = 0; i < rig->actions.n; i++) {
		size_t c = rig->actions.list[i].candidate;

		cr_assert_lt(c, rig->punch.n_candidates, "run %lu", run);
		switch (rig->actions.list[i].kind) {
		case PUNCH_OPEN:
			cr_assert_not(o->socket[c], "run %lu: a socket is thrown away", run);
			cr_assert_not(over, "run %lu", run);
			o->socket[c] = true;
			o->proven[c] = false;
			break;
		case PUNCH_CLOSE:
			cr_assert(o->socket[c], "run %lu: there is nothing to close", run);
			cr_assert(over, "run %lu: a socket is closed before the end", run);
			cr_assert(rig->punch.state == PUNCH_FAILED || c != rig->punch.winner,
				  "run %lu: the winner is closed", run);
			o->socket[c] = false;
			break;
		case PUNCH_SELECT:
			cr_assert(rig->punch.controlling && o->proven[c], "run %lu", run);
			o->selections++;
			break;
		}
	}
}

/* An event as the world may send it, sense or nonsense. */
static void random_event(struct rig *rig, struct owner *o, uint64_t *state, uint64_t now,
			 unsigned long run)
{
	static const int hard[] = {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, EADDRNOTAVAIL};
	enum punch_event_kind kind = (enum punch_event_kind)random_below(state, PUNCH_TICK + 1);
	size_t c = random_below(state, PUNCH_CANDIDATES_MAX + 1);
	bool trying = rig->punch.state == PUNCH_TRYING;
	bool adopting = kind == PUNCH_ADOPTED && trying && c == rig->punch.n_candidates &&
			c < PUNCH_CANDIDATES_MAX;

	/* What the machine may conclude from an event is what its owner knew. */
	if (adopting || (kind == PUNCH_PROVEN && c < rig->punch.n_candidates && o->socket[c] &&
			 rig->punch.candidates[c].state == PUNCH_CANDIDATE_OPEN))
		o->proven[c] = true;
	if (adopting)
		o->socket[c] = true;
	if (trying && (kind == PUNCH_REFUSED || kind == PUNCH_DISPROVEN) &&
	    c < rig->punch.n_candidates)
		o->socket[c] = false;
	happen(rig, kind, c, hard[random_below(state, ARRAY_SIZE(hard))], now);
	obey(o, rig, run);
}

static void assert_end(const struct rig *rig, const struct owner *o, unsigned long run)
{
	size_t open = 0;

	cr_assert_neq(rig->punch.state, PUNCH_TRYING, "run %lu: the deadline has passed", run);
	for (size_t i = 0; i < PUNCH_CANDIDATES_MAX; i++)
		open += o->socket[i];
	if (rig->punch.state == PUNCH_DONE) {
		cr_assert(o->socket[rig->punch.winner] && o->proven[rig->punch.winner], "run %lu",
			  run);
		cr_assert_eq(open, 1, "run %lu: a loser is left open", run);
		cr_assert_eq(o->selections, rig->punch.controlling, "run %lu", run);
	} else {
		cr_assert_eq(open, 0, "run %lu: a socket is left open", run);
		cr_assert_eq(o->selections, 0, "run %lu", run);
		cr_assert_neq(rig->punch.reason, REASON_NONE, "run %lu", run);
	}
}

Test(punch, keeps_its_word_whatever_happens)
{
	unsigned long runs = random_count(20000), done = 0;

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run), now = START;
		struct rig rig = begin(1 + random_below(&state, PUNCH_CANDIDATES_MAX),
				       random_chance(&state, 50), random_draw(&state));
		struct owner owner = {0};

		obey(&owner, &rig, run);
		for (int i = 0; i < 40; i++) {
			uint64_t wake = punch_wake_at(&rig.punch);

			cr_assert_eq(wake == UINT64_MAX, rig.punch.state != PUNCH_TRYING);
			now += random_below(&state, 300 * NS_PER_MS);
			random_event(&rig, &owner, &state, now, run);
		}
		happen(&rig, PUNCH_TICK, 0, 0,
		       now > DEADLINE + PUNCH_PROOF_NS ? now : DEADLINE + PUNCH_PROOF_NS);
		obey(&owner, &rig, run);
		assert_end(&rig, &owner, run);
		done += rig.punch.state == PUNCH_DONE;
	}
	/* Or else the runs were about nothing. */
	cr_expect(done > runs / 20 && done < runs - runs / 20, "%lu of %lu done", done, runs);
}
