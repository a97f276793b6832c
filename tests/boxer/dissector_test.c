/* SPDX-License-Identifier: MIT */
/* What the dissector for Wireshark makes of connections that a test has written down. */
#include "base/cleanup.h"
#include "tests/base/random.h"
#include "tests/boxer/cluster.h"
#include "tests/boxer/frame_samples.h"
#include "tests/boxer/pcap.h"
#include "tests/boxer/tshark.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define FILE_PATH CLUSTER_DIR "/test.pcap"
#define PIECE_MAX (FRAME_HEADER_LEN + FRAME_BODY_MAX + FRAME_MAC_LEN)

/* Bytes of a connection. */
struct bytes {
	size_t len;
	uint8_t at[4 * PIECE_MAX];
};

static void begin(struct pcap *p)
{
	cluster_prepare();
	tshark_need();
	pcap_open(p, FILE_PATH);
}

static void add(struct bytes *b, const void *bytes, size_t len)
{
	USERNS_CHECK(b->len + len <= sizeof(b->at), "%zu bytes", len);
	(void)memcpy(b->at + b->len, bytes, len);
	b->len += len;
}

/* The dissector holds no key: any code will do. */
static void add_frame(struct bytes *b, uint8_t type, const void *body, size_t len)
{
	static const uint8_t code[FRAME_MAC_LEN] = {0xc0, 0xde};
	uint8_t header[FRAME_HEADER_LEN];

	frame_put_header(header, type, (uint32_t)len);
	add(b, header, sizeof(header));
	if (len > 0)
		add(b, body, len);
	if (type >= FRAME_JOIN)
		add(b, code, sizeof(code));
}

static void add_sample(struct bytes *b, const struct frame_sample *s)
{
	uint8_t body[SAMPLE_MAX];
	size_t len = frame_sample_bytes(s, body);

	add_frame(b, s->codec->type, body, len);
}

static void add_handshake(struct bytes *b)
{
	static const uint8_t zeros[64];

	add_frame(b, FRAME_HELLO, zeros, 8 + FRAME_NONCE_LEN);
	add_frame(b, FRAME_PROOF, zeros, FRAME_PROOF_LEN);
}

/* Return: the first sample that is called so. */
static const struct frame_sample *sample(const char *name)
{
	for (size_t i = 0; i < frame_samples_count; i++)
		if (strcmp(frame_samples[i].name, name) == 0)
			return &frame_samples[i];
	userns_fail(__FILE__, __LINE__, "no sample %s", name);
}

static void check_fields(const char *got, const char *expected)
{
	USERNS_CHECK(strcmp(got, expected) == 0, "\ngot      %s\nexpected %s", got, expected);
}

static void check_nothing_wrong(const char *filter)
{
	const char *text = tshark_fields(FILE_PATH, filter, "frame.number", "boxer.type",
					 "_ws.expert.message", NULL);

	USERNS_CHECK(*text == '\0', "%s", text);
}

CLUSTER_TEST(dissector, knows_every_kind_of_frame)
{
	char expected[4096] = "";
	struct pcap p;

	begin(&p);
	for (size_t i = 0; i < frame_samples_count; i++) {
		const struct frame_sample *s = &frame_samples[i];
		struct bytes b = {0};
		struct pcap_flow f;
		size_t used = strlen(expected);

		pcap_flow_begin(&f, &p, (uint16_t)(1024 + i));
		if (s->codec->type >= FRAME_JOIN)
			add_handshake(&b);
		add_sample(&b, s);
		pcap_flow_say(&f, 0, b.at, b.len);
		(void)snprintf(expected + used, sizeof(expected) - used, "%s%u\n",
			       s->codec->type >= FRAME_JOIN ? "1,2," : "", s->codec->type);
	}
	pcap_close(&p);
	check_fields(tshark_fields(FILE_PATH, "boxer", "boxer.type", NULL), expected);
	check_nothing_wrong(TSHARK_MALFORMED " or " TSHARK_UNDECODED " or " TSHARK_OUT_OF_STEP
					     " or " TSHARK_LUA_ERROR);
}

CLUSTER_TEST(dissector, knows_the_fields)
{
	struct bytes b = {0};
	struct pcap_flow f;
	struct pcap p;

	begin(&p);
	pcap_flow_begin_in_the_middle(&f, &p, 1024);
	add_sample(&b, sample("member"));
	pcap_flow_say(&f, 0, b.at, b.len);
	b.len = 0;
	add_sample(&b, sample("join"));
	pcap_flow_say(&f, 0, b.at, b.len);
	b.len = 0;
	add_sample(&b, sample("joined"));
	pcap_flow_say(&f, 0, b.at, b.len);
	b.len = 0;
	add_sample(&b, sample("punched, refused"));
	add_sample(&b, sample("via"));
	pcap_flow_say(&f, 0, b.at, b.len);
	pcap_close(&p);
	check_fields(
		tshark_fields(FILE_PATH, "boxer.type == 19", "boxer.membership", "boxer.id",
			      "boxer.name", "boxer.role", "boxer.overlay", "boxer.external",
			      "boxer.inside", "boxer.mapping", "boxer.ports", "boxer.filtering",
			      "boxer.refusal", "boxer.step", "boxer.flags.visit",
			      "boxer.flags.relay", "boxer.addr.port", NULL),
		"72623859790382856\t9\tbob\tmap\t198.18.0.10:0\t203.0.113.9:4000\t10.0.0.2:4001"
		"\t4\t2\t3\t2\t-2\t0\t1\t0,4000,4001\n");
	check_fields(tshark_fields(FILE_PATH, "boxer.type == 16", "boxer.name", "boxer.claim",
				   "boxer.token", "boxer.mac", "_ws.col.Info", NULL),
		     "fn-0\t4294967294\t101112131415161718191a1b1c1d1e1f\t"
		     "c0de0000000000000000000000000000\tJOIN fn-0\n");
	check_fields(tshark_fields(FILE_PATH, "boxer.type == 17", "boxer.observed",
				   "boxer.observers", "boxer.observer", NULL),
		     "203.0.113.9:65535\t2\t192.0.2.1:7000,192.0.2.1:7001\n");
	check_fields(tshark_fields(FILE_PATH, "boxer.type == 50", "boxer.type", "boxer.via.type",
				   "boxer.reason", "_ws.col.Info", NULL),
		     "50,25\t51\t11,22\t"
		     "PUNCHED #1 refused to none, VIA 9 DONE #16909060 not-found\n");
	check_nothing_wrong(TSHARK_MALFORMED " or " TSHARK_LUA_ERROR);
}

CLUSTER_TEST(dissector, puts_frames_together_from_segments_of_any_size)
{
	static const size_t sizes[] = {8, 9, 31, 64, 1000};
	static const uint8_t big[FRAME_BODY_MAX] = {1, 2, 3};
	struct pcap p;

	begin(&p);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bytes b = {0};
		struct pcap_flow f;

		pcap_flow_begin(&f, &p, (uint16_t)(1024 + i));
		add_handshake(&b);
		add_sample(&b, sample("member"));
		add_frame(&b, FRAME_PING, big, sizeof(big));
		add_sample(&b, sample("gone"));
		pcap_flow_say_in_pieces(&f, (int)i % 2, b.at, b.len, sizes[i]);
	}
	pcap_close(&p);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char filter[64], types[64];

		(void)snprintf(filter, sizeof(filter), "boxer.type and tcp.stream == %zu", i);
		(void)snprintf(types, sizeof(types), "%s",
			       tshark_fields(FILE_PATH, filter, "boxer.type", NULL));
		/* However they are spread over packets. */
		for (char *c = types; *c; c++)
			*c = *c == '\n' ? ',' : *c;
		check_fields(types, "1,2,19,32,20,");
	}
	check_nothing_wrong(TSHARK_MALFORMED " or " TSHARK_UNDECODED " or " TSHARK_OUT_OF_STEP
					     " or " TSHARK_LUA_ERROR);
}

/* The capture began late: the first frame is cut, what follows it is not. */
CLUSTER_TEST(dissector, finds_its_way_into_a_connection_from_the_middle)
{
	struct bytes whole = {0}, tail = {0};
	struct pcap_flow f;
	struct pcap p;

	begin(&p);
	add_sample(&whole, sample("member"));
	tail.len = 0;
	add(&tail, whole.at + 20, whole.len - 20);
	add_sample(&tail, sample("gone"));
	pcap_flow_begin_in_the_middle(&f, &p, 1024);
	pcap_flow_say(&f, 0, whole.at, whole.len);
	pcap_flow_say(&f, 1, tail.at, tail.len);
	pcap_flow_say(&f, 1, whole.at, whole.len);
	pcap_close(&p);
	check_fields(
		tshark_fields(FILE_PATH, "boxer", "tcp.srcport", "boxer.type", "boxer.mac", NULL),
		"1024\t19\tc0de0000000000000000000000000000\n"
		"40404\t20\tc0de0000000000000000000000000000\n"
		"40404\t19\tc0de0000000000000000000000000000\n");
	check_nothing_wrong(TSHARK_MALFORMED " or " TSHARK_OUT_OF_STEP " or " TSHARK_LUA_ERROR);
}

CLUSTER_TEST(dissector, leaves_what_is_relayed_alone)
{
	struct bytes a = {0}, b = {0};
	struct pcap_flow f;
	struct pcap p;

	begin(&p);
	pcap_flow_begin(&f, &p, 1024);
	add_sample(&a, sample("relay"));
	pcap_flow_say(&f, 0, a.at, a.len);
	add_frame(&b, FRAME_RELAYED, (const uint8_t[]){0, 0}, 2);
	add(&b, "hello", 5);
	pcap_flow_say(&f, 1, b.at, b.len);
	/* Whatever it looks like. */
	a.len = 0;
	add_handshake(&a);
	pcap_flow_say(&f, 0, a.at, 20);
	pcap_flow_say(&f, 0, a.at, 3);
	pcap_close(&p);
	check_fields(tshark_fields(FILE_PATH, "boxer", "boxer.type", "_ws.col.Info", NULL),
		     "6\tRELAY 16909060 to 4294967293\n"
		     "7\tRELAYED none, relayed data\n"
		     "\trelayed data\n"
		     "\trelayed data\n");
	check_nothing_wrong(TSHARK_MALFORMED " or " TSHARK_UNDECODED " or " TSHARK_LUA_ERROR);
}

/* What is wrong with a frame, and the name under which it is found. */
static const struct {
	const char *what;
	uint8_t type;
	const char *hex;
} wrong[] = {
	{"boxer.cut", FRAME_GONE, "0102030405060708"},
	{"boxer.cut", FRAME_HELLO, ""},
	{"boxer.left_over", FRAME_PROBE, "000100"},
	{"boxer.left_over", FRAME_SELECT, "00"},
	{"boxer.bad_value", FRAME_OBSERVED, "05"},
	{"boxer.bad_value", FRAME_BARRIER, "00000001 00000001 03 2d6162"},
	{"boxer.bad_value", FRAME_VIA, "00000001 19 00000001 19"},
	{"boxer.bad_value", FRAME_JOINED, "00000001 00 00 05 00 00 00 00 00 00"},
	{"boxer.bad_value", FRAME_MEMBER,
	 "0000000000000001 00000000 01 62 00 00 00 00 06 00 00 00 0000 00"},
	{"boxer.unknown_type", 99, "0102"},
	{"boxer.unknown_number", FRAME_LEAVE, "ffff"},
	{"boxer.before_proof", FRAME_LEAVE, "0010"},
};

CLUSTER_TEST(dissector, says_what_is_wrong_with_a_frame)
{
	struct pcap p;

	begin(&p);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		const struct frame_sample s = {.hex = wrong[i].hex};
		uint8_t body[SAMPLE_MAX];
		size_t len = frame_sample_bytes(&s, body);
		struct bytes b = {0};
		struct pcap_flow f;

		pcap_flow_begin(&f, &p, (uint16_t)(1024 + i));
		if (wrong[i].type >= FRAME_JOIN)
			add_handshake(&b);
		/* Without the PROOF. */
		if (strcmp(wrong[i].what, "boxer.before_proof") == 0)
			b.len = FRAME_HEADER_LEN + 8 + FRAME_NONCE_LEN;
		add_frame(&b, wrong[i].type, body, len);
		pcap_flow_say(&f, 0, b.at, b.len);
	}
	pcap_close(&p);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char filter[128];

		(void)snprintf(filter, sizeof(filter), "%s and tcp.stream == %zu", wrong[i].what,
			       i);
		USERNS_CHECK(*tshark_fields(FILE_PATH, filter, "frame.number", NULL), "row %zu: %s",
			     i, wrong[i].what);
	}
	check_nothing_wrong(TSHARK_LUA_ERROR);
}

static void spoil(struct bytes *b, uint64_t *state)
{
	for (uint64_t n = random_below(state, 4); n > 0; n--)
		b->at[random_below(state, b->len)] = (uint8_t)random_draw(state);
	if (random_chance(state, 30))
		b->len -= random_below(state, b->len);
	if (random_chance(state, 10))
		random_fill(state, b->at, b->len);
}

static void say_nonsense(struct pcap *p, unsigned long run)
{
	uint64_t state = random_seed(run);
	struct pcap_flow f;

	pcap_flow_begin(&f, p, (uint16_t)(1024 + run));
	for (uint64_t segments = 1 + random_below(&state, 8); segments > 0; segments--) {
		struct bytes b = {0};
		size_t captured;

		for (uint64_t frames = 1 + random_below(&state, 3); frames > 0; frames--)
			add_sample(&b, &frame_samples[random_below(&state, frame_samples_count)]);
		spoil(&b, &state);
		captured = random_chance(&state, 10) ? random_below(&state, b.len) : b.len;
		pcap_flow_say_cut(&f, random_chance(&state, 50), b.at, b.len, captured);
	}
}

CLUSTER_TEST(dissector, survives_frames_that_are_changed_or_cut_at_random)
{
	unsigned long runs = random_count(300);
	struct pcap p;

	begin(&p);
	for (unsigned long run = 0; run < runs; run++)
		say_nonsense(&p, run);
	pcap_close(&p);
	check_nothing_wrong(TSHARK_LUA_ERROR);
	USERNS_CHECK(*tshark_fields(FILE_PATH, "boxer.cut", "frame.number", NULL),
		     "nothing was wrong");
}
