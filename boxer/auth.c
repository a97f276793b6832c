/* SPDX-License-Identifier: MIT */
#include "boxer/auth.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>

#define LABEL_PROOF   "boxer 2 proof   "
#define LABEL_SESSION "boxer 2 session "

/*
 * One keyed hash over: label, the id it is for, and both hellos, the one with
 * the lower id first. Two different ids are a must: equal ones are refused
 * before anything is proven (channel.c).
 */
static void derive(const uint8_t *key, const char *label, uint32_t id,
		   const struct frame_hello *mine, const struct frame_hello *theirs,
		   uint8_t ret[static 32])
{
	const struct frame_hello *low = mine->from < theirs->from ? mine : theirs;
	const struct frame_hello *high = low == mine ? theirs : mine;
	uint8_t text[AUTH_LABEL_LEN + 4 + 2 * (8 + FRAME_NONCE_LEN)];
	struct frame_writer w = {.at = text, .end = text + sizeof(text)};

	frame_put_bytes(&w, label, AUTH_LABEL_LEN);
	frame_put_u32(&w, id);
	frame_put_u32(&w, low->from);
	frame_put_u32(&w, low->to);
	frame_put_bytes(&w, low->nonce, FRAME_NONCE_LEN);
	frame_put_u32(&w, high->from);
	frame_put_u32(&w, high->to);
	frame_put_bytes(&w, high->nonce, FRAME_NONCE_LEN);
	(void)crypto_generichash(ret, 32, text, (size_t)(w.at - text), key, AUTH_KEY_LEN);
}

void auth_prove(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, uint32_t prover,
		uint8_t ret_proof[static FRAME_PROOF_LEN])
{
	derive(key, LABEL_PROOF, prover, mine, theirs, ret_proof);
}

int auth_verify(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, const uint8_t proof[static FRAME_PROOF_LEN])
{
	uint8_t expected[FRAME_PROOF_LEN];

	auth_prove(key, mine, theirs, theirs->from, expected);
	return sodium_memcmp(expected, proof, sizeof(expected)) ? -EACCES : 0;
}

void auth_start(const uint8_t key[static AUTH_KEY_LEN], const struct frame_hello *mine,
		const struct frame_hello *theirs, struct auth_session *ret_session)
{
	derive(key, LABEL_SESSION, mine->from, mine, theirs, ret_session->send_key);
	derive(key, LABEL_SESSION, theirs->from, mine, theirs, ret_session->receive_key);
	ret_session->sent = 0;
	ret_session->received = 0;
}

static void frame_code(const uint8_t *key, uint64_t number, const uint8_t *header,
		       const uint8_t *body, size_t len, uint8_t ret[static FRAME_MAC_LEN])
{
	crypto_generichash_state state;
	uint8_t count[8];
	struct frame_writer w = {.at = count, .end = count + sizeof(count)};

	frame_put_u64(&w, number);
	(void)crypto_generichash_init(&state, key, AUTH_KEY_LEN, FRAME_MAC_LEN);
	(void)crypto_generichash_update(&state, count, sizeof(count));
	(void)crypto_generichash_update(&state, header, FRAME_HEADER_LEN);
	(void)crypto_generichash_update(&state, body, len);
	(void)crypto_generichash_final(&state, ret, FRAME_MAC_LEN);
}

void auth_seal(struct auth_session *s, const uint8_t *header, const uint8_t *body, size_t len,
	       uint8_t ret_mac[static FRAME_MAC_LEN])
{
	frame_code(s->send_key, s->sent++, header, body, len, ret_mac);
}

int auth_open(struct auth_session *s, const uint8_t *header, const uint8_t *body, size_t len,
	      const uint8_t mac[static FRAME_MAC_LEN])
{
	uint8_t expected[FRAME_MAC_LEN];

	frame_code(s->receive_key, s->received++, header, body, len, expected);
	return sodium_memcmp(expected, mac, sizeof(expected)) ? -EACCES : 0;
}

void auth_code(const uint8_t key[static AUTH_KEY_LEN], const char *label, const uint8_t *bytes,
	       size_t len, uint8_t ret_code[static FRAME_CODE_LEN])
{
	crypto_generichash_state state;

	(void)crypto_generichash_init(&state, key, AUTH_KEY_LEN, FRAME_CODE_LEN);
	(void)crypto_generichash_update(&state, (const uint8_t *)label, AUTH_LABEL_LEN);
	(void)crypto_generichash_update(&state, bytes, len);
	(void)crypto_generichash_final(&state, ret_code, FRAME_CODE_LEN);
}

int auth_code_check(const uint8_t key[static AUTH_KEY_LEN], const char *label, const uint8_t *bytes,
		    size_t len, const uint8_t code[static FRAME_CODE_LEN])
{
	uint8_t expected[FRAME_CODE_LEN];

	auth_code(key, label, bytes, len, expected);
	return sodium_memcmp(expected, code, sizeof(expected)) ? -EACCES : 0;
}

int auth_read_key(const char *path, uint8_t ret_key[static AUTH_KEY_LEN], struct error *err)
{
	char text[2 * AUTH_KEY_LEN + 3];
	uint8_t key[AUTH_KEY_LEN];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t used = 0, key_len;
	ssize_t n = 0;

	if (fd < 0)
		return error_sys(err, errno, "key file %s", path);
	while (used < sizeof(text) && (n = read(fd, text + used, sizeof(text) - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		return error_sys(err, errno, "key file %s", path);
	/* A full buffer: there is more than one line's end behind the digits. */
	while (used > 0 && used < sizeof(text) &&
	       (text[used - 1] == '\n' || text[used - 1] == '\r'))
		used--;
	if (used != (size_t)2 * AUTH_KEY_LEN ||
	    sodium_hex2bin(key, sizeof(key), text, used, NULL, &key_len, NULL) != 0 ||
	    key_len != sizeof(key)) {
		sodium_memzero(text, sizeof(text));
		return error_set(
			err, EINVAL,
			"key file %s: it must hold 64 hexadecimal digits (32 random bytes)", path);
	}
	(void)memcpy(ret_key, key, sizeof(key));
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return 0;
}
