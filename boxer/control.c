/* SPDX-License-Identifier: MIT */
#include "boxer/control.h"

#include "boxer/answer.h"
#include "boxer/dial.h"
#include "boxer/node.h"
#include "boxer/uplink.h"

#include <errno.h>

static int send_via(struct node *node, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	const struct frame_via via = {.id = id, .type = type, .body = body, .len = len};
	uint8_t out[FRAME_BODY_MAX];
	int n = frame_encode_via(&via, out, sizeof(out));

	return n < 0 ? n : uplink_send(node->uplink, FRAME_VIA, out, (size_t)n);
}

int control_send(struct node *node, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	int r = peers_send(node->peers, id, type, body, len);

	if (r != -ENOTCONN)
		return r;
	peers_want(node->peers, id);
	return send_via(node, id, type, body, len);
}

uint64_t control_introduce(struct node *node, uint32_t id)
{
	int r = send_via(node, id, FRAME_INTRODUCE, (const uint8_t *)"", 0);

	/* Half to the seed, and on to somebody who is probably about as far from it. */
	return r < 0 ? 0 : uplink_round_trip_ns(node->uplink);
}

void control_received(struct node *node, uint32_t from, uint8_t type, const uint8_t *body,
		      size_t len)
{
	struct frame_punched punched;
	struct frame_punch punch;
	struct frame_done done;

	/* Frames of a newer version of the protocol are none of our business. */
	if (type == FRAME_PUNCH && frame_decode_punch(body, len, &punch) == 0)
		answer_punch(node->answers, from, &punch);
	else if (type == FRAME_PUNCHED && frame_decode_punched(body, len, &punched) == 0)
		dial_answered(node->dials, from, &punched);
	else if (type == FRAME_DONE && frame_decode_done(body, len, &done) == 0)
		answer_done(node->answers, from, &done);
	else if (type == FRAME_INTRODUCE && len == 0)
		peers_introduced(node->peers, from);
}

void control_via(struct node *node, const uint8_t *body, size_t len)
{
	struct frame_via via;

	if (!node->api || frame_decode_via(body, len, &via) < 0 || via.id == node->id ||
	    !members_by_id(&node->members, via.id))
		return;
	control_received(node, via.id, via.type, via.body, via.len);
}
