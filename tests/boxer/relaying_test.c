/* SPDX-License-Identifier: MIT */
/* One end of a relayed connection, with a relay that is the test. */
#include "boxer/relaying.h"

#include "boxer/auth.h"
#include "boxer/sock.h"
#include "tests/boxer/stage.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define HELLO_LEN (FRAME_HEADER_LEN + FRAME_TOKEN_LEN + 8 + FRAME_CODE_LEN)

static const uint8_t key[AUTH_KEY_LEN] = {1, 2, 3};
static const struct frame_relay hello = {.token = "0123456789abcde", .from = 3, .to = 4};

/** struct end - what it has come to */
struct end {
	struct relaying *r;
	unsigned calls;
	enum reason reason;
	int fd;
};

static void on_done(void *arg, enum reason reason, int fd)
{
	struct end *e = arg;

	e->r = NULL;
	e->calls++;
	e->reason = reason;
	e->fd = fd;
}

static void begin(struct end *e, const struct addr *relay, int family)
{
	*e = (struct end){.fd = -1};
	e->r = relaying_start(stage.node.loop, family, relay, key, &hello, on_done, e);
	USERNS_CHECK(e->r && e->calls == 0, "told before it has begun");
}

static void compose(uint8_t ret[static FRAME_HEADER_LEN + 2], uint8_t type, uint32_t len,
		    uint16_t reason)
{
	frame_put_header(ret, type, len);
	ret[FRAME_HEADER_LEN] = (uint8_t)(reason >> 8);
	ret[FRAME_HEADER_LEN + 1] = (uint8_t)reason;
}

static void check_end(struct end *e, enum reason reason)
{
	STAGE_UNTIL(e->calls);
	USERNS_CHECK(e->calls == 1 && e->reason == reason, "%s", reason_name(e->reason));
	USERNS_CHECK((e->fd >= 0) == (reason == REASON_NONE), "fd %d", e->fd);
}

STAGE_TEST(relaying, proves_itself_and_is_joined)
{
	uint8_t said[HELLO_LEN], bytes[FRAME_HEADER_LEN + 2 + 5], text[5];
	struct frame_header h;
	struct frame_relay heard;
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	struct end e;

	begin(&e, &at, AF_INET);
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(stage_read(fd, said, sizeof(said)), "nothing was said");
	USERNS_CHECK(frame_get_header(said, &h) == 0 && h.type == FRAME_RELAY &&
			     frame_decode_relay(said + FRAME_HEADER_LEN, h.length, &heard) == 0,
		     "no RELAY");
	USERNS_CHECK(heard.from == 3 && heard.to == 4 &&
			     memcmp(heard.token, hello.token, sizeof(heard.token)) == 0,
		     "another one");
	USERNS_CHECK(auth_code_check(key, AUTH_LABEL_RELAY, said + FRAME_HEADER_LEN,
				     FRAME_TOKEN_LEN + 8, heard.code) == 0,
		     "code");
	USERNS_CHECK(e.calls == 0, "joined before the relay said so");
	/* The other end's first bytes come in the same segment. */
	compose(bytes, FRAME_RELAYED, 2, REASON_NONE);
	(void)memcpy(bytes + FRAME_HEADER_LEN + 2, "first", 5);
	USERNS_CHECK(write(fd, bytes, sizeof(bytes)) == sizeof(bytes), "%m");
	check_end(&e, REASON_NONE);
	USERNS_CHECK(stage_read(e.fd, text, 5) && memcmp(text, "first", 5) == 0, "swallowed");
	(void)close(e.fd);
	(void)close(fd);
	(void)close(listener);
}

STAGE_TEST(relaying, hears_an_answer_byte_by_byte)
{
	uint8_t bytes[FRAME_HEADER_LEN + 2];
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	struct end e;

	begin(&e, &at, AF_INET6);
	fd = stage_accept(listener, NULL);
	compose(bytes, FRAME_RELAYED, 2, REASON_NONE);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		USERNS_CHECK(e.calls == 0, "after %zu bytes", i);
		USERNS_CHECK(write(fd, &bytes[i], 1) == 1, "%m");
		stage_run();
	}
	check_end(&e, REASON_NONE);
	USERNS_CHECK(sock_family(e.fd) == AF_INET6, "family");
	(void)close(e.fd);
	(void)close(fd);
	(void)close(listener);
}

static const struct {
	uint8_t type;
	uint32_t len;
	uint16_t said;
	enum reason reason;
} answers[] = {
	{FRAME_RELAYED, 2, REASON_TIMEOUT, REASON_RELAY_FAILED},
	{FRAME_RELAYED, 2, REASON_NOT_ALLOWED, REASON_RELAY_FAILED},
	{FRAME_RELAYED, 2, 999, REASON_RELAY_FAILED},
	{FRAME_RELAYED, 3, REASON_NONE, REASON_PROTOCOL},
	{FRAME_PING, 2, REASON_NONE, REASON_PROTOCOL},
};

STAGE_TEST(relaying, hears_a_refusal)
{
	size_t before = stage_descriptors();
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at);

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		uint8_t bytes[FRAME_HEADER_LEN + 2];
		struct end e;
		int fd;

		begin(&e, &at, AF_INET);
		fd = stage_accept(listener, NULL);
		USERNS_CHECK(stage_read(fd, (uint8_t[HELLO_LEN]){0}, HELLO_LEN), "nothing said");
		compose(bytes, answers[i].type, answers[i].len, answers[i].said);
		USERNS_CHECK(write(fd, bytes, sizeof(bytes)) == sizeof(bytes), "%m");
		check_end(&e, answers[i].reason);
		USERNS_CHECK(stage_is_over(fd), "left open");
		(void)close(fd);
	}
	(void)close(listener);
	USERNS_CHECK(stage_descriptors() == before, "left open");
}

STAGE_TEST(relaying, hears_that_nobody_is_there)
{
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	struct end e;

	begin(&e, &at, AF_INET);
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(stage_read(fd, (uint8_t[HELLO_LEN]){0}, HELLO_LEN), "nothing was said");
	(void)close(fd);
	check_end(&e, REASON_RELAY_FAILED);
	(void)close(listener);
	begin(&e, &at, AF_INET);
	check_end(&e, REASON_UNREACHABLE);
}

STAGE_TEST(relaying, may_be_given_up)
{
	size_t before = stage_descriptors();
	struct addr at;
	int listener = stage_listen(STAGE_PEER, &at), fd;
	struct end e;

	begin(&e, &at, AF_INET);
	relaying_free(e.r);
	begin(&e, &at, AF_INET);
	(void)close(stage_accept(listener, NULL));
	fd = stage_accept(listener, NULL);
	USERNS_CHECK(stage_read(fd, (uint8_t[HELLO_LEN]){0}, HELLO_LEN), "nothing was said");
	relaying_free(e.r);
	USERNS_CHECK(stage_is_over(fd) && e.calls == 0, "told");
	(void)close(fd);
	(void)close(listener);
	USERNS_CHECK(stage_descriptors() == before, "left open");
}
