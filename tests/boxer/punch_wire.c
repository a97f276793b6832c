/* SPDX-License-Identifier: MIT */
#include "tests/boxer/punch_wire.h"

#include "tests/base/random.h"

#include <criterion/criterion.h>

/* The way by the inside address does not pass a NAT. */
static bool has_nat(const struct wire *w, size_t h, size_t path)
{
	return path == SIM_EXTERNAL && w->world->nat[h] != SIM_NAT_NONE;
}

/* Behind the sender's NAT. */
static void transmit(struct wire *w, size_t to, const struct wire_packet *packet, uint64_t now)
{
	uint64_t delay = w->world->delay + random_below(w->random, w->world->jitter + 1);

	if (random_chance(w->random, w->loss))
		return;
	for (size_t i = 0; i < WIRE_PACKETS_MAX; i++) {
		struct wire_packet *p = &w->packets[i];

		if (p->used)
			continue;
		*p = *packet;
		p->used = true;
		p->at = now + delay;
		p->order = w->order++;
		p->to = to;
		return;
	}
	cr_assert_fail("a storm: %d packets are on their way", WIRE_PACKETS_MAX);
}

void wire_send(struct wire *w, size_t from, const struct wire_packet *packet, uint64_t now)
{
	if (has_nat(w, from, packet->path))
		w->hole[from] = packet->kind != RST || w->world->nat[from] != SIM_NAT_RST;
	transmit(w, !from, packet, now);
}

static bool is_before(const struct wire_packet *a, const struct wire_packet *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

/* Return: its index; WIRE_PACKETS_MAX when there is none. */
static size_t next_packet(const struct wire *w)
{
	size_t first = WIRE_PACKETS_MAX;

	for (size_t i = 0; i < WIRE_PACKETS_MAX; i++) {
		const struct wire_packet *p = &w->packets[i];

		if (p->used && (first == WIRE_PACKETS_MAX || is_before(p, &w->packets[first])))
			first = i;
	}
	return first;
}

uint64_t wire_next_at(const struct wire *w)
{
	size_t i = next_packet(w);

	return i < WIRE_PACKETS_MAX ? w->packets[i].at : SIM_NEVER;
}

static bool passes_nat(struct wire *w, const struct wire_packet *p)
{
	const struct wire_packet reset = {.path = p->path, .kind = RST, .ack = p->isn};
	bool resets = w->world->nat[p->to] == SIM_NAT_RST;

	if (!has_nat(w, p->to, p->path))
		return true;
	if (!w->hole[p->to]) {
		if (resets && p->kind == SYN)
			transmit(w, !p->to, &reset, p->at);
		return false;
	}
	if (resets && p->kind == RST)
		w->hole[p->to] = false;
	return true;
}

bool wire_receive(struct wire *w, struct wire_packet *ret_packet)
{
	size_t i = next_packet(w);

	cr_assert_lt(i, WIRE_PACKETS_MAX);
	w->packets[i].used = false;
	*ret_packet = w->packets[i];
	return passes_nat(w, ret_packet);
}
