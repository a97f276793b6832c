/* SPDX-License-Identifier: MIT */
/*
 * Interface for an asker: somebody who says one frame on a connection of its own,
 * instead of a handshake: OBSERVE or RELAY. Written from docs/protocol.md. For use
 * in the helper of tests/support/userns.
 */
#ifndef TESTS_BOXER_ASKER_H
#define TESTS_BOXER_ASKER_H

#include "tests/boxer/cluster.h"

#define ASKER_FRAME_MAX 128

/** asker_connect() - a connected socket; @from: address and port to bind, or NULL. */
int asker_connect(const struct addr *from, const struct addr *to);
/** asker_compose() - OBSERVE with a fresh nonce and the cluster's key. Return: its length. */
size_t asker_compose(const uint8_t token[static FRAME_TOKEN_LEN],
		     uint8_t ret_frame[static ASKER_FRAME_MAX]);
/** asker_compose_relay() - RELAY with the cluster's key. Return: its length. */
size_t asker_compose_relay(const uint8_t token[static FRAME_TOKEN_LEN], uint32_t from, uint32_t to,
			   uint8_t ret_frame[static ASKER_FRAME_MAX]);
/** asker_say() - any bytes, all of them. */
void asker_say(int fd, const uint8_t *bytes, size_t len);
/** asker_hear() - OBSERVED, the right answer to @question. Return: where it was seen. */
struct addr asker_hear(int fd, const uint8_t *question);
/** asker_observe() - compose, say, and hear. */
struct addr asker_observe(int fd, const uint8_t token[static FRAME_TOKEN_LEN]);
/** asker_hear_relayed() - RELAYED. Return: its reason. */
enum reason asker_hear_relayed(int fd);
/** asker_hear_end() - the other side hangs up without having said anything. */
void asker_hear_end(int fd);

#endif
