/* SPDX-License-Identifier: MIT */
#include "tests/boxer/frame_samples.h"

#include "base/cleanup.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CODEC(x, number, takes_all)                                                        \
	static int encode_##x(const union message *m, uint8_t *out, size_t size)           \
	{                                                                                  \
		return frame_encode_##x(&m->x, out, size);                                 \
	}                                                                                  \
	static int decode_##x(const uint8_t *body, size_t len, union message *ret_message) \
	{                                                                                  \
		return frame_decode_##x(body, len, &ret_message->x);                       \
	}                                                                                  \
	static const struct frame_codec x = {number, encode_##x, decode_##x, takes_all}

CODEC(hello, FRAME_HELLO, false);
CODEC(observe, FRAME_OBSERVE, false);
CODEC(observed, FRAME_OBSERVED, false);
CODEC(relay, FRAME_RELAY, false);
CODEC(join, FRAME_JOIN, false);
CODEC(joined, FRAME_JOINED, false);
CODEC(member, FRAME_MEMBER, false);
CODEC(gone, FRAME_GONE, false);
CODEC(probe, FRAME_PROBE, false);
CODEC(barrier, FRAME_BARRIER, false);
CODEC(released, FRAME_RELEASED, false);
CODEC(via, FRAME_VIA, true);
CODEC(punch, FRAME_PUNCH, false);
CODEC(punched, FRAME_PUNCHED, false);
CODEC(done, FRAME_DONE, false);

static int encode_reason(const union message *m, uint8_t *out, size_t size)
{
	return frame_encode_reason(m->reason, out, size);
}

static int decode_reason(const uint8_t *body, size_t len, union message *ret_message)
{
	return frame_decode_reason(body, len, &ret_message->reason);
}

static const struct frame_codec reason = {FRAME_REJECT, encode_reason, decode_reason, false};

#define V4(a, b, c, d, p)                                                      \
	{                                                                      \
		.family = AF_INET, .port = (p), .bytes = {(a), (b), (c), (d) } \
	}
#define V6(p, last)                                                                              \
	{                                                                                        \
		.family = AF_INET6, .port = (p), .bytes = { 0x20, 1, 0x0d, 0xb8, [15] = (last) } \
	}
#define V6_MAX                                                \
	{                                                     \
		.family = AF_INET6, .port = 65535, .bytes = { \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255,                                  \
			255                                   \
		}                                             \
	}
#define ALL16                                                                                  \
	{                                                                                      \
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 \
	}
/* 16 bytes that count from @x */
#define RUN16(x)                                                                             \
	{                                                                                    \
		(x), (x) + 1, (x) + 2, (x) + 3, (x) + 4, (x) + 5, (x) + 6, (x) + 7, (x) + 8, \
			(x) + 9, (x) + 10, (x) + 11, (x) + 12, (x) + 13, (x) + 14, (x) + 15  \
	}
#define NAME63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define HEX_10		"101112131415161718191a1b1c1d1e1f "
#define HEX_20		"202122232425262728292a2b2c2d2e2f "
#define HEX_30		"303132333435363738393a3b3c3d3e3f "
#define HEX_ALL16	"ffffffffffffffffffffffffffffffff "
#define HEX_ZERO16	"00000000000000000000000000000000 "
#define HEX_V6(p, last) "06 " p " 20010db80000000000000000000000" last " "
#define HEX_V6_MAX	"06 ffff " HEX_ALL16
#define HEX_9A		"616161616161616161"
#define HEX_NAME63	"3f " HEX_9A HEX_9A HEX_9A HEX_9A HEX_9A HEX_9A HEX_9A " "

const struct frame_sample frame_samples[] = {
	{
		"hello",
		&hello,
		{.hello = {.from = 7,
			   .to = FRAME_ID_SEED,
			   .nonce = {[0] = 0xa0, [1] = 0xa1, [31] = 0xbf}}},
		"00000007 ffffffff a0a10000000000000000000000000000 000000000000000000000000000000bf",
	},
	{
		"hello of a node that has no id",
		&hello,
		{.hello = {.from = FRAME_ID_JOINING, .to = 0x01020304}},
		"fffffffe 01020304" HEX_ZERO16 HEX_ZERO16,
	},
	{
		"observe",
		&observe,
		{.observe = {RUN16(0x10), RUN16(0x20), RUN16(0x30)}},
		HEX_10 HEX_20 HEX_30,
	},
	{
		"observed",
		&observed,
		{.observed = {V4(203, 0, 113, 9, 61000), RUN16(0x30)}},
		"04 ee48 cb007109" HEX_30,
	},
	{
		"observed by IPv6",
		&observed,
		{.observed = {V6_MAX, ALL16}},
		HEX_V6_MAX HEX_ALL16,
	},
	{
		"relay",
		&relay,
		{.relay = {RUN16(0x10), 0x01020304, 0xfffffffd, RUN16(0x20)}},
		HEX_10 "01020304 fffffffd" HEX_20,
	},
	{
		"join",
		&join,
		{.join = {.name = "fn-0",
			  .role = "reduce",
			  .inside = V4(10, 0, 0, 2, 0x1f90),
			  .token = RUN16(0x10),
			  .claim = FRAME_ID_JOINING,
			  .flags = FRAME_FLAG_VISIT}},
		"04 666e2d30 06 726564756365 04 1f90 0a000002" HEX_10 "fffffffe 01",
	},
	{
		"join without a role, by IPv6, of one that comes back",
		&join,
		{.join = {.name = "a",
			  .inside = V6(80, 1),
			  .token = ALL16,
			  .claim = 7,
			  .flags = FRAME_FLAG_RELAY}},
		"01 61 00" HEX_V6("0050", "01") HEX_ALL16 "00000007 02",
	},
	{
		"join with the longest fields",
		&join,
		{.join = {.name = NAME63,
			  .role = NAME63,
			  .inside = V6_MAX,
			  .token = ALL16,
			  .claim = 0xffffffff,
			  .flags = 0xff}},
		HEX_NAME63 HEX_NAME63 HEX_V6_MAX HEX_ALL16 "ffffffff ff",
	},
	{
		"joined",
		&joined,
		{.joined = {.id = 0x00010203,
			    .overlay = V4(198, 19, 2, 4, 0),
			    .observed = V4(203, 0, 113, 9, 65535),
			    .observers = {V4(192, 0, 2, 1, 7000), V4(192, 0, 2, 1, 7001)},
			    .n_observers = 2,
			    .flags = FRAME_FLAG_RELAY}},
		"00010203 04 0000 c6130204 04 ffff cb007109"
		"02 04 1b58 c0000201 04 1b59 c0000201 02",
	},
	{
		"joined without observers",
		&joined,
		{.joined = {.id = 0}},
		"00000000 00 00 00 00",
	},
	{
		"joined with the longest fields",
		&joined,
		{.joined = {.id = 0xffffffff,
			    .overlay = V6_MAX,
			    .observed = V6_MAX,
			    .observers = {V6_MAX, V6_MAX, V6_MAX, V6_MAX},
			    .n_observers = 4,
			    .flags = 0xff}},
		"ffffffff" HEX_V6_MAX HEX_V6_MAX "04" HEX_V6_MAX HEX_V6_MAX HEX_V6_MAX HEX_V6_MAX
		"ff",
	},
	{
		"member",
		&member,
		{.member = {.version = 0x0102030405060708,
			    .id = 9,
			    .name = "bob",
			    .role = "map",
			    .overlay = V4(198, 18, 0, 10, 0),
			    .external = V4(203, 0, 113, 9, 4000),
			    .inside = V4(10, 0, 0, 2, 4001),
			    .profile = {.mapping = PROFILE_MAPPING_APDM,
					.ports = PROFILE_PORTS_SEQUENTIAL,
					.filtering = PROFILE_FILTERING_APDF,
					.refusal = PROFILE_REFUSAL_REFUSES,
					.step = -2},
			    .flags = FRAME_FLAG_RELAY}},
		"0102030405060708 00000009 03 626f62 03 6d6170"
		"04 0000 c612000a 04 0fa0 cb007109 04 0fa1 0a000002 04 02 03 02 fffe 02",
	},
	{
		"member of which nothing is known",
		&member,
		{.member = {.version = 1, .id = 0, .name = "b"}},
		"0000000000000001 00000000 01 62 00 00 00 00 00 00 00 00 0000 00",
	},
	{
		"member with the longest fields",
		&member,
		{.member = {.version = 0xffffffffffffffff,
			    .id = 0xffffffff,
			    .name = NAME63,
			    .role = NAME63,
			    .overlay = V6_MAX,
			    .external = V6_MAX,
			    .inside = V6_MAX,
			    .profile = {.mapping = PROFILE_MAPPING_NOT_APDM,
					.ports = PROFILE_PORTS_CHANGED,
					.filtering = PROFILE_FILTERING_NOT_APDF,
					.refusal = PROFILE_REFUSAL_REFUSES,
					.step = INT16_MAX},
			    .flags = 0xff}},
		"ffffffffffffffff ffffffff" HEX_NAME63 HEX_NAME63 HEX_V6_MAX HEX_V6_MAX HEX_V6_MAX
		"05 03 04 02 7fff ff",
	},
	{
		"gone",
		&gone,
		{.gone = {.version = 0x0102030405060708, .id = 9, .reason = 16}},
		"0102030405060708 00000009 0010",
	},
	{"probe", &probe, {.probe = {.port = 61000}}, "ee48"},
	{
		"barrier",
		&barrier,
		{.barrier = {.request = 0x01020304, .count = 64, .name = "start"}},
		"01020304 00000040 05 7374617274",
	},
	{
		"barrier with the longest fields",
		&barrier,
		{.barrier = {.request = 0xffffffff, .count = 0xffffffff, .name = NAME63}},
		"ffffffff ffffffff" HEX_NAME63,
	},
	{
		"released",
		&released,
		{.released = {.request = 0x01020304, .reason = 0x0a0b}},
		"01020304 0a0b",
	},
	{
		"via",
		&via,
		{.via = {.id = 9,
			 .type = FRAME_DONE,
			 .body = (const uint8_t *)"\1\2\3\4\0\26",
			 .len = 6}},
		"00000009 33 01020304 0016",
	},
	{
		"via without a body",
		&via,
		{.via = {.id = 0xffffffff, .type = FRAME_INTRODUCE}},
		"ffffffff 34",
	},
	{
		"punch",
		&punch,
		{.punch = {.request = 0x01020304,
			   .strategy = 2,
			   .port = 8080,
			   .source = V4(203, 0, 113, 9, 20000),
			   .step = 1,
			   .spread = 16,
			   .token = RUN16(0x10)}},
		"01020304 02 1f90 04 4e20 cb007109 0001 0010" HEX_10,
	},
	{
		"punch with the longest fields",
		&punch,
		{.punch = {.request = 0xffffffff,
			   .strategy = 0xff,
			   .port = 0xffff,
			   .source = V6_MAX,
			   .step = INT16_MIN,
			   .spread = 0xffff,
			   .token = ALL16}},
		"ffffffff ff ffff" HEX_V6_MAX "8000 ffff" HEX_ALL16,
	},
	{
		"punched",
		&punched,
		{.punched = {.request = 0x01020304,
			     .reason = 0,
			     .target = V4(203, 0, 113, 9, 80),
			     .step = -1,
			     .spread = 3}},
		"01020304 0000 04 0050 cb007109 ffff 0003",
	},
	{
		"punched, refused",
		&punched,
		{.punched = {.request = 1, .reason = 11}},
		"00000001 000b 00 0000 0000",
	},
	{"done", &done, {.done = {.request = 0x01020304, .reason = 22}}, "01020304 0016"},
	{"reason", &reason, {.reason = 0x0a0b}, "0a0b"},
};

const size_t frame_samples_count = ARRAY_SIZE(frame_samples);

size_t frame_sample_bytes(const struct frame_sample *s, uint8_t ret_bytes[static SAMPLE_MAX])
{
	const char *end;
	size_t len;

	if (sodium_hex2bin(ret_bytes, SAMPLE_MAX, s->hex, strlen(s->hex), " ", &len, &end) != 0 ||
	    *end)
		abort();
	return len;
}
