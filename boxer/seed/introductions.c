/* SPDX-License-Identifier: MIT */
#include "boxer/seed/introductions.h"

#include "base/clock.h"
#include "boxer/channel.h"
#include "boxer/frame.h"
#include "boxer/seed/seed.h"

#include <errno.h>

#define NS_PER_INTRODUCTION (NS_PER_S / INTRODUCTIONS_PER_S)

bool budget_spend(struct budget *b, uint64_t now)
{
	uint64_t earned = (now - b->at) / NS_PER_INTRODUCTION;

	if (earned >= b->spent) {
		b->spent = 0;
		b->at = now;
	} else {
		b->spent -= (uint32_t)earned;
		b->at += earned * NS_PER_INTRODUCTION;
	}
	if (b->spent == INTRODUCTIONS_BURST)
		return false;
	b->spent++;
	return true;
}

static void send_via(struct client *to, uint32_t from, uint8_t type, const uint8_t *body,
		     size_t len)
{
	struct frame_via via = {.id = from, .type = type, .body = body, .len = len};
	uint8_t out[FRAME_BODY_MAX];
	int n = frame_encode_via(&via, out, sizeof(out));

	if (n > 0 && channel_queued(to->channel) < INTRODUCTIONS_QUEUE_MAX)
		(void)channel_send(to->channel, FRAME_VIA, out, (size_t)n);
}

/* So that who asks need not wait for a deadline. */
static void say_that_it_is_no_member(struct client *c, const struct frame_via *via)
{
	struct frame_punched punched = {.reason = REASON_NOT_A_MEMBER};
	struct frame_punch punch;
	uint8_t body[64];
	int len;

	if (via->type != FRAME_PUNCH || frame_decode_punch(via->body, via->len, &punch) < 0)
		return;
	punched.request = punch.request;
	len = frame_encode_punched(&punched, body, sizeof(body));
	if (len > 0)
		send_via(c, via->id, FRAME_PUNCHED, body, (size_t)len);
}

static bool may_be_passed(uint8_t type)
{
	return type == FRAME_PUNCH || type == FRAME_PUNCHED || type == FRAME_DONE ||
	       type == FRAME_INTRODUCE;
}

int introductions_pass(struct client *c, const uint8_t *body, size_t len)
{
	struct frame_via via;
	struct client *to;

	if (frame_decode_via(body, len, &via) < 0 || !may_be_passed(via.type))
		return -EPROTO;
	if (!budget_spend(&c->introductions, clock_now()))
		return 0;
	to = clients_by_id(&c->seed->clients, via.id);
	if (to)
		send_via(to, c->record.id, via.type, via.body, via.len);
	else
		say_that_it_is_no_member(c, &via);
	return 0;
}
