/* SPDX-License-Identifier: MIT */
#include "boxer/punch.h"

#include <errno.h>
#include <string.h>

static void act(struct punch_actions *actions, enum punch_action_kind kind, size_t candidate)
{
	if (actions->n < PUNCH_ACTIONS_MAX)
		actions->list[actions->n++] = (struct punch_action){kind, candidate};
}

/* xorshift64*, enough to keep two sides from answering in step (livelock). */
static uint64_t jitter(struct punch *p, uint64_t range)
{
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;
	return range ? (p->random * 0x2545f4914f6cdd1dULL >> 32) % range : 0;
}

static bool has_socket(const struct punch_candidate *c)
{
	return c->state == PUNCH_CANDIDATE_CONNECTING || c->state == PUNCH_CANDIDATE_OPEN ||
	       c->state == PUNCH_CANDIDATE_PROVEN;
}

static void close_others(struct punch *p, size_t keep, struct punch_actions *actions)
{
	for (size_t i = 0; i < p->n_candidates; i++) {
		struct punch_candidate *c = &p->candidates[i];

		if (i == keep)
			continue;
		/* Each candidate is another 4-tuple, so closing one cannot reset the winner. */
		if (has_socket(c))
			act(actions, PUNCH_CLOSE, i);
		c->state = PUNCH_CANDIDATE_DEAD;
	}
}

static void fail(struct punch *p, enum reason reason, struct punch_actions *actions)
{
	p->state = PUNCH_FAILED;
	p->reason = reason;
	close_others(p, SIZE_MAX, actions);
}

static void win(struct punch *p, size_t candidate, struct punch_actions *actions)
{
	p->state = PUNCH_DONE;
	p->winner = candidate;
	p->candidates[candidate].state = PUNCH_CANDIDATE_PROVEN;
	close_others(p, candidate, actions);
}

static void open_candidate(struct punch *p, size_t i, struct punch_actions *actions)
{
	p->candidates[i].state = PUNCH_CANDIDATE_CONNECTING;
	act(actions, PUNCH_OPEN, i);
}

static void retry_later(struct punch *p, size_t i, uint64_t now)
{
	struct punch_candidate *c = &p->candidates[i];

	if (c->addr.family == AF_UNSPEC) {
		c->state = PUNCH_CANDIDATE_DEAD;
		return;
	}
	c->state = PUNCH_CANDIDATE_WAITING;
	c->retry_at = now + c->backoff + jitter(p, c->backoff);
	if (c->backoff < PUNCH_RETRY_MAX_NS)
		c->backoff *= 2;
}

void punch_start(struct punch *p, const struct addr *candidates, size_t n, bool controlling,
		 uint64_t deadline, uint64_t seed, struct punch_actions *ret_actions)
{
	(void)memset(p, 0, sizeof(*p));
	ret_actions->n = 0;
	p->controlling = controlling;
	p->deadline = deadline;
	p->random = seed | 1;
	p->n_candidates = n < PUNCH_CANDIDATES_MAX ? n : PUNCH_CANDIDATES_MAX;
	p->state = PUNCH_TRYING;
	if (p->n_candidates == 0)
		fail(p, REASON_UNREACHABLE, ret_actions);
	for (size_t i = 0; i < p->n_candidates; i++) {
		p->candidates[i].addr = candidates[i];
		p->candidates[i].backoff = PUNCH_RETRY_FIRST_NS;
		open_candidate(p, i, ret_actions);
	}
}

static void open_waiting(struct punch *p, uint64_t now, struct punch_actions *actions)
{
	for (size_t i = 0; i < p->n_candidates; i++)
		if (p->candidates[i].state == PUNCH_CANDIDATE_WAITING &&
		    now >= p->candidates[i].retry_at)
			open_candidate(p, i, actions);
}

static bool is_connected(const struct punch *p)
{
	for (size_t i = 0; i < p->n_candidates; i++)
		if (p->candidates[i].state == PUNCH_CANDIDATE_OPEN ||
		    p->candidates[i].state == PUNCH_CANDIDATE_PROVEN)
			return true;
	return false;
}

static void on_tick(struct punch *p, uint64_t now, struct punch_actions *actions)
{
	if (now >= p->deadline && is_connected(p) && !p->extended) {
		p->extended = true;
		p->deadline += PUNCH_PROOF_NS;
	}
	if (now >= p->deadline) {
		fail(p, p->last_error != REASON_NONE ? p->last_error : REASON_TIMEOUT, actions);
		return;
	}
	open_waiting(p, now, actions);
}

static void on_proven(struct punch *p, size_t i, struct punch_actions *actions)
{
	p->candidates[i].state = PUNCH_CANDIDATE_PROVEN;
	if (!p->controlling)
		return;
	act(actions, PUNCH_SELECT, i);
	win(p, i, actions);
}

/* What came in by the listener can't be opened again: it has no address to try. */
static void adopt(struct punch *p, size_t i, struct punch_actions *actions)
{
	if (i != p->n_candidates || i == PUNCH_CANDIDATES_MAX)
		return;
	p->candidates[i] = (struct punch_candidate){.backoff = PUNCH_RETRY_FIRST_NS};
	p->n_candidates++;
	on_proven(p, i, actions);
}

void punch_step(struct punch *p, const struct punch_event *event, uint64_t now,
		struct punch_actions *ret_actions)
{
	struct punch_candidate *c;

	ret_actions->n = 0;
	if (p->state != PUNCH_TRYING)
		return;
	if (event->kind == PUNCH_TICK) {
		on_tick(p, now, ret_actions);
		return;
	}
	if (event->kind == PUNCH_NOW) {
		open_waiting(p, UINT64_MAX, ret_actions);
		return;
	}
	if (event->kind == PUNCH_ADOPTED) {
		adopt(p, event->candidate, ret_actions);
		return;
	}
	if (event->candidate >= p->n_candidates)
		return;
	c = &p->candidates[event->candidate];
	if (!has_socket(c))
		return;
	switch (event->kind) {
	case PUNCH_CONNECTED:
		if (c->state == PUNCH_CANDIDATE_CONNECTING)
			c->state = PUNCH_CANDIDATE_OPEN;
		break;
	case PUNCH_REFUSED:
		p->last_error =
			event->error == ECONNRESET ? REASON_REFUSED : reason_of_errno(event->error);
		retry_later(p, event->candidate, now);
		break;
	case PUNCH_PROVEN:
		if (c->state == PUNCH_CANDIDATE_OPEN)
			on_proven(p, event->candidate, ret_actions);
		break;
	case PUNCH_DISPROVEN:
		/* The owner closed it. A stray service behind the peer's private address,
		 * or a connection that broke: either may be better next time. */
		p->last_error = REASON_PROTOCOL;
		retry_later(p, event->candidate, now);
		break;
	case PUNCH_SELECTED:
		if (!p->controlling && c->state == PUNCH_CANDIDATE_PROVEN)
			win(p, event->candidate, ret_actions);
		break;
	case PUNCH_ADOPTED:
	case PUNCH_NOW:
	case PUNCH_TICK:
		break;
	}
}

uint64_t punch_wake_at(const struct punch *p)
{
	uint64_t at = p->deadline;

	if (p->state != PUNCH_TRYING)
		return UINT64_MAX;
	for (size_t i = 0; i < p->n_candidates; i++)
		if (p->candidates[i].state == PUNCH_CANDIDATE_WAITING &&
		    p->candidates[i].retry_at < at)
			at = p->candidates[i].retry_at;
	return at;
}
