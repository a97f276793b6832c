/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages come back as they went, and nothing else is taken for one. */
#include "scenarios/natprobe/wire.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static const struct wire_msg dial = {
	.kind = WIRE_DIAL,
	.spot = SPOT_SILENT,
	.outcome = WIRE_TIMEOUT,
	.token = 0x01020304,
	.wait_ms = 0x05060708,
	.port = 0x090a,
	.addr = {.family = AF_INET, .port = 0x0b0c, .bytes = {192, 0, 2, 1}},
};
static const uint8_t golden[WIRE_LEN] = {'n', 'p', 'r', 1, 2, 4,  5,	4,    1,   2, 3, 4,
					 5,   6,   7,	8, 9, 10, 0x0b, 0x0c, 192, 0, 2, 1};

Test(natprobe_wire, a_message_is_written_as_it_always_was)
{
	uint8_t buf[WIRE_LEN];

	wire_encode(&dial, buf);
	cr_assert_arr_eq(buf, golden, WIRE_LEN);
}

Test(natprobe_wire, a_message_comes_back_as_it_went)
{
	struct wire_msg in = dial, out;
	uint8_t buf[WIRE_ASK_LEN] = {0};

	wire_encode(&in, buf);
	cr_assert_eq(wire_decode(buf, sizeof(buf), &out), 0);
	cr_assert_eq(out.kind, in.kind);
	cr_assert_eq(out.spot, in.spot);
	cr_assert_eq(out.outcome, in.outcome);
	cr_assert_eq(out.token, in.token);
	cr_assert_eq(out.wait_ms, in.wait_ms);
	cr_assert_eq(out.port, in.port);
	cr_assert(addr_equal(&out.addr, &in.addr));
	cr_assert_eq(addr_parse("[2001:db8::1]:9", &in.addr), 0);
	wire_encode(&in, buf);
	cr_assert_eq(wire_decode(buf, sizeof(buf), &out), 0);
	cr_assert(addr_equal(&out.addr, &in.addr));
}

Test(natprobe_wire, what_is_too_short_is_refused)
{
	struct wire_msg out;

	for (size_t n = 0; n < WIRE_LEN; n++)
		cr_assert_eq(wire_decode(golden, n, &out), -EMSGSIZE);
}

Test(natprobe_wire, what_is_out_of_range_is_refused)
{
	static const struct {
		size_t at;
		uint8_t value;
	} wrong[] = {{0, 'x'},		 {3, 2}, {4, 0},   {4, WIRE_KINDS}, {5, SPOT_COUNT},
		     {6, WIRE_OUTCOMES}, {7, 5}, {4, 255}, {5, 255},	    {6, 255}};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct wire_msg out = {.token = 42};
		uint8_t buf[WIRE_LEN];

		(void)memcpy(buf, golden, sizeof(buf));
		buf[wrong[i].at] = wrong[i].value;
		cr_assert_eq(wire_decode(buf, sizeof(buf), &out), -EPROTO, "byte %zu", wrong[i].at);
		cr_assert_eq(out.token, 42, "what is refused must leave no trace");
	}
}

Test(natprobe_wire, a_question_is_no_shorter_than_what_it_causes)
{
	/* A knock and an answer, each with its headers: Ethernet, IPv4 or IPv6, UDP. */
	cr_assert_geq(WIRE_ASK_LEN + 14 + 20 + 8, 2 * (WIRE_LEN + 14 + 20 + 8));
	cr_assert_geq(WIRE_ASK_LEN + 14 + 40 + 8, 2 * (WIRE_LEN + 14 + 40 + 8));
}
