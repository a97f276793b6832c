/* SPDX-License-Identifier: MIT */
/*
 * A channel and somebody who speaks the protocol to it, rightly or not, as the
 * bytes say, over a pair of sockets. The owner is told "ready" only of who has
 * proven himself, of frames only in the order in which they were sealed, of the
 * end once, and of nothing after it.
 *
 * The first byte says how: whom the channel expects, where its owner frees it,
 * and whether one of its patiences is 0. Each following one is a thing to do.
 */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "boxer/channel.h"
#include "tests/boxer/speaker.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_MAX 64
#define BODY_MAX   300

enum free_in { FREE_NOWHERE, FREE_IN_READY, FREE_IN_FRAME, FREE_IN_CLOSED };

/* A frame as it was sealed. */
struct sealed {
	uint8_t type;
	uint8_t body[BODY_MAX];
	size_t len;
};

/* Both ends, and what is known of them. */
struct rig {
	struct ev_loop *loop;
	struct channel *ch;
	struct speaker speaker;
	enum free_in free_in;
	bool heard_hello; /* of the channel */
	bool said_hello, said_proof;
	bool ready, closed;
	struct sealed frames[FRAMES_MAX];
	size_t n_sealed, n_told;
};

static const uint8_t key[AUTH_KEY_LEN] = {1, 2, 3};
static uint64_t chance;

static const char *chance_name(void)
{
	return "none";
}

static uint32_t chance_draw(void)
{
	chance = chance * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(chance >> 32);
}

static void chance_fill(void *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = (uint8_t)chance_draw();
}

/* The same nonces for the same input. */
static struct randombytes_implementation no_chance = {
	.implementation_name = chance_name,
	.random = chance_draw,
	.buf = chance_fill,
};

static void free_channel(struct rig *rig, enum free_in here)
{
	if (rig->free_in != here)
		return;
	channel_free(rig->ch);
	rig->ch = NULL;
}

static void on_ready(struct channel *ch, void *arg)
{
	struct rig *rig = arg;

	FUZZ_CHECK(ch == rig->ch && !rig->ready && !rig->closed);
	FUZZ_CHECK(rig->said_hello && rig->said_proof);
	FUZZ_CHECK(channel_peer(ch) == rig->speaker.mine.from);
	rig->ready = true;
	free_channel(rig, FREE_IN_READY);
}

static void on_frame(struct channel *ch, void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct rig *rig = arg;
	const struct sealed *s = &rig->frames[rig->n_told];

	FUZZ_CHECK(ch == rig->ch && rig->ready && !rig->closed);
	FUZZ_CHECK(rig->n_told < rig->n_sealed);
	FUZZ_CHECK(type == s->type && len == s->len && memcmp(body, s->body, len) == 0);
	rig->n_told++;
	free_channel(rig, FREE_IN_FRAME);
}

static void on_closed(struct channel *ch, void *arg, enum reason reason)
{
	struct rig *rig = arg;

	FUZZ_CHECK(ch == rig->ch && !rig->closed);
	FUZZ_CHECK(reason > REASON_NONE && reason < REASON_MAX);
	rig->closed = true;
	free_channel(rig, FREE_IN_CLOSED);
}

static const struct channel_ops ops = {on_ready, on_frame, on_closed};

static bool never_wait(struct speaker *s, short events)
{
	char byte;

	return events == POLLIN && recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

static void run_loop(struct rig *rig)
{
	for (int i = 0; i < 3; i++)
		ev_run(rig->loop, EVRUN_NOWAIT);
}

/* What the channel says; nobody needs it but its hello. */
static void drain(struct rig *rig)
{
	uint8_t bytes[4096];

	if (!rig->heard_hello)
		rig->heard_hello = speaker_hear_hello(&rig->speaker) == 0;
	else
		while (recv(rig->speaker.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
}

static void say(struct rig *rig, const uint8_t *bytes, size_t len)
{
	if (rig->speaker.fd >= 0)
		(void)speaker_write(&rig->speaker, bytes, len);
}

static void say_hello(struct rig *rig)
{
	uint8_t bytes[SPEAKER_FRAME_MAX];

	if (rig->speaker.proven)
		return;
	say(rig, bytes, speaker_build_hello(&rig->speaker, bytes));
	rig->said_hello = true;
}

static void say_proof(struct rig *rig)
{
	struct speaker *s = &rig->speaker;
	uint8_t bytes[SPEAKER_FRAME_MAX];

	if (!rig->heard_hello || s->proven)
		return;
	say(rig, bytes, speaker_build_proof(s, bytes));
	auth_start(key, &s->mine, &s->theirs, &s->session);
	rig->said_proof = true;
	s->proven = true;
}

/* A frame of any type; sealed once we have given our proof. */
static void say_frame(struct rig *rig, struct fuzz_input *in)
{
	struct speaker *s = &rig->speaker;
	uint8_t bytes[SPEAKER_FRAME_MAX];
	struct sealed frame = {.type = fuzz_u8(in)};

	frame.len = fuzz_u8(in);
	if (rig->n_sealed == FRAMES_MAX)
		return;
	fuzz_fill(in, frame.body, frame.len);
	say(rig, bytes, speaker_build(s, frame.type, frame.body, frame.len, bytes));
	if (s->proven && frame.type != FRAME_PING && frame.type != FRAME_PONG)
		rig->frames[rig->n_sealed++] = frame;
}

/* The same, but one bit is another. It costs the speaker its number: nothing is right any more. */
static void say_spoilt(struct rig *rig, struct fuzz_input *in)
{
	uint8_t bytes[SPEAKER_FRAME_MAX], body[8];
	size_t len;

	fuzz_fill(in, body, sizeof(body));
	len = speaker_build(&rig->speaker, fuzz_u8(in), body, sizeof(body), bytes);
	bytes[fuzz_u8(in) % len] ^= (uint8_t)(1 << fuzz_below(in, 8));
	say(rig, bytes, len);
}

static void say_bytes(struct rig *rig, struct fuzz_input *in)
{
	uint8_t bytes[256];
	size_t len = fuzz_u8(in);

	fuzz_fill(in, bytes, len);
	say(rig, bytes, len);
}

static void hang_up(struct rig *rig, struct fuzz_input *in)
{
	if (rig->speaker.fd < 0)
		return;
	if (fuzz_u8(in) & 1)
		(void)shutdown(rig->speaker.fd, SHUT_WR);
	else
		speaker_close(&rig->speaker);
}

static void be_sent(struct rig *rig, struct fuzz_input *in)
{
	uint8_t type = fuzz_u8(in), body[BODY_MAX];
	size_t len = fuzz_u8(in);
	int r;

	fuzz_fill(in, body, len);
	if (!rig->ch)
		return;
	r = channel_send(rig->ch, type, body, len);
	FUZZ_CHECK((r == -ENOTCONN) == (!rig->ready || rig->closed));
}

static void do_one(struct rig *rig, struct fuzz_input *in)
{
	switch (fuzz_below(in, 8)) {
	case 0:
		say_hello(rig);
		break;
	case 1:
		say_proof(rig);
		break;
	case 2:
		say_frame(rig, in);
		break;
	case 3:
		say_spoilt(rig, in);
		break;
	case 4:
		say_bytes(rig, in);
		break;
	case 5:
		be_sent(rig, in);
		break;
	case 6:
		hang_up(rig, in);
		break;
	default:
		run_loop(rig);
		drain(rig);
	}
}

static void begin(struct rig *rig, uint8_t how)
{
	static const struct channel_pace paces[] = {
		{.handshake = NS_PER_S * 100, .ping = NS_PER_S * 100, .silence = NS_PER_S * 100},
		{.handshake = NS_PER_S * 100, .ping = 0, .silence = NS_PER_S * 100},
		{.handshake = NS_PER_S * 100, .ping = 0, .silence = 0},
		{.handshake = 0},
	};
	uint32_t expected = how & 1 ? FRAME_ID_JOINING : 2;
	int fds[2];

	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	rig->free_in = (enum free_in)(how >> 1 & 3);
	speaker_init(&rig->speaker, fds[1], key, 2, 1);
	rig->speaker.wait = never_wait;
	rig->ch = channel_new(rig->loop, fds[0], key, 1, expected, &ops, rig);
	FUZZ_CHECK(rig->ch);
	channel_set_pace(rig->ch, &paces[how >> 3 & 3]);
	drain(rig);
	FUZZ_CHECK(rig->heard_hello);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_loop *loop;
	struct fuzz_input in = {data, data + size};
	struct rig rig = {0};
	int next;

	if (!loop) {
		FUZZ_CHECK(randombytes_set_implementation(&no_chance) == 0 && sodium_init() >= 0);
		loop = ev_loop_new(0);
		FUZZ_CHECK(loop);
	}
	chance = 1;
	rig.loop = loop;
	ev_run(loop, EVRUN_NOWAIT); /* which may open descriptors of its own */
	next = fuzz_next_fd();
	begin(&rig, fuzz_u8(&in));
	for (int i = 0; i < 100 && fuzz_left(&in); i++)
		do_one(&rig, &in);
	run_loop(&rig);
	speaker_close(&rig.speaker);
	channel_free(rig.ch);
	ev_run(loop, EVRUN_NOWAIT);
	FUZZ_CHECK(fuzz_next_fd() == next);
	return 0;
}
