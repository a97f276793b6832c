/* SPDX-License-Identifier: MIT */
/* Fields of frames: which values of each kind are taken, and the numbers of the protocol. */
#include "base/cleanup.h"
#include "boxer/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

/* token, claim and flags of a JOIN */
#define JOIN_TAIL (FRAME_TOKEN_LEN + 4 + 1)

/* A JOIN with that name and role, both as bytes, and no address inside. */
static int decode_join(const char *name, size_t name_len, const char *role, size_t role_len,
		       struct frame_join *ret)
{
	uint8_t body[2 + 512 + 1 + JOIN_TAIL] = {0}, *at = body;

	*at++ = (uint8_t)name_len;
	(void)memcpy(at, name, name_len);
	at += name_len;
	*at++ = (uint8_t)role_len;
	(void)memcpy(at, role, role_len);
	at += role_len + 1 + JOIN_TAIL;
	return frame_decode_join(body, (size_t)(at - body), ret);
}

static const struct {
	const char *name;
	bool valid;
} names[] = {
	{"", false},
	{"a", true},
	{"0", true},
	{"Fn-0", true},
	{"a-b", true},
	{"a--b", true},
	{"-", false},
	{"-a", false},
	{"a-", false},
	{"a.b", false},
	{"a_b", false},
	{"a b", false},
	{"a/b", false},
	{"a\nb", false},
	{"a\tb", false},
	{"\xc3\xa4", false},
	{"\x7f", false},
	{"012345678901234567890123456789012345678901234567890123456789012", true},
	{"0123456789012345678901234567890123456789012345678901234567890123", false},
	{"01234567890123456789012345678901234567890123456789012345678901-", false},
};

Test(frame_field, name_is_a_dns_label_and_a_role_may_be_empty)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = names[i].name;
		bool empty = *name == 0;
		struct frame_join join;

		cr_expect_eq(frame_name_valid(name), names[i].valid, "'%s'", name);
		cr_expect_eq(decode_join(name, strlen(name), "", 0, &join),
			     names[i].valid ? 0 : -EBADMSG, "'%s'", name);
		if (names[i].valid)
			cr_expect(strcmp(join.name, name) == 0 && *join.role == 0, "'%s'", name);
		cr_expect_eq(decode_join("a", 1, name, strlen(name), &join),
			     names[i].valid || empty ? 0 : -EBADMSG, "role '%s'", name);
		if (names[i].valid || empty)
			cr_expect_str_eq(join.role, name);
	}
}

Test(frame_field, name_with_a_nul_inside_is_refused)
{
	struct frame_join join;

	cr_expect_eq(decode_join("a\0b", 3, "", 0, &join), -EBADMSG);
	cr_expect_eq(decode_join("a\0", 2, "", 0, &join), -EBADMSG);
	cr_expect_eq(decode_join("\0", 1, "", 0, &join), -EBADMSG);
	cr_expect_eq(decode_join("a", 1, "a\0b", 3, &join), -EBADMSG);
	cr_expect_eq(decode_join("a", 1, "\0", 1, &join), -EBADMSG);
	cr_expect_eq(decode_join("a", 1, "a", 1, &join), 0);
}

Test(frame_field, name_of_every_length_byte_is_judged_by_it)
{
	char name[256];
	struct frame_join join;

	(void)memset(name, 'a', sizeof(name));
	for (size_t len = 0; len < 256; len++) {
		cr_expect_eq(decode_join(name, len, "", 0, &join),
			     len >= 1 && len <= FRAME_NAME_MAX ? 0 : -EBADMSG, "%zu", len);
		cr_expect_eq(decode_join("a", 1, name, len, &join),
			     len <= FRAME_NAME_MAX ? 0 : -EBADMSG, "role, %zu", len);
	}
}

Test(frame_field, name_that_is_too_long_is_not_written)
{
	struct frame_join join = {0};
	uint8_t out[256];
	struct frame_writer w = {.at = out, .end = out + sizeof(out)};
	char longer[FRAME_NAME_MAX + 2] = {0};

	(void)memset(longer, 'a', FRAME_NAME_MAX + 1);
	frame_put_name(&w, longer);
	cr_expect(w.failed);
	(void)memset(join.name, 'a', FRAME_NAME_MAX);
	cr_expect_eq(frame_encode_join(&join, out, sizeof(out)),
		     1 + FRAME_NAME_MAX + 1 + 1 + JOIN_TAIL);
}

Test(frame_field, address_is_of_one_of_three_families)
{
	for (unsigned family = 0; family < 256; family++) {
		/* id, overlay, and nothing observed, no observers, no flags */
		uint8_t body[4 + 19 + 3] = {[4] = (uint8_t)family, [5] = 0x12, [6] = 0x34, 1, 2};
		size_t address = family == 4 ? 7 : family == 6 ? 19 : 1;
		bool known = family == 0 || family == 4 || family == 6;
		struct frame_joined joined;

		(void)memset(body + 4 + address, 0, 3);
		cr_assert_eq(frame_decode_joined(body, 4 + address + 3, &joined),
			     known ? 0 : -EBADMSG, "family %u", family);
		if (family != 0 && known) {
			cr_expect_eq(joined.overlay.family, family == 4 ? AF_INET : AF_INET6);
			cr_expect_eq(joined.overlay.port, 0x1234);
			cr_expect_eq(joined.overlay.bytes[1], 2);
		} else if (known) {
			cr_expect(addr_is_any(&joined.overlay));
		}
		if (known)
			cr_expect_eq(joined.observed.family, AF_UNSPEC);
	}
}

Test(frame_field, observers_are_no_more_than_there_is_room_for)
{
	for (unsigned n = 0; n < 256; n++) {
		/* id, no overlay, none observed, n times "none", flags */
		uint8_t body[4 + 1 + 1 + 1 + 255 + 1] = {[6] = (uint8_t)n};
		struct frame_joined joined = {.id = 99, .n_observers = 98};
		int r = frame_decode_joined(body, 7 + n + 1, &joined);

		cr_expect_eq(r, n <= FRAME_OBSERVERS ? 0 : -EBADMSG, "%u", n);
		cr_expect_eq(joined.n_observers, r == 0 ? n : 98, "%u", n);
		if (n > 0)
			cr_expect_eq(frame_decode_joined(body, 7 + n, &joined), -EBADMSG,
				     "%u, one missing", n);
	}
}

Test(frame_field, observers_beyond_the_room_are_not_written)
{
	struct frame_joined joined = {.n_observers = FRAME_OBSERVERS + 1};
	uint8_t out[256];

	cr_expect_eq(frame_encode_joined(&joined, out, sizeof(out)), -EMSGSIZE);
	joined.n_observers = SIZE_MAX;
	cr_expect_eq(frame_encode_joined(&joined, out, sizeof(out)), -EMSGSIZE);
	joined.n_observers = FRAME_OBSERVERS;
	cr_expect_eq(frame_encode_joined(&joined, out, sizeof(out)), 7 + FRAME_OBSERVERS + 1);
}

/* The profile in a MEMBER's body that ends with it, from its end. */
static const struct {
	const char *name;
	size_t from_end;
	unsigned count;
} enums[] = {
	{"mapping", 7, PROFILE_MAPPING_COUNT},
	{"ports", 6, PROFILE_PORTS_COUNT},
	{"filtering", 5, PROFILE_FILTERING_COUNT},
	{"refusal", 4, PROFILE_REFUSAL_COUNT},
};

Test(frame_field, of_a_profile_is_one_of_its_words)
{
	static const struct frame_member plain = {.name = "a", .version = 1};

	for (size_t i = 0; i < ARRAY_SIZE(enums); i++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t body[64];
			int len = frame_encode_member(&plain, body, sizeof(body)), r;
			struct frame_member m = {.version = 99};

			cr_assert_gt(len, 0);
			body[(size_t)len - enums[i].from_end] = (uint8_t)value;
			r = frame_decode_member(body, (size_t)len, &m);
			cr_expect_eq(r, value < enums[i].count ? 0 : -EBADMSG, "%s %u",
				     enums[i].name, value);
			cr_expect_eq(m.version, r == 0 ? 1 : 99, "%s %u", enums[i].name, value);
		}
}

Test(frame_field, signed_ones_keep_their_sign)
{
	static const int16_t steps[] = {0, 1, -1, INT16_MAX, INT16_MIN};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct frame_punch punch = {.step = steps[i]}, ret_punch;
		struct frame_member m = {.name = "a", .profile.step = steps[i]}, ret_member;
		uint8_t body[64];
		int len = frame_encode_punch(&punch, body, sizeof(body));

		cr_assert_eq(frame_decode_punch(body, (size_t)len, &ret_punch), 0);
		cr_expect_eq(ret_punch.step, steps[i]);
		len = frame_encode_member(&m, body, sizeof(body));
		cr_assert_eq(frame_decode_member(body, (size_t)len, &ret_member), 0);
		cr_expect_eq(ret_member.profile.step, steps[i]);
	}
}

#define VIA_HEAD (4 + 1)

Test(frame_field, body_of_a_via_is_all_that_is_left_and_lies_where_it_was)
{
	static uint8_t inner[FRAME_BODY_MAX], body[FRAME_BODY_MAX];
	static const size_t lens[] = {0, 1, 100, FRAME_BODY_MAX - VIA_HEAD};

	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		struct frame_via via = {.id = 7, .type = FRAME_PUNCH, .body = inner}, ret;

		(void)memset(inner, (int)i + 1, sizeof(inner));
		via.len = lens[i];
		cr_assert_eq(frame_encode_via(&via, body, sizeof(body)), (int)(VIA_HEAD + lens[i]));
		cr_assert_eq(frame_decode_via(body, VIA_HEAD + lens[i], &ret), 0);
		cr_expect(ret.id == 7 && ret.type == FRAME_PUNCH && ret.len == lens[i]);
		cr_expect_eq(ret.body, body + VIA_HEAD);
		cr_expect_eq(memcmp(ret.body, inner, lens[i]), 0);
	}
}

Test(frame_field, body_of_a_via_that_makes_no_frame_is_not_written)
{
	static uint8_t inner[FRAME_BODY_MAX], body[FRAME_BODY_MAX];
	struct frame_via via = {.body = inner};

	for (via.len = FRAME_BODY_MAX - VIA_HEAD + 1; via.len <= FRAME_BODY_MAX; via.len++)
		cr_expect_eq(frame_encode_via(&via, body, sizeof(body)), -EMSGSIZE, "%zu", via.len);
	via.len = SIZE_MAX;
	cr_expect_eq(frame_encode_via(&via, body, sizeof(body)), -EMSGSIZE);
}

static const struct {
	unsigned number, expected;
} numbers[] = {
	{FRAME_HELLO, 1},
	{FRAME_PROOF, 2},
	{FRAME_REFUSE, 3},
	{FRAME_OBSERVE, 4},
	{FRAME_OBSERVED, 5},
	{FRAME_RELAY, 6},
	{FRAME_RELAYED, 7},
	{FRAME_JOIN, 16},
	{FRAME_JOINED, 17},
	{FRAME_REJECT, 18},
	{FRAME_MEMBER, 19},
	{FRAME_GONE, 20},
	{FRAME_LEAVE, 21},
	{FRAME_PROBE, 22},
	{FRAME_BARRIER, 23},
	{FRAME_RELEASED, 24},
	{FRAME_VIA, 25},
	{FRAME_PING, 32},
	{FRAME_PONG, 33},
	{FRAME_SELECT, 48},
	{FRAME_PUNCH, 49},
	{FRAME_PUNCHED, 50},
	{FRAME_DONE, 51},
	{FRAME_INTRODUCE, 52},
	{FRAME_ID_JOINING, 0xfffffffe},
	{FRAME_ID_SEED, 0xffffffff},
	{FRAME_FLAG_VISIT, 1},
	{FRAME_FLAG_RELAY, 2},
	{PROFILE_MAPPING_UNKNOWN, 0},
	{PROFILE_MAPPING_NONE, 1},
	{PROFILE_MAPPING_EIM, 2},
	{PROFILE_MAPPING_ADM, 3},
	{PROFILE_MAPPING_APDM, 4},
	{PROFILE_MAPPING_NOT_APDM, 5},
	{PROFILE_PORTS_UNKNOWN, 0},
	{PROFILE_PORTS_KEPT, 1},
	{PROFILE_PORTS_SEQUENTIAL, 2},
	{PROFILE_PORTS_CHANGED, 3},
	{PROFILE_FILTERING_UNKNOWN, 0},
	{PROFILE_FILTERING_EIF, 1},
	{PROFILE_FILTERING_ADF, 2},
	{PROFILE_FILTERING_APDF, 3},
	{PROFILE_FILTERING_NOT_APDF, 4},
	{PROFILE_REFUSAL_UNKNOWN, 0},
	{PROFILE_REFUSAL_NONE, 1},
	{PROFILE_REFUSAL_REFUSES, 2},
};

Test(frame_field, numbers_are_those_of_the_protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		cr_expect_eq(numbers[i].number, numbers[i].expected, "row %zu", i);
}
