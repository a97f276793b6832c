/* SPDX-License-Identifier: MIT */
/* Authentication: proofs, the codes of frames, and key files. */
#include "boxer/auth.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A node that joins (A) and the seed (B), as in the golden vectors below. */
struct fixture {
	uint8_t key[AUTH_KEY_LEN];
	struct frame_hello a, b;
};

static struct fixture fixture(void)
{
	struct fixture f = {
		.a = {.from = 7, .to = FRAME_ID_JOINING},
		.b = {.from = FRAME_ID_SEED, .to = FRAME_ID_JOINING},
	};

	for (size_t i = 0; i < sizeof(f.key); i++)
		f.key[i] = (uint8_t)i;
	(void)memset(f.a.nonce, 0x11, sizeof(f.a.nonce));
	(void)memset(f.b.nonce, 0x22, sizeof(f.b.nonce));
	return f;
}

/*
 * By another BLAKE2b (Python's hashlib) from docs/protocol.md: a change of the
 * protocol by accident fails here.
 */
static const uint8_t proof_of_a[FRAME_PROOF_LEN] = {
	0x71, 0xd8, 0x61, 0xd5, 0xa4, 0xb3, 0x67, 0x0a, 0x84, 0x9c, 0x7c,
	0xc0, 0xd8, 0x81, 0xee, 0xe8, 0xf4, 0x8d, 0xc3, 0xc2, 0x68, 0x75,
	0x35, 0xfe, 0x45, 0xad, 0x2e, 0x33, 0xef, 0x30, 0xcd, 0xff,
};
static const uint8_t proof_of_b[FRAME_PROOF_LEN] = {
	0x00, 0xd5, 0xec, 0x71, 0x48, 0x80, 0x41, 0x5d, 0x03, 0xb9, 0x51,
	0xdf, 0x4f, 0x0e, 0x75, 0x66, 0xab, 0x09, 0x10, 0x96, 0x24, 0x25,
	0xbd, 0x09, 0x8b, 0x34, 0x38, 0x0f, 0xee, 0x9e, 0x2e, 0xd1,
};
/* of a PING with the body "abc", as A's first and second frame */
static const uint8_t ping_header[FRAME_HEADER_LEN] = {0x42, 0x78, 1, FRAME_PING, 0, 0, 0, 3};
static const uint8_t first_code[FRAME_MAC_LEN] = {
	0x3a, 0x36, 0xde, 0xd2, 0x1a, 0x3f, 0x0a, 0x68,
	0xce, 0xcc, 0x20, 0x9c, 0x85, 0x1b, 0x69, 0x4b,
};
static const uint8_t second_code[FRAME_MAC_LEN] = {
	0xfd, 0x27, 0xeb, 0x6e, 0xc5, 0x64, 0x64, 0x8e,
	0xe0, 0xca, 0xa4, 0x95, 0x5c, 0x41, 0xc2, 0x44,
};

Test(auth, proof_is_that_of_the_protocol)
{
	struct fixture f = fixture();
	uint8_t proof[FRAME_PROOF_LEN];

	auth_prove(f.key, &f.a, &f.b, f.a.from, proof);
	cr_expect_arr_eq(proof, proof_of_a, sizeof(proof));
	auth_prove(f.key, &f.b, &f.a, f.b.from, proof);
	cr_expect_arr_eq(proof, proof_of_b, sizeof(proof));
}

Test(auth, code_of_a_frame_is_that_of_the_protocol)
{
	struct fixture f = fixture();
	struct auth_session s;
	uint8_t code[FRAME_MAC_LEN];

	auth_start(f.key, &f.a, &f.b, &s);
	auth_seal(&s, ping_header, (const uint8_t *)"abc", 3, code);
	cr_expect_arr_eq(code, first_code, sizeof(code));
	auth_seal(&s, ping_header, (const uint8_t *)"abc", 3, code);
	cr_expect_arr_eq(code, second_code, sizeof(code));
}

Test(auth, proof_does_not_depend_on_who_looks_at_it)
{
	struct fixture f = fixture();
	uint8_t by_a[FRAME_PROOF_LEN], by_b[FRAME_PROOF_LEN];

	auth_prove(f.key, &f.a, &f.b, f.a.from, by_a);
	auth_prove(f.key, &f.b, &f.a, f.a.from, by_b);
	cr_expect_arr_eq(by_a, by_b, sizeof(by_a));
	cr_expect_eq(auth_verify(f.key, &f.b, &f.a, by_a), 0);
}

/* Each changes one thing that a proof must depend on. */
static void change(struct fixture *f, int what)
{
	switch (what) {
	case 0:
		f->key[31] ^= 1;
		break;
	case 1:
		f->a.nonce[0] ^= 0x80;
		break;
	case 2:
		f->a.nonce[31] ^= 1;
		break;
	case 3:
		f->b.nonce[31] ^= 1;
		break;
	case 4:
		f->a.from ^= 1;
		break;
	case 5:
		f->a.to ^= 1;
		break;
	case 6:
		f->b.from ^= 0x80000000;
		break;
	case 7:
		f->b.to ^= 1;
		break;
	default:
		cr_assert_fail("no change %d", what);
	}
}

#define N_CHANGES 8

Test(auth, proof_depends_on_key_ids_and_nonces_of_both)
{
	for (int i = 0; i < N_CHANGES; i++) {
		struct fixture f = fixture();
		uint8_t proof[FRAME_PROOF_LEN];

		auth_prove(f.key, &f.a, &f.b, f.a.from, proof);
		change(&f, i);
		cr_expect_eq(auth_verify(f.key, &f.b, &f.a, proof), -EACCES, "change %d", i);
	}
}

Test(auth, proof_of_one_side_is_not_the_others)
{
	struct fixture f = fixture();
	uint8_t proof[FRAME_PROOF_LEN];

	auth_prove(f.key, &f.a, &f.b, f.a.from, proof);
	cr_expect_eq(auth_verify(f.key, &f.a, &f.b, proof), -EACCES, "reflected to who gave it");
}

/* The attacker answers A's hello with a copy of it under another id. */
Test(auth, proof_that_is_reflected_under_another_id_is_refused)
{
	struct fixture f = fixture();
	struct frame_hello mirror = f.a;
	uint8_t proof[FRAME_PROOF_LEN];

	mirror.from = f.b.from;
	auth_prove(f.key, &f.a, &mirror, f.a.from, proof);
	cr_expect_eq(auth_verify(f.key, &f.a, &mirror, proof), -EACCES);
}

Test(auth, proof_of_an_earlier_session_is_refused)
{
	struct fixture then = fixture(), now = fixture();
	uint8_t proof[FRAME_PROOF_LEN];

	auth_prove(then.key, &then.a, &then.b, then.a.from, proof);
	/* A's hello is replayed as it was, but B has a fresh nonce. */
	(void)memset(now.b.nonce, 0x33, sizeof(now.b.nonce));
	cr_expect_eq(auth_verify(now.key, &now.b, &now.a, proof), -EACCES);
}

Test(auth, proof_with_any_bit_flipped_is_refused)
{
	struct fixture f = fixture();

	for (unsigned bit = 0; bit < 8 * FRAME_PROOF_LEN; bit++) {
		uint8_t proof[FRAME_PROOF_LEN];

		auth_prove(f.key, &f.a, &f.b, f.a.from, proof);
		proof[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_eq(auth_verify(f.key, &f.b, &f.a, proof), -EACCES, "bit %u", bit);
	}
}

/* The two ends of one session. */
struct session {
	struct auth_session a, b;
};

static struct session session(void)
{
	struct fixture f = fixture();
	struct session s;

	auth_start(f.key, &f.a, &f.b, &s.a);
	auth_start(f.key, &f.b, &f.a, &s.b);
	return s;
}

struct sealed {
	uint8_t header[FRAME_HEADER_LEN];
	uint8_t body[4];
	uint8_t mac[FRAME_MAC_LEN];
};

static struct sealed seal(struct auth_session *s, uint8_t content)
{
	struct sealed f = {.body = {content, 1, 2, 3}};

	frame_put_header(f.header, FRAME_PING, sizeof(f.body));
	auth_seal(s, f.header, f.body, sizeof(f.body), f.mac);
	return f;
}

static int open_sealed(struct auth_session *s, const struct sealed *f)
{
	return auth_open(s, f->header, f->body, sizeof(f->body), f->mac);
}

Test(auth, frames_are_taken_in_order_in_both_directions)
{
	struct session s = session();

	for (uint8_t i = 0; i < 100; i++) {
		struct sealed there = seal(&s.a, i), back = seal(&s.b, i);

		cr_assert_eq(open_sealed(&s.b, &there), 0, "frame %u", i);
		cr_assert_eq(open_sealed(&s.a, &back), 0, "frame %u", i);
	}
}

Test(auth, frames_in_another_order_are_refused)
{
	struct session s = session();
	struct sealed first = seal(&s.a, 1), second = seal(&s.a, 2);

	cr_expect_eq(open_sealed(&s.b, &second), -EACCES);
	cr_expect_eq(open_sealed(&s.b, &first), -EACCES, "late is as bad as early");
}

Test(auth, frame_that_comes_twice_is_refused)
{
	struct session s = session();
	struct sealed f = seal(&s.a, 1);

	cr_expect_eq(open_sealed(&s.b, &f), 0);
	cr_expect_eq(open_sealed(&s.b, &f), -EACCES);
}

Test(auth, frame_after_one_that_is_missing_is_refused)
{
	struct session s = session();
	struct sealed f;

	(void)seal(&s.a, 1);
	f = seal(&s.a, 2);
	cr_expect_eq(open_sealed(&s.b, &f), -EACCES);
}

Test(auth, frame_that_is_reflected_is_refused)
{
	struct session s = session();
	struct sealed f = seal(&s.a, 1);

	cr_expect_eq(open_sealed(&s.a, &f), -EACCES);
}

Test(auth, frame_of_another_session_is_refused)
{
	for (int i = 0; i < N_CHANGES; i++) {
		struct fixture f = fixture();
		struct session s = session();
		struct auth_session other;
		struct sealed sealed = seal(&s.a, 1);

		change(&f, i);
		auth_start(f.key, &f.b, &f.a, &other);
		cr_expect_eq(open_sealed(&other, &sealed), -EACCES, "change %d", i);
	}
}

Test(auth, frame_that_is_cut_is_refused)
{
	for (size_t len = 0; len < sizeof(((struct sealed *)0)->body); len++) {
		struct session s = session();
		struct sealed f = seal(&s.a, 1);

		cr_expect_eq(auth_open(&s.b, f.header, f.body, len, f.mac), -EACCES, "%zu bytes",
			     len);
	}
}

Test(auth, frame_with_any_bit_flipped_is_refused)
{
	for (unsigned bit = 0; bit < 8 * sizeof(struct sealed); bit++) {
		struct session s = session();
		struct sealed f = seal(&s.a, 1);
		uint8_t bytes[sizeof(f)];

		(void)memcpy(bytes, &f, sizeof(f));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)memcpy(&f, bytes, sizeof(f));
		cr_expect_eq(open_sealed(&s.b, &f), -EACCES, "bit %u", bit);
	}
}

/* Bytes must not move between header, body and code without being noticed. */
Test(auth, empty_body_is_sealed_too)
{
	struct session s = session();
	uint8_t header[FRAME_HEADER_LEN], mac[FRAME_MAC_LEN];

	frame_put_header(header, FRAME_SELECT, 0);
	auth_seal(&s.a, header, NULL, 0, mac);
	cr_expect_eq(auth_open(&s.b, header, NULL, 0, mac), 0);
	auth_seal(&s.a, header, NULL, 0, mac);
	header[3] = FRAME_PING;
	cr_expect_eq(auth_open(&s.b, header, NULL, 0, mac), -EACCES);
}

#define HEX   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define UPPER "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"

static const struct {
	const char *content;
	int result;
} key_files[] = {
	{HEX, 0},
	{HEX "\n", 0},
	{HEX "\r\n", 0},
	{UPPER "\n", 0},
	{"", -EINVAL},
	{"\n", -EINVAL},
	{"00", -EINVAL},
	{"\n" HEX, -EINVAL},
	{" " HEX, -EINVAL},
	{HEX " ", -EINVAL},
	{HEX "0", -EINVAL},
	{HEX "00\n", -EINVAL},
	{HEX "\n" HEX "\n", -EINVAL},
	{HEX "\n\n\n\n\n\n" HEX, -EINVAL},
	{"0x" HEX, -EINVAL},
	{"00 02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", -EINVAL},
	{"00:02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", -EINVAL},
	{"g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", -EINVAL},
	{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", -EINVAL},
	{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", -EINVAL},
};

static void write_key_file(const char *path, const char *content, size_t len)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0, "%s: %m", path);
	cr_assert_eq(write(fd, content, len), (ssize_t)len);
}

static void temporary(char ret_dir[static 64])
{
	(void)snprintf(ret_dir, 64, "/tmp/boxer-auth-test-XXXXXX");
	cr_assert(mkdtemp(ret_dir), "%m");
}

/* A result that stays as it was on failure, and words on failure. */
static int read_key(const char *path, const uint8_t *expected)
{
	uint8_t key[AUTH_KEY_LEN];
	struct error err = {0};
	int r;

	(void)memset(key, 0xa5, sizeof(key));
	r = auth_read_key(path, key, &err);
	if (r == 0) {
		cr_expect_arr_eq(key, expected, sizeof(key));
		return 0;
	}
	for (size_t i = 0; i < sizeof(key); i++)
		cr_expect_eq(key[i], 0xa5, "the key was changed");
	cr_expect_eq(err.code, -r);
	cr_expect(strstr(err.text, path), "'%s' does not name %s", err.text, path);
	return r;
}

Test(auth, key_file_holds_64_hexadecimal_digits)
{
	struct fixture f = fixture();
	char dir[64], path[96];

	temporary(dir);
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	for (size_t i = 0; i < ARRAY_SIZE(key_files); i++) {
		write_key_file(path, key_files[i].content, strlen(key_files[i].content));
		cr_expect_eq(read_key(path, f.key), key_files[i].result, "row %zu", i);
	}
	write_key_file(path, HEX "\0", 2 * AUTH_KEY_LEN + 1);
	cr_expect_eq(read_key(path, f.key), -EINVAL, "a NUL at its end");
	(void)unlink(path);
	(void)rmdir(dir);
}

Test(auth, key_file_that_cannot_be_read_is_said_to_be_so)
{
	char dir[64], path[96];

	temporary(dir);
	(void)snprintf(path, sizeof(path), "%s/key", dir);
	cr_expect_eq(read_key(path, NULL), -ENOENT, "missing");
	cr_expect_eq(read_key(dir, NULL), -EISDIR, "a directory");
	write_key_file(path, HEX, 2 * AUTH_KEY_LEN);
	(void)chmod(path, 0);
	if (geteuid() != 0)
		cr_expect_eq(read_key(path, NULL), -EACCES, "not ours to read");
	(void)unlink(path);
	(void)rmdir(dir);
}
