/* SPDX-License-Identifier: MIT */
#include "scenarios/natprobe/wire.h"

#include <errno.h>
#include <string.h>

/* Version 1. */
static const uint8_t magic[4] = {'n', 'p', 'r', 1};

const char *const wire_outcome_names[WIRE_OUTCOMES] = {
	"none", "sent", "connected", "reset", "unreachable", "timeout", "busy", "failed",
};

void spot_fill(const struct addr *first, const struct addr *second, uint16_t port,
	       struct addr ret_spots[static SPOT_COUNT])
{
	for (int i = 0; i < SPOT_COUNT; i++)
		ret_spots[i] = i == SPOT_OTHER_ADDR || i == SPOT_OTHER_BOTH ? *second : *first;
	ret_spots[SPOT_MAIN].port = port;
	ret_spots[SPOT_OTHER_ADDR].port = port;
	ret_spots[SPOT_OTHER_PORT].port = (uint16_t)(port + 1);
	ret_spots[SPOT_OTHER_BOTH].port = (uint16_t)(port + 1);
	ret_spots[SPOT_SILENT].port = (uint16_t)(port + 2);
}

static uint8_t *put(uint8_t *at, uint32_t value, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*at++ = (uint8_t)(value >> 8 * i);
	return at;
}

static uint32_t get(const uint8_t **at, int bytes)
{
	uint32_t value = 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | *(*at)++;
	return value;
}

void wire_encode(const struct wire_msg *msg, uint8_t ret_buf[static WIRE_LEN])
{
	uint8_t *at = ret_buf;
	uint8_t family = msg->addr.family == AF_INET ? 4 : msg->addr.family == AF_INET6 ? 6 : 0;

	(void)memset(ret_buf, 0, WIRE_LEN);
	(void)memcpy(at, magic, sizeof(magic));
	at = put(at + sizeof(magic), msg->kind, 1);
	at = put(at, msg->spot, 1);
	at = put(at, msg->outcome, 1);
	at = put(at, family, 1);
	at = put(at, msg->token, 4);
	at = put(at, msg->wait_ms, 4);
	at = put(at, msg->port, 2);
	at = put(at, msg->addr.port, 2);
	(void)memcpy(at, msg->addr.bytes, sizeof(msg->addr.bytes));
}

int wire_decode(const uint8_t *buf, size_t len, struct wire_msg *ret_msg)
{
	const uint8_t *at = buf + sizeof(magic);
	struct wire_msg msg = {0};
	uint32_t family;

	if (len < WIRE_LEN)
		return -EMSGSIZE;
	if (memcmp(buf, magic, sizeof(magic)) != 0)
		return -EPROTO;
	msg.kind = get(&at, 1);
	msg.spot = get(&at, 1);
	msg.outcome = get(&at, 1);
	family = get(&at, 1);
	msg.token = get(&at, 4);
	msg.wait_ms = get(&at, 4);
	msg.port = (uint16_t)get(&at, 2);
	msg.addr.port = (uint16_t)get(&at, 2);
	if (msg.kind < WIRE_REFLECT || msg.kind >= WIRE_KINDS || msg.spot >= SPOT_COUNT ||
	    msg.outcome >= WIRE_OUTCOMES || (family != 0 && family != 4 && family != 6))
		return -EPROTO;
	if (family) {
		msg.addr.family = family == 4 ? AF_INET : AF_INET6;
		(void)memcpy(msg.addr.bytes, at, family == 4 ? 4 : 16);
	}
	*ret_msg = msg;
	return 0;
}
