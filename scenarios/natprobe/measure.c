/* SPDX-License-Identifier: MIT */
/* What TCP and UDP have in common. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "scenarios/natprobe/door.h"
#include "scenarios/natprobe/sock.h"
#include "scenarios/natprobe/verdict.h"

#include <netinet/tcp.h>
#include <string.h>

/* What did not come is tried once more: a packet may have been lost. */
#define ATTEMPTS 2

static void complain(struct probe *p, enum proto proto, const char *what, int r)
{
	if (r < 0)
		probe_note(p, "%s, %s: %s", proto_names[proto], what, strerror(-r));
}

static void try_mapping(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];
	struct wire_msg asks[SPOT_ANSWERING], answer;
	cleanup_door struct door d = {0};
	int r = door_open(&d, p, proto, &p->local, 0);
	uint64_t end;

	seen->mapping_port = d.at.port;
	for (int i = 0; !r && i < SPOT_ANSWERING; i++) {
		asks[i] = (struct wire_msg){.kind = WIRE_REFLECT};
		r = door_post(&d, i, &asks[i]);
	}
	complain(p, proto, "mapping", r);
	if (r < 0)
		return;
	end = door_answer_end(p);
	for (int i = 0; i < SPOT_ANSWERING; i++) {
		char text[ADDR_TEXT_MAX];

		r = door_wait(&d, i, &asks[i], end, &answer);
		if (!r)
			seen->mapped[i] = answer.addr;
		complain(p, proto, addr_format(&p->spots[i], text), r);
	}
}

void measure_mapping(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];

	for (int i = 0; i < ATTEMPTS && !verdict_mapping(seen).word; i++) {
		(void)memset(seen->mapped, 0, sizeof(seen->mapped));
		try_mapping(p, proto);
	}
}

/* All at once, in the order of the doors; then all the answers. */
static void reflect_all(struct door *doors, unsigned n, enum spot spot,
			void (*put)(struct observed_flow *f, const struct addr *seen),
			struct observed_flow *flows)
{
	struct wire_msg asks[FLOWS_MAX], answer;
	uint64_t end;
	int posted[FLOWS_MAX];

	for (unsigned i = 0; i < n; i++) {
		asks[i] = (struct wire_msg){.kind = WIRE_REFLECT};
		posted[i] = door_post(&doors[i], spot, &asks[i]);
	}
	end = door_answer_end(doors[0].probe);
	for (unsigned i = 0; i < n; i++)
		if (!posted[i] && door_wait(&doors[i], spot, &asks[i], end, &answer) == 0)
			put(&flows[i], &answer.addr);
}

static void put_first(struct observed_flow *f, const struct addr *seen)
{
	f->first = *seen;
}

static void put_second(struct observed_flow *f, const struct addr *seen)
{
	f->second = *seen;
}

void measure_flows(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];
	struct door doors[FLOWS_MAX];
	unsigned n = 0;
	int r = 0;

	while (n < FLOWS_MAX && !r) {
		r = door_open(&doors[n], p, proto, &p->local, 0);
		if (r < 0)
			break;
		seen->flows[n].port = doors[n].at.port;
		n++;
	}
	complain(p, proto, "a local port", r);
	seen->n_flows = n;
	if (n) {
		reflect_all(doors, n, SPOT_MAIN, put_first, seen->flows);
		reflect_all(doors, n, SPOT_OTHER_ADDR, put_second, seen->flows);
	}
	while (n--)
		door_close(&doors[n]);
}

/* ---- filtering ---- */

/* Did the knock come by @end that the reflector says it sent? */
static enum seen came_in(struct door *d, const struct wire_msg *answer, const struct addr *from,
			 uint64_t end)
{
	switch (answer->outcome) {
	case WIRE_SENT:
	case WIRE_CONNECTED:
		return door_heard(d, end, from, NULL) ? SEEN_YES : SEEN_NO;
	case WIRE_RESET:
	case WIRE_UNREACHABLE:
	case WIRE_TIMEOUT:
		return SEEN_NO;
	case WIRE_NONE:
	case WIRE_BUSY:
	case WIRE_FAILED:
	case WIRE_OUTCOMES:
	default:
		return SEEN_UNKNOWN;
	}
}

static void merge(enum seen *all, enum seen now)
{
	if (now > *all)
		*all = now;
}

static int try_filtering(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];
	struct wire_msg port = {.kind = WIRE_DIAL, .spot = SPOT_OTHER_PORT};
	struct wire_msg host = {.kind = WIRE_DIAL, .spot = SPOT_OTHER_ADDR};
	struct wire_msg port_answer, host_answer;
	cleanup_door struct door d = {0};
	struct addr external;
	uint64_t end;
	int r = door_open(&d, p, proto, &p->local, 0);

	port.wait_ms = host.wait_ms = (uint32_t)(p->grace / NS_PER_MS);
	if (!r)
		r = door_reflect(&d, SPOT_MAIN, &external);
	if (!r)
		r = door_post(&d, SPOT_MAIN, &port);
	if (!r)
		r = door_post(&d, SPOT_MAIN, &host);
	end = door_answer_end(p);
	if (!r)
		r = door_wait(&d, SPOT_MAIN, &port, end, &port_answer);
	if (!r)
		r = door_wait(&d, SPOT_MAIN, &host, end, &host_answer);
	if (r < 0)
		return r;
	end = probe_silence_end(p);
	merge(&seen->other_port, came_in(&d, &port_answer, &p->spots[SPOT_OTHER_PORT], end));
	merge(&seen->other_addr, came_in(&d, &host_answer, &p->spots[SPOT_OTHER_ADDR], end));
	return 0;
}

void measure_filtering(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];

	for (int i = 0; i < ATTEMPTS; i++) {
		complain(p, proto, "filtering", try_filtering(p, proto));
		if (seen->other_port == SEEN_YES && seen->other_addr == SEEN_YES)
			break;
	}
}

/* ---- hairpin ---- */

/*
 * Over TCP a SYN that keeps its inside source can't become a connection: the
 * answer goes straight to a host that expects it from elsewhere. So the first
 * socket's port also sends a SYN straight to the second's, where nobody hears it;
 * a SYN that comes from there turns that socket's state. Return: it, or -1.
 */
static int set_trap(enum proto proto, struct door *first, struct door *second)
{
	int fd;

	if (proto != PROTO_TCP || sock_deafen(second->fd) < 0)
		return -1;
	fd = sock_connect_from(&first->at, &second->at);
	return fd < 0 ? -1 : fd;
}

static int try_hairpin(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];
	cleanup_door struct door first = {0}, second = {0};
	cleanup_close int trap = -1;
	struct addr external;
	int r = door_open(&first, p, proto, &p->local, 0);

	if (!r)
		r = door_open(&second, p, proto, &p->local, 0);
	if (!r)
		r = door_reflect(&first, SPOT_MAIN, &external);
	if (r < 0)
		return r;
	seen->hairpin_at = external;
	trap = set_trap(proto, &first, &second);
	r = second.ops->knock(&second, &external);
	/* A host that may not even try has no hairpin either. */
	if (r < 0 && r != -ENETUNREACH && r != -EHOSTUNREACH)
		return r;
	merge(&seen->hairpin, SEEN_NO);
	if (door_heard(&first, probe_silence_end(p), NULL, &seen->hairpin_from)) {
		seen->hairpin = SEEN_YES;
	} else if (trap >= 0 && sock_tcp_state(trap) == TCP_SYN_RECV) {
		seen->hairpin = SEEN_YES;
		seen->hairpin_from = second.at;
	}
	return 0;
}

void measure_hairpin(struct probe *p, enum proto proto)
{
	for (int i = 0; i < ATTEMPTS && p->seen.proto[proto].hairpin != SEEN_YES; i++)
		complain(p, proto, "hairpin", try_hairpin(p, proto));
}

/* ---- clashes ---- */

static int try_clash(struct probe *p, enum proto proto, bool same, struct observed_clash *ret_clash)
{
	struct wire_msg ask = {.kind = WIRE_REFLECT}, answer;
	cleanup_door struct door first = {0}, second = {0};
	int r = door_open(&first, p, proto, &p->local, 0);

	if (!r)
		r = door_open(&second, p, proto, &p->options.second, first.at.port);
	if (!r)
		r = door_reflect(&first, SPOT_MAIN, &ret_clash->first);
	if (!r)
		r = door_reflect(&second, SPOT_OTHER_ADDR, &ret_clash->elsewhere);
	ret_clash->port = first.at.port;
	if (r < 0)
		return r;
	/* A NAT may have no other port to give: nothing comes, and that is no failure. */
	if (same && door_post(&second, SPOT_MAIN, &ask) == 0 &&
	    door_wait_once(&second, SPOT_MAIN, &ask, probe_silence_end(p), &answer) == 0)
		ret_clash->same = answer.addr;
	return 0;
}

void measure_clashes(struct probe *p, enum proto proto)
{
	struct observed_proto *seen = &p->seen.proto[proto];

	bool same = true;

	for (int i = 0; i < CLASHES_MAX; i++) {
		struct observed_clash *c = &seen->clashes[i];
		int r = try_clash(p, proto, same, c);

		complain(p, proto, "one port of two addresses", r);
		if (r < 0)
			return;
		same = c->same.family != AF_UNSPEC;
		seen->n_clashes++;
	}
}
