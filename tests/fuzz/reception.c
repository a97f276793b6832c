/* SPDX-License-Identifier: MIT */
/*
 * What comes to a listening port before anybody has proven anything: a few
 * connections at a reception with an observer behind it, and what the bytes make
 * them say and do. Who wants a channel is shown to it with every byte unread; an
 * observer answers nobody without the key, and no question twice.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "boxer/frame.h"
#include "boxer/observer.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define GUESTS 4
#define NONCES 8 /* that honest questions have */

/* The rooms, and the other ends of the connections. */
struct house {
	struct ev_loop *loop;
	struct reception *reception;
	struct observer *observer;
	int guests[GUESTS]; /* -1: not there */
	bool asked[NONCES];
	size_t n_asked, n_seen;
};

static const uint8_t key[AUTH_KEY_LEN] = {1, 2, 3};

static void on_hello(void *arg, const struct arrival *a)
{
	uint8_t bytes[FRAME_HEADER_LEN];
	struct frame_header h;
	int r;

	(void)arg;
	FUZZ_CHECK(recv(a->fd, bytes, sizeof(bytes), MSG_DONTWAIT) == sizeof(bytes));
	r = frame_get_header(bytes, &h);
	FUZZ_CHECK(r == -EPROTONOSUPPORT || (r == 0 && h.type == FRAME_HELLO));
	(void)close(a->fd);
}

static void on_observe(void *arg, const struct arrival *a, const uint8_t *body, size_t len)
{
	struct house *house = arg;
	cleanup_free uint8_t *copy = fuzz_copy(body, len);

	FUZZ_CHECK(len <= RECEPTION_BODY_MAX);
	observer_take(house->observer, a, copy, len);
}

static void on_relay(void *arg, const struct arrival *a, const uint8_t *body, size_t len)
{
	(void)arg;
	(void)body;
	FUZZ_CHECK(len <= RECEPTION_BODY_MAX);
	(void)close(a->fd);
}

static const struct reception_ops ops = {on_hello, on_observe, on_relay};

static void on_seen(void *arg, const uint8_t token[static FRAME_TOKEN_LEN],
		    const struct profile_view *view)
{
	struct house *house = arg;

	FUZZ_CHECK(token[0] == 1 && view->seen.port == 4000);
	house->n_seen++;
	FUZZ_CHECK(house->n_seen <= house->n_asked);
}

static void come(struct house *house, int *guest)
{
	const struct addr from = {.family = AF_INET, .port = 4000, .bytes = {203, 0, 113, 9}};
	int fds[2];

	if (*guest >= 0)
		return;
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	*guest = fds[0];
	reception_take(house->reception, fds[1], &from);
}

static void say(const int *guest, const uint8_t *bytes, size_t len)
{
	if (*guest >= 0)
		(void)send(*guest, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_bytes(const int *guest, struct fuzz_input *in)
{
	uint8_t bytes[64];
	size_t len = fuzz_below(in, sizeof(bytes));

	fuzz_fill(in, bytes, len);
	say(guest, bytes, len);
}

static void say_header(const int *guest, struct fuzz_input *in)
{
	static const uint8_t types[] = {FRAME_HELLO, FRAME_OBSERVE, FRAME_RELAY, FRAME_JOIN};
	uint8_t bytes[FRAME_HEADER_LEN];

	frame_put_header(bytes, types[fuzz_below(in, sizeof(types))], fuzz_u8(in));
	say(guest, bytes, sizeof(bytes));
}

/* A question of somebody who holds the key, in one or two pieces. */
static void ask(struct house *house, const int *guest, struct fuzz_input *in)
{
	struct frame_observe m = {.token = {1}};
	uint8_t said[2 * FRAME_TOKEN_LEN], bytes[FRAME_HEADER_LEN + RECEPTION_BODY_MAX];
	size_t nonce = fuzz_below(in, NONCES), whole, first;
	int len;

	m.nonce[0] = (uint8_t)nonce;
	(void)memcpy(said, m.token, FRAME_TOKEN_LEN);
	(void)memcpy(said + FRAME_TOKEN_LEN, m.nonce, FRAME_TOKEN_LEN);
	auth_code(key, AUTH_LABEL_OBSERVE, said, sizeof(said), m.code);
	len = frame_encode_observe(&m, bytes + FRAME_HEADER_LEN, RECEPTION_BODY_MAX);
	FUZZ_CHECK(len > 0);
	frame_put_header(bytes, FRAME_OBSERVE, (uint32_t)len);
	whole = FRAME_HEADER_LEN + (size_t)len;
	first = fuzz_u8(in) % (whole + 1);
	say(guest, bytes, first);
	ev_run(house->loop, EVRUN_NOWAIT);
	house->n_asked += !house->asked[nonce];
	house->asked[nonce] = true;
	say(guest, bytes + first, whole - first);
}

static void do_one(struct house *house, struct fuzz_input *in)
{
	int *guest = &house->guests[fuzz_below(in, GUESTS)];
	uint8_t answer[256];

	switch (fuzz_below(in, 6)) {
	case 0:
		come(house, guest);
		break;
	case 1:
		say_bytes(guest, in);
		break;
	case 2:
		say_header(guest, in);
		break;
	case 3:
		ask(house, guest, in);
		break;
	case 4:
		if (*guest >= 0)
			(void)close(*guest);
		*guest = -1;
		break;
	default:
		ev_run(house->loop, EVRUN_NOWAIT);
		if (*guest >= 0)
			(void)recv(*guest, answer, sizeof(answer), MSG_DONTWAIT);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ev_loop *loop;
	struct fuzz_input in = {data, data + size};
	struct house house = {.guests = {-1, -1, -1, -1}};
	int next;

	if (!loop)
		loop = ev_loop_new(0);
	FUZZ_CHECK(loop);
	ev_run(loop, EVRUN_NOWAIT); /* which may open descriptors of its own */
	next = fuzz_next_fd();
	house.loop = loop;
	house.reception = reception_new(loop, &ops, &house);
	house.observer = observer_new(loop, key, on_seen, &house);
	FUZZ_CHECK(house.reception && house.observer);
	for (int i = 0; i < 60 && fuzz_left(&in); i++)
		do_one(&house, &in);
	ev_run(loop, EVRUN_NOWAIT);
	for (size_t i = 0; i < GUESTS; i++)
		if (house.guests[i] >= 0)
			(void)close(house.guests[i]);
	reception_free(house.reception);
	observer_free(house.observer);
	ev_run(loop, EVRUN_NOWAIT);
	FUZZ_CHECK(fuzz_next_fd() == next);
	return 0;
}
