/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The packets of a wire and a handful of timers; the earliest thing happens
 * next. Each host has at most one socket per path, since its 4-tuple is fixed:
 * both ends use their control port. Connections are told apart by their initial
 * sequence numbers, so that packets of an earlier incarnation are recognised as
 * TCP does it (RFC 9293, 3.10.7), challenge ACKs and resets included.
 *
 * On an established connection each side sends HELLO, then PROOF once it has
 * the other's HELLO, as boxer/channel does; SELECT is the machine's. Delivery of
 * these is reliable and in order. What peer.c does around the machine is done
 * here in the same way: a connection that came in by the listener is adopted
 * once it is proven, a handshake has five seconds, whatever is closed is reset.
 */
#include "tests/boxer/punch_sim.h"

#include "base/clock.h"
#include "tests/base/random.h"
#include "tests/boxer/punch_wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define HANDSHAKE_NS	(5 * NS_PER_S)
#define SYN_RETRY_NS	(1 * NS_PER_S)
#define DATA_RETRY_NS	(200 * NS_PER_MS)
#define RETRY_MAX_NS	(4 * NS_PER_S)
#define USER_TIMEOUT_NS (30 * NS_PER_S)
#define SYN_ACK_RETRIES 5
#define MESSAGES_MAX	4
#define NO_CANDIDATE	SIZE_MAX
#define END_OF_TIME_NS	(600 * NS_PER_S)

enum sock_state { CLOSED, SYN_SENT, SYN_RECEIVED, ESTABLISHED };

struct sock {
	enum sock_state state;
	bool active; /* connect() was called on it */
	uint32_t isn, peer;
	size_t candidate;
	bool proven;
	uint64_t handshake_by;
	uint64_t retry_at, retry_after, waits_since;
	unsigned retries;
	enum wire_message out[MESSAGES_MAX];
	unsigned n_out, n_acked, n_received;
};

struct host {
	struct punch punch;
	struct sock socks[SIM_PATHS];
	size_t path_of[PUNCH_CANDIDATES_MAX];
	bool started, linked;
	size_t link_path;
	uint64_t start_at, ended_at;
	unsigned attempts;
};

struct sim {
	const struct sim_world *world;
	uint64_t now, random;
	uint32_t next_isn;
	struct host hosts[2];
	struct wire wire;
};

static void step(struct sim *sim, size_t h, enum punch_event_kind kind, size_t candidate,
		 int error);

static void send_simple(struct sim *sim, size_t h, size_t path, enum wire_kind kind)
{
	const struct sock *s = &sim->hosts[h].socks[path];
	const struct wire_packet p = {
		.path = path,
		.kind = kind,
		.isn = s->isn,
		.ack = kind == SYN ? 0 : s->peer,
		.received = s->n_received,
	};

	wire_send(&sim->wire, h, &p, sim->now);
}

/* To somebody who speaks of a connection that is not there. */
static void send_reset(struct sim *sim, size_t h, const struct wire_packet *to)
{
	const struct wire_packet p = {
		.path = to->path, .kind = RST, .isn = to->ack, .ack = to->isn};

	if (to->kind != RST)
		wire_send(&sim->wire, h, &p, sim->now);
}

static void send_unacked(struct sim *sim, size_t h, size_t path)
{
	const struct sock *s = &sim->hosts[h].socks[path];

	for (unsigned i = s->n_acked; i < s->n_out; i++) {
		const struct wire_packet p = {
			.path = path,
			.kind = DATA,
			.isn = s->isn,
			.ack = s->peer,
			.number = i,
			.received = s->n_received,
			.message = s->out[i],
		};

		wire_send(&sim->wire, h, &p, sim->now);
	}
}

static void say(struct sim *sim, size_t h, size_t path, enum wire_message message)
{
	struct sock *s = &sim->hosts[h].socks[path];

	cr_assert_lt(s->n_out, MESSAGES_MAX);
	if (s->n_acked == s->n_out)
		s->waits_since = sim->now;
	s->out[s->n_out++] = message;
	s->retry_after = DATA_RETRY_NS;
	s->retry_at = sim->now + s->retry_after;
	send_unacked(sim, h, path);
}

static void begin_sock(struct sim *sim, size_t h, size_t path, enum sock_state state)
{
	sim->hosts[h].socks[path] = (struct sock){
		.state = state,
		.active = state == SYN_SENT,
		.isn = ++sim->next_isn,
		.candidate = NO_CANDIDATE,
		.handshake_by = SIM_NEVER,
		.retry_at = sim->now + SYN_RETRY_NS,
		.retry_after = SYN_RETRY_NS,
	};
}

/* With SO_LINGER 0, as the product closes them. */
static void close_sock(struct sim *sim, size_t h, size_t path)
{
	struct sock *s = &sim->hosts[h].socks[path];

	if (s->state == SYN_RECEIVED || s->state == ESTABLISHED)
		send_simple(sim, h, path, RST);
	s->state = CLOSED;
}

/* The other side, or the kernel, has ended it. */
static void broke(struct sim *sim, size_t h, size_t path, int error)
{
	struct host *host = &sim->hosts[h];
	struct sock *s = &host->socks[path];
	enum sock_state was = s->state;
	size_t candidate = s->candidate;

	s->state = CLOSED;
	if (host->linked && host->link_path == path) {
		host->linked = false;
		host->start_at = sim->now + SIM_PAUSE_NS;
	} else if (candidate != NO_CANDIDATE) {
		step(sim, h, was == ESTABLISHED ? PUNCH_DISPROVEN : PUNCH_REFUSED, candidate,
		     error);
	}
}

static void established(struct sim *sim, size_t h, size_t path)
{
	struct sock *s = &sim->hosts[h].socks[path];

	s->state = ESTABLISHED;
	s->handshake_by = sim->now + HANDSHAKE_NS;
	if (s->candidate != NO_CANDIDATE)
		step(sim, h, PUNCH_CONNECTED, s->candidate, 0);
	if (s->state == ESTABLISHED)
		say(sim, h, path, HELLO);
}

/* As peer.c: incoming_ready(). */
static void adopt(struct sim *sim, size_t h, size_t path)
{
	struct host *host = &sim->hosts[h];
	size_t candidate = host->punch.n_candidates;

	if (!host->started || host->punch.state != PUNCH_TRYING ||
	    candidate == PUNCH_CANDIDATES_MAX) {
		close_sock(sim, h, path);
		return;
	}
	host->socks[path].candidate = candidate;
	host->path_of[candidate] = path;
	step(sim, h, PUNCH_ADOPTED, candidate, 0);
}

static void on_message(struct sim *sim, size_t h, size_t path, enum wire_message message)
{
	struct sock *s = &sim->hosts[h].socks[path];

	switch (message) {
	case HELLO:
		say(sim, h, path, PROOF);
		break;
	case PROOF:
		s->proven = true;
		s->handshake_by = SIM_NEVER;
		if (s->candidate == NO_CANDIDATE)
			adopt(sim, h, path);
		else
			step(sim, h, PUNCH_PROVEN, s->candidate, 0);
		break;
	case SELECT:
		if (s->candidate != NO_CANDIDATE)
			step(sim, h, PUNCH_SELECTED, s->candidate, 0);
		break;
	case PING:
		break;
	}
}

static void on_stream(struct sim *sim, size_t h, const struct wire_packet *p)
{
	struct sock *s = &sim->hosts[h].socks[p->path];

	if (p->received > s->n_acked) {
		s->n_acked = p->received;
		s->waits_since = sim->now;
		s->retry_after = DATA_RETRY_NS;
		s->retry_at = sim->now + s->retry_after;
	}
	if (p->kind != DATA)
		return;
	if (p->number == s->n_received) {
		s->n_received++;
		on_message(sim, h, p->path, p->message);
	}
	/* Unless that has ended it. */
	if (s->state == ESTABLISHED && s->isn == p->ack)
		send_simple(sim, h, p->path, ACK);
}

static bool reset_is_valid(const struct sock *s, const struct wire_packet *p)
{
	if (p->ack != 0 && p->ack == s->isn)
		return true;
	return s->state != SYN_SENT && p->isn != 0 && p->isn == s->peer;
}

static void in_syn_sent(struct sim *sim, size_t h, const struct wire_packet *p)
{
	struct sock *s = &sim->hosts[h].socks[p->path];

	if (p->kind == SYN) {
		s->state = SYN_RECEIVED; /* simultaneous open */
		s->peer = p->isn;
		send_simple(sim, h, p->path, SYN_ACK);
	} else if (p->ack != s->isn) {
		send_reset(sim, h, p); /* of an earlier incarnation */
	} else if (p->kind == SYN_ACK) {
		s->peer = p->isn;
		send_simple(sim, h, p->path, ACK);
		established(sim, h, p->path);
	}
}

static void in_connection(struct sim *sim, size_t h, const struct wire_packet *p)
{
	struct sock *s = &sim->hosts[h].socks[p->path];
	bool ours = p->isn == s->peer && (p->kind == SYN || p->ack == s->isn);

	if (!ours) {
		/* A challenge ACK: who has lost the connection answers it with a reset. */
		if (p->kind != ACK)
			send_simple(sim, h, p->path, ACK);
		return;
	}
	if (p->kind == SYN) {
		send_simple(sim, h, p->path, s->state == SYN_RECEIVED ? SYN_ACK : ACK);
		return;
	}
	if (p->kind == SYN_ACK)
		send_simple(sim, h, p->path, ACK);
	if (s->state == SYN_RECEIVED)
		established(sim, h, p->path);
	if (s->state == ESTABLISHED && s->isn == p->ack)
		on_stream(sim, h, p);
}

static void deliver(struct sim *sim, const struct wire_packet *p)
{
	struct host *host = &sim->hosts[p->to];
	struct sock *s = &host->socks[p->path];

	if (p->kind == RST) {
		if (s->state != CLOSED && reset_is_valid(s, p))
			broke(sim, p->to, p->path, ECONNREFUSED);
	} else if (s->state == SYN_SENT) {
		in_syn_sent(sim, p->to, p);
	} else if (s->state != CLOSED) {
		in_connection(sim, p->to, p);
	} else if (p->kind == SYN) {
		begin_sock(sim, p->to, p->path, SYN_RECEIVED); /* the listener's */
		s->peer = p->isn;
		send_simple(sim, p->to, p->path, SYN_ACK);
	} else {
		send_reset(sim, p->to, p);
	}
}

/* As peer.c: a socket on a 4-tuple that is in use can't be connected. */
static int open_candidate(struct sim *sim, size_t h, size_t candidate)
{
	struct host *host = &sim->hosts[h];
	size_t path = host->path_of[candidate];

	if (host->socks[path].state != CLOSED)
		return -EADDRNOTAVAIL;
	begin_sock(sim, h, path, SYN_SENT);
	host->socks[path].candidate = candidate;
	send_simple(sim, h, path, SYN);
	return 0;
}

static void obey(struct sim *sim, size_t h, const struct punch_actions *actions)
{
	struct host *host = &sim->hosts[h];

	for (size_t i = 0; i < actions->n; i++) {
		size_t candidate = actions->list[i].candidate;
		size_t path = host->path_of[candidate];
		int r;

		switch (actions->list[i].kind) {
		case PUNCH_OPEN:
			r = open_candidate(sim, h, candidate);
			if (r < 0)
				step(sim, h, PUNCH_REFUSED, candidate, -r);
			break;
		case PUNCH_SELECT:
			say(sim, h, path, SELECT);
			break;
		case PUNCH_CLOSE:
			cr_assert_eq(host->socks[path].candidate, candidate);
			close_sock(sim, h, path);
			break;
		}
	}
}

static void settle(struct sim *sim, size_t h, enum punch_state before)
{
	struct host *host = &sim->hosts[h];

	if (before != PUNCH_TRYING || host->punch.state == PUNCH_TRYING)
		return;
	host->ended_at = sim->now;
	host->start_at = sim->now + SIM_PAUSE_NS;
	if (host->punch.state == PUNCH_DONE) {
		host->linked = true;
		host->link_path = host->path_of[host->punch.winner];
		host->start_at = SIM_NEVER;
	}
}

static void step(struct sim *sim, size_t h, enum punch_event_kind kind, size_t candidate, int error)
{
	const struct punch_event event = {.kind = kind, .candidate = candidate, .error = error};
	enum punch_state before = sim->hosts[h].punch.state;
	struct punch_actions actions;

	punch_step(&sim->hosts[h].punch, &event, sim->now, &actions);
	obey(sim, h, &actions);
	settle(sim, h, before);
}

static void start(struct sim *sim, size_t h)
{
	static const struct addr anywhere[SIM_PATHS] = {{.family = AF_INET, .port = 1},
							{.family = AF_INET, .port = 2}};
	struct host *host = &sim->hosts[h];
	struct punch_actions actions;

	host->started = true;
	host->start_at = SIM_NEVER;
	host->attempts++;
	for (size_t i = 0; i < SIM_PATHS; i++)
		host->path_of[i] = i;
	punch_start(&host->punch, anywhere, sim->world->neighbours ? 2 : 1, h == 0,
		    sim->now + SIM_PUNCH_NS, random_draw(&sim->random), &actions);
	obey(sim, h, &actions);
}

static bool wants_to_retry(const struct sock *s)
{
	return s->state == SYN_SENT || s->state == SYN_RECEIVED ||
	       (s->state == ESTABLISHED && s->n_acked < s->n_out);
}

static void retry(struct sim *sim, size_t h, size_t path)
{
	struct sock *s = &sim->hosts[h].socks[path];

	if ((s->state == ESTABLISHED && sim->now >= s->waits_since + USER_TIMEOUT_NS) ||
	    (s->state == SYN_RECEIVED && !s->active && ++s->retries > SYN_ACK_RETRIES)) {
		broke(sim, h, path, ETIMEDOUT);
		return;
	}
	if (s->retry_after < RETRY_MAX_NS)
		s->retry_after *= 2;
	s->retry_at = sim->now + s->retry_after;
	if (s->state == SYN_SENT)
		send_simple(sim, h, path, SYN);
	else if (s->state == SYN_RECEIVED)
		send_simple(sim, h, path, SYN_ACK);
	else
		send_unacked(sim, h, path);
}

static uint64_t starts_at(const struct sim *sim, size_t h)
{
	const struct host *host = &sim->hosts[h];

	return host->attempts < sim->world->attempts ? host->start_at : SIM_NEVER;
}

/* When host @h wants to do something of its own. */
static uint64_t next_of_host(const struct sim *sim, size_t h)
{
	const struct host *host = &sim->hosts[h];
	uint64_t at = starts_at(sim, h);

	if (host->started && punch_wake_at(&host->punch) < at)
		at = punch_wake_at(&host->punch);
	for (size_t path = 0; path < SIM_PATHS; path++) {
		const struct sock *s = &host->socks[path];

		if (wants_to_retry(s) && s->retry_at < at)
			at = s->retry_at;
		if (s->state == ESTABLISHED && s->handshake_by < at)
			at = s->handshake_by;
	}
	return at;
}

static void run_host(struct sim *sim, size_t h)
{
	struct host *host = &sim->hosts[h];

	for (size_t path = 0; path < SIM_PATHS; path++) {
		struct sock *s = &host->socks[path];

		if (s->state == ESTABLISHED && s->handshake_by <= sim->now) {
			send_simple(sim, h, path, RST);
			broke(sim, h, path, ETIMEDOUT);
		} else if (wants_to_retry(s) && s->retry_at <= sim->now) {
			retry(sim, h, path);
		}
	}
	if (host->started && punch_wake_at(&host->punch) <= sim->now)
		step(sim, h, PUNCH_TICK, 0, 0);
	if (starts_at(sim, h) <= sim->now)
		start(sim, h);
}

/* Return: false when nothing moves any more. */
static bool advance(struct sim *sim)
{
	uint64_t packet_at = wire_next_at(&sim->wire);
	size_t h = next_of_host(sim, 0) <= next_of_host(sim, 1) ? 0 : 1;
	uint64_t host_at = next_of_host(sim, h);

	if (packet_at == SIM_NEVER && host_at == SIM_NEVER)
		return false;
	if (packet_at <= host_at) {
		struct wire_packet arrived;

		sim->now = packet_at;
		if (wire_receive(&sim->wire, &arrived))
			deliver(sim, &arrived);
		return true;
	}
	sim->now = host_at;
	run_host(sim, h);
	return true;
}

/*
 * Who has nothing to send does not notice that the other end is gone, so at last
 * the weather clears and whoever believes in a link pings, as boxer/channel does.
 */
static void settle_down(struct sim *sim)
{
	while (advance(sim))
		cr_assert_lt(sim->now, END_OF_TIME_NS, "it never ends");
	sim->wire.loss = 0;
	for (size_t h = 0; h < 2; h++)
		if (sim->hosts[h].linked)
			say(sim, h, sim->hosts[h].link_path, PING);
	while (advance(sim))
		cr_assert_lt(sim->now, 2 * END_OF_TIME_NS, "it never ends");
}

void sim_run(const struct sim_world *world, struct sim_end ret_ends[static 2])
{
	static struct sim sim;

	sim = (struct sim){
		.world = world,
		.random = random_seed(world->seed),
		.wire = {.world = world, .loss = world->loss, .random = &sim.random},
	};
	sim.hosts[0].start_at = world->start[0];
	sim.hosts[1].start_at = world->start[1];
	settle_down(&sim);
	for (size_t h = 0; h < 2; h++) {
		const struct host *host = &sim.hosts[h];
		const struct sock *link = &host->socks[host->link_path];

		ret_ends[h] = (struct sim_end){
			.linked = host->linked,
			.path = host->link_path,
			.mine = link->isn,
			.theirs = link->peer,
			.at = host->ended_at,
			.reason = host->punch.reason,
		};
		for (size_t path = 0; path < SIM_PATHS; path++)
			ret_ends[h].sockets += host->socks[path].state != CLOSED;
	}
}
