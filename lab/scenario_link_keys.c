/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_link_keys.h"

#include "lab/scenario_keys.h"

#define DELAY_DOC "How long each packet is under way."
#define JITTER_DOC                                                                              \
	"How much longer or shorter that may be, uniformly, for each packet; at most `delay`. " \
	"The order is kept."
#define LOSS_DOC "How probably a packet is lost, each independently of the others."

#define FATE_ROW(member, row_kind, most, otherwise, text) \
	.name = (member), .kind = (row_kind), .max = (most), .absent = (otherwise), .doc = (text)

#define DIRECTION "as beside `up` and `down`"

static const struct key direction_rows[] = {
	{
		FATE_ROW("delay", KEY_DURATION, FATE_DELAY_MAX_NS, DIRECTION, DELAY_DOC),
		KEY_MEMBER(struct fate_spec, delay_ns),
	},
	{
		FATE_ROW("jitter", KEY_DURATION, FATE_DELAY_MAX_NS, DIRECTION, JITTER_DOC),
		KEY_MEMBER(struct fate_spec, jitter_ns),
	},
	{
		FATE_ROW("loss", KEY_PERCENT, FATE_CERTAIN_PPM, DIRECTION, LOSS_DOC),
		KEY_MEMBER(struct fate_spec, loss_ppm),
	},
	{0},
};

const struct keys scenario_direction_keys = {
	.name = "direction",
	.noun = "a direction of a link",
	.plural = "directions of links",
	.doc = "What befalls what a link carries in one direction.",
	.size = sizeof(struct fate_spec),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = direction_rows,
};

/* Both directions alike; `up` and `down`, further down, overrule it. */
#define BOTH(type, member)                               \
	KEY_MEMBER(type, wire.from[SCENARIO_UP].member), \
		.also = offsetof(type, wire.from[SCENARIO_DOWN].member)

/* All that can be said of a wire @type has. */
#define WIRE_ROWS(type, otherwise)                                                            \
	{                                                                                     \
		FATE_ROW("delay", KEY_DURATION, FATE_DELAY_MAX_NS, otherwise,                 \
			 DELAY_DOC " Both directions alike."),                                \
		BOTH(type, delay_ns),                                                         \
	},                                                                                    \
		{                                                                             \
			FATE_ROW("jitter", KEY_DURATION, FATE_DELAY_MAX_NS, otherwise,        \
				 JITTER_DOC " Both directions alike."),                       \
			BOTH(type, jitter_ns),                                                \
		},                                                                            \
		{                                                                             \
			FATE_ROW("loss", KEY_PERCENT, FATE_CERTAIN_PPM, otherwise,            \
				 LOSS_DOC " Both directions alike."),                         \
			BOTH(type, loss_ppm),                                                 \
		},                                                                            \
		{                                                                             \
			.name = "up",                                                         \
			.kind = KEY_STRUCT,                                                   \
			.absent = "as above",                                                 \
			.keys = &scenario_direction_keys,                                     \
			KEY_MEMBER(type, wire.from[SCENARIO_UP]),                             \
			.doc = "What is different from the machine or the NAT outwards.",     \
		},                                                                            \
	{                                                                                     \
		.name = "down", .kind = KEY_STRUCT, .absent = "as above",                     \
		.keys = &scenario_direction_keys, KEY_MEMBER(type, wire.from[SCENARIO_DOWN]), \
		.doc = "What is different towards it.",                                       \
	}

static const struct key link_rows[] = {WIRE_ROWS(struct scenario_link, "none"), {0}};

const struct keys scenario_link_keys = {
	.name = "link",
	.noun = "a link",
	.plural = "links",
	.doc = "The link of a machine to its router, or of a NAT to its public side, as a wire: it "
	       "delays and loses what it carries (see [wire.md](wire.md)). One of which nothing is "
	       "said, `link: {}`, does neither, but steps may change it.",
	.size = sizeof(struct scenario_link),
	.at = offsetof(struct scenario_link, at),
	.label = KEYS_NONE,
	.rows = link_rows,
};

static const struct key wire_rows[] = {
	{
		.name = "change",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX + 8,
		.required = true,
		KEY_MEMBER(struct scenario_wire_change, name),
		.doc = "The machine or the NAT whose link it is, by its concrete name: `fn0`, "
		       "`fn0-nat`.",
	},
	WIRE_ROWS(struct scenario_wire_change, "as it was"),
	SCENARIO_AT_ROW(struct scenario_wire_change),
	{
		.name = "keep",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_wire_change, keep),
		.doc = "It stays so when the step has ended; else it is undone then.",
	},
	{0},
};

const struct keys scenario_wire_keys = {
	.name = "wire",
	.noun = "a change of a wire",
	.plural = "changes of wires",
	.doc = "A link with `link` that delays or loses otherwise while a step runs. What was sent "
	       "before is treated as before.",
	.size = sizeof(struct scenario_wire_change),
	.at = offsetof(struct scenario_wire_change, at),
	.label = KEYS_NONE,
	.rows = wire_rows,
};
