/* SPDX-License-Identifier: MIT */
/*
 * Interface for authentication: that both ends of a control connection hold the
 * cluster's key, and that every later frame comes from that very session.
 *
 * Each side sends a hello with a fresh nonce; a proof is a keyed BLAKE2b hash
 * over both hellos in the order of the ids, labelled by who gives it, so it can
 * be neither replayed (the nonces are fresh) nor reflected (the labels and ids
 * differ). The same transcript gives one key per direction, with which each
 * frame is authenticated together with its number. Frames are not secret: they
 * hold addresses and names. This room is pure; it makes no random numbers and
 * touches no socket.
 */
#ifndef BOXER_AUTH_H
#define BOXER_AUTH_H

#include "base/error.h"
#include "boxer/frame.h"

#define AUTH_KEY_LEN 32

/* All labels have this length. */
#define AUTH_LABEL_LEN	    16
#define AUTH_LABEL_OBSERVE  "boxer 2 observe "
#define AUTH_LABEL_OBSERVED "boxer 2 observed"
#define AUTH_LABEL_RELAY    "boxer 2 relay   "

/** struct auth_session - the two directions of one control connection */
struct auth_session {
	uint8_t send_key[AUTH_KEY_LEN];
	uint8_t receive_key[AUTH_KEY_LEN];
	uint64_t sent, received;
};

/**
 * auth_prove() - the proof that @prover gives in the session of @mine and @theirs
 * @prover: id of the side that gives the proof; one of the two hellos' .from
 */
void auth_prove(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, uint32_t prover,
		uint8_t ret_proof[static FRAME_PROOF_LEN]);
/** auth_verify() - is it the other side's proof? Return: 0, or -EACCES. */
int auth_verify(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, const uint8_t proof[static FRAME_PROOF_LEN]);
/** auth_start() - the session's keys. */
void auth_start(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, struct auth_session *ret_session);
/** auth_seal() - the code of the next frame to send; counts it. */
void auth_seal(struct auth_session *s, const uint8_t *header, const uint8_t *body, size_t len,
	       uint8_t ret_mac[static FRAME_MAC_LEN]);
/** auth_open() - is @mac the code of the next frame to receive? Counts it. Return: 0, -EACCES. */
int auth_open(struct auth_session *s, const uint8_t *header, const uint8_t *body, size_t len,
	      const uint8_t mac[static FRAME_MAC_LEN]);

/**
 * auth_code() - the code of something that is said once, outside of a session
 * @label: keeps the uses of the key apart, see AUTH_LABEL_*
 */
void auth_code(const uint8_t key[static AUTH_KEY_LEN], const char *label, const uint8_t *bytes,
	       size_t len, uint8_t ret_code[static FRAME_CODE_LEN]);
/** auth_code_check() - Return: 0, or -EACCES. */
int auth_code_check(const uint8_t key[static AUTH_KEY_LEN], const char *label, const uint8_t *bytes,
		    size_t len, const uint8_t code[static FRAME_CODE_LEN]);

/**
 * auth_read_key() - the cluster's key out of a file of 64 hex digits
 *
 * Return: 0, or -errno with words: unreadable, of another length, or not hex.
 */
int auth_read_key(const char *path, uint8_t ret_key[static AUTH_KEY_LEN], struct error *err);

#endif
