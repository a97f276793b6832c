/* SPDX-License-Identifier: MIT */
/*
 * Interface for a speaker: somebody who speaks the protocol on one socket, byte
 * by byte if need be, and breaks it as a test wants. It is written from
 * docs/protocol.md over boxer/frame and boxer/auth and shares nothing with
 * boxer/channel. Every wait has a deadline.
 */
#ifndef TESTS_BOXER_SPEAKER_H
#define TESTS_BOXER_SPEAKER_H

#include "boxer/auth.h"
#include "boxer/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEAKER_PATIENCE_MS 20000
#define SPEAKER_FRAME_MAX   (FRAME_HEADER_LEN + FRAME_BODY_MAX + FRAME_MAC_LEN)

struct speaker;

/** speaker_wait - until poll() would give @events for the socket; false at the deadline. */
typedef bool speaker_wait(struct speaker *s, short events);

/**
 * struct speaker - one side of a control connection
 * @fd: the socket, owned; -1 after speaker_close()
 * @proven: frames are sealed from now on, both ways
 * @wait: how to wait; speaker_init() sets one that polls
 * @arg: the test's, for @wait
 */
struct speaker {
	int fd;
	uint8_t key[AUTH_KEY_LEN];
	struct frame_hello mine, theirs;
	struct auth_session session;
	bool proven;
	speaker_wait *wait;
	void *arg;
};

/** struct speaker_frame - one that came in */
struct speaker_frame {
	uint8_t type;
	uint8_t body[FRAME_BODY_MAX];
	size_t len;
};

/** speaker_init() - over a connected socket, which is taken over. */
void speaker_init(struct speaker *s, int fd, const uint8_t key[static AUTH_KEY_LEN], uint32_t from,
		  uint32_t to);
/** speaker_close() - hang up. */
void speaker_close(struct speaker *s);

/**
 * speaker_build() - the bytes of the next frame, sealed if @s is proven
 *
 * Return: how many of @ret_bytes are used.
 */
size_t speaker_build(struct speaker *s, uint8_t type, const uint8_t *body, size_t len,
		     uint8_t ret_bytes[static SPEAKER_FRAME_MAX]);
/** speaker_build_hello(), speaker_build_proof() - the two frames of a handshake. */
size_t speaker_build_hello(struct speaker *s, uint8_t ret_bytes[static SPEAKER_FRAME_MAX]);
size_t speaker_build_proof(struct speaker *s, uint8_t ret_bytes[static SPEAKER_FRAME_MAX]);

/*
 * What follows returns 0, or -ETIMEDOUT at the deadline, -EPIPE when the other
 * side has hung up, -EPROTO when it does not speak the protocol, -EACCES when
 * its proof or a frame's code is wrong.
 */

/** speaker_write() - any bytes. */
int speaker_write(struct speaker *s, const uint8_t *bytes, size_t len);
/** speaker_send() - a frame. */
int speaker_send(struct speaker *s, uint8_t type, const uint8_t *body, size_t len);
/** speaker_receive() - wait for a frame. */
int speaker_receive(struct speaker *s, struct speaker_frame *ret_frame);
/** speaker_receive_type() - wait for a frame of @type; others are dropped. */
int speaker_receive_type(struct speaker *s, uint8_t type, struct speaker_frame *ret_frame);
/** speaker_hear_hello() - wait for the other side's hello, which goes to @s->theirs. */
int speaker_hear_hello(struct speaker *s);
/** speaker_handshake() - all of it. */
int speaker_handshake(struct speaker *s);
/** speaker_hear_end() - read whatever comes until the other side has hung up. */
int speaker_hear_end(struct speaker *s);

#endif
