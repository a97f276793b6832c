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
	0xd1, 0x8e, 0xb5, 0x3f, 0x79, 0x98, 0x8e, 0xf2, 0x83, 0x6a, 0x4b,
	0xdb, 0xf1, 0xc2, 0xb1, 0xa2, 0xc4, 0x15, 0x69, 0xe8, 0xcc, 0x7f,
	0x33, 0xcf, 0x8a, 0xe3, 0xa5, 0xfe, 0xd9, 0x79, 0x9b, 0x58,
};
static const uint8_t proof_of_b[FRAME_PROOF_LEN] = {
	0xbf, 0xbf, 0xca, 0x87, 0x8d, 0x59, 0x97, 0x63, 0xe6, 0xc0, 0x25,
	0xac, 0x55, 0xc3, 0x67, 0xe4, 0x3e, 0x41, 0x10, 0x19, 0x7b, 0x0b,
	0x7e, 0x8b, 0xdc, 0xe8, 0x3c, 0xc6, 0x7a, 0x15, 0xed, 0x9d,
};
/* of a PING with the body "abc", as A's first and second frame */
static const uint8_t ping_header[FRAME_HEADER_LEN] = {0x42, 0x78, 2, FRAME_PING, 0, 0, 0, 3};
static const uint8_t first_code[FRAME_MAC_LEN] = {
	0xc5, 0xb0, 0x28, 0x94, 0x09, 0xaf, 0x87, 0x37,
	0x70, 0x8c, 0xb7, 0xbb, 0x79, 0xd8, 0x32, 0xa9,
};
static const uint8_t second_code[FRAME_MAC_LEN] = {
	0x22, 0xaa, 0x91, 0xe1, 0x65, 0x2a, 0x09, 0x51,
	0xeb, 0xf7, 0x88, 0xa4, 0xf5, 0xd9, 0x73, 0x84,
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

#define SIXTEEN(x) x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x

/* What is said outside of sessions: the bytes that docs/protocol.md puts under its code. */
static const struct {
	const char *label;
	size_t len;
	uint8_t bytes[32];
	uint8_t code[FRAME_CODE_LEN]; /* by Python's hashlib, too */
} codes[] = {
	/* token and nonce */
	{AUTH_LABEL_OBSERVE,
	 32,
	 {SIXTEEN(0x33), SIXTEEN(0x44)},
	 {0x4a, 0xcc, 0x78, 0xb8, 0x42, 0x11, 0x7f, 0xb9, 0xe4, 0x18, 0xc3, 0x08, 0xbc, 0x63, 0xf0,
	  0x18}},
	/* nonce, and 203.0.113.9:8080 */
	{AUTH_LABEL_OBSERVED,
	 23,
	 {SIXTEEN(0x44), 4, 0x1f, 0x90, 203, 0, 113, 9},
	 {0xbe, 0x24, 0xf4, 0x06, 0x81, 0xe6, 0x15, 0x76, 0x97, 0x9c, 0xa7, 0x78, 0x59, 0x16, 0x85,
	  0x7b}},
	/* token, from and to */
	{AUTH_LABEL_RELAY,
	 24,
	 {SIXTEEN(0x55), 0, 0, 0, 7, 0, 0, 0, 9},
	 {0x18, 0xd4, 0xb5, 0x8b, 0x2d, 0x55, 0xb6, 0x95, 0xdc, 0x69, 0xba, 0xd0, 0x8e, 0x81, 0x86,
	  0x69}},
};

Test(auth, code_of_what_is_said_once_is_that_of_the_protocol)
{
	struct fixture f = fixture();

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		uint8_t code[FRAME_CODE_LEN];

		auth_code(f.key, codes[i].label, codes[i].bytes, codes[i].len, code);
		cr_expect_arr_eq(code, codes[i].code, sizeof(code), "row %zu", i);
		cr_expect_eq(auth_code_check(f.key, codes[i].label, codes[i].bytes, codes[i].len,
					     codes[i].code),
			     0, "row %zu", i);
	}
}

/* A label that were shorter would be read beyond its end. */
Test(auth, labels_are_of_one_length_and_differ)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		cr_expect_eq(strlen(codes[i].label), AUTH_LABEL_LEN, "row %zu", i);
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(codes[i].label, codes[j].label);
	}
}

Test(auth, code_said_for_one_thing_is_refused_for_another)
{
	struct fixture f = fixture();

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(codes); j++)
			cr_expect_eq(auth_code_check(f.key, codes[j].label, codes[i].bytes,
						     codes[i].len, codes[i].code),
				     i == j ? 0 : -EACCES, "%zu as %zu", i, j);
}

Test(auth, code_depends_on_the_key_and_on_every_bit)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		for (unsigned bit = 0; bit < 8 * codes[i].len; bit++) {
			struct fixture f = fixture();
			uint8_t bytes[32], code[FRAME_CODE_LEN];
			size_t len = codes[i].len;

			(void)memcpy(bytes, codes[i].bytes, sizeof(bytes));
			(void)memcpy(code, codes[i].code, sizeof(code));
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			cr_expect_eq(auth_code_check(f.key, codes[i].label, bytes, len, code),
				     -EACCES, "row %zu, bit %u", i, bit);
			bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
			code[bit / 8 % FRAME_CODE_LEN] ^= (uint8_t)(1u << bit % 8);
			cr_expect_eq(auth_code_check(f.key, codes[i].label, bytes, len, code),
				     -EACCES, "row %zu, code's bit %u", i, bit);
			f.key[bit / 8] ^= 1;
			cr_expect_eq(
				auth_code_check(f.key, codes[i].label, bytes, len, codes[i].code),
				-EACCES, "row %zu, key's byte %u", i, bit / 8);
		}
}

Test(auth, code_of_bytes_that_are_cut_is_refused)
{
	struct fixture f = fixture();

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		for (size_t len = 0; len < codes[i].len; len++)
			cr_expect_eq(auth_code_check(f.key, codes[i].label, codes[i].bytes, len,
						     codes[i].code),
				     -EACCES, "row %zu, %zu bytes", i, len);
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
