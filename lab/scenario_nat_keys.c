/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/scenario_nat_keys.h"

#include "base/clock.h"
#include "lab/scenario_keys.h"
#include "lab/scenario_link_keys.h"

#include <netinet/in.h>

#define TIMEOUT_MAX (480 * 3600 * (int64_t)NS_PER_S) /* what the kernel can count is a bit more */

static const char *const proto_words[] = {"tcp", "udp", NULL};
static const int proto_values[] = {IPPROTO_TCP, IPPROTO_UDP};

/* The port's range is bound as one. */
_Static_assert(offsetof(struct nat, port_max) == offsetof(struct nat, port_min) + sizeof(uint16_t),
	       "KEY_PORTS wants two ports one behind the other");

static const char *preset_word(size_t index)
{
	size_t n;
	const struct nat_preset *presets = nat_presets(&n);

	return index < n ? presets[index].nat.preset : NULL;
}

/* The first row of its table, so that the rows after it overrule it. */
static void set_preset(void *object, size_t index)
{
	struct scenario_nat *nat = object;
	size_t n;

	nat->nat = nat_presets(&n)[index].nat;
}

static const struct key forward_rows[] = {
	{
		.name = "port",
		.kind = KEY_PORT,
		.required = true,
		KEY_MEMBER(struct scenario_forward, port),
		.doc = "The external port.",
	},
	{
		.name = "to",
		.kind = KEY_NAME,
		.max = SCENARIO_NAME_MAX,
		.absent = "the only node behind the NAT",
		KEY_MEMBER(struct scenario_forward, to),
		.doc = "The node, by its concrete name (`fn0`).",
	},
	{
		.name = "to_port",
		.kind = KEY_PORT,
		.absent = "the same as `port`",
		KEY_MEMBER(struct scenario_forward, to_port),
		.doc = "The node's port.",
	},
	{
		.name = "proto",
		.kind = KEY_ENUM,
		.words = proto_words,
		.values = proto_values,
		.initial = "tcp",
		KEY_MEMBER(struct scenario_forward, proto),
		.doc = "What is forwarded.",
	},
	{0},
};

static const struct keys forward_keys = {
	.name = "forward",
	.noun = "a forward",
	.plural = "forwards",
	.doc = "One static port forward: what arrives at a port of the NAT's external address "
	       "goes to a node behind it, whoever sent it.",
	.size = sizeof(struct scenario_forward),
	.at = offsetof(struct scenario_forward, at),
	.label = KEYS_NONE,
	.rows = forward_rows,
};

#define MAPPING_DOC                                                                            \
	"When an external port is used again: for all that one inside address and port sends " \
	"(endpoint-independent), towards one remote address, or only towards one remote "      \
	"address and port (\"symmetric\"). `none`: there is no NAT."
#define FILTERING_DOC                                                                       \
	"Who may send through a mapping: anybody, an address that was written to, or only " \
	"the address and port that was."
#define ALLOCATION_DOC                                                                       \
	"Which external port a new mapping gets: the inside one while it is free, a random " \
	"one, the next one, a hash of the inside address and port, or a random one of the "  \
	"inside address's own block."
#define CONFLICT_DOC                                                                      \
	"What `preserve` does about a port that is another mapping's: both use it, or a " \
	"random or the next other one is taken."
#define HAIRPIN_DOC                                                                         \
	"What becomes of a packet from inside to an external address and port of the same " \
	"NAT: it is dropped, or arrives from its sender's external or inside address."

#define WORDS(key, list, text) \
	.name = (key), .kind = KEY_ENUM, .words = (list), .absent = "the preset's", .doc = (text)

/* Of one transport protocol. */
#define BEHAVIOUR(member, list, text)                                                \
	{                                                                            \
		WORDS(#member, list, text), KEY_MEMBER(struct nat_behaviour, member) \
	}

static const struct key behaviour_rows[] = {
	BEHAVIOUR(mapping, nat_mapping_names, MAPPING_DOC),
	BEHAVIOUR(filtering, nat_filtering_names, FILTERING_DOC),
	BEHAVIOUR(allocation, nat_allocation_names, ALLOCATION_DOC),
	BEHAVIOUR(conflict, nat_conflict_names, CONFLICT_DOC),
	BEHAVIOUR(hairpin, nat_hairpin_names, HAIRPIN_DOC),
	{0},
};

static const struct keys behaviour_keys = {
	.name = "behaviour",
	.noun = "a behaviour",
	.plural = "behaviours",
	.doc = "How the flows of one transport protocol are treated.",
	.size = sizeof(struct nat_behaviour),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = behaviour_rows,
};

#define TIMEOUT(member, text)                                                             \
	{                                                                                 \
		.name = #member, .kind = KEY_DURATION, .unit = NS_PER_S, .min = NS_PER_S, \
		.max = TIMEOUT_MAX, .absent = "the preset's",                             \
		KEY_MEMBER(struct nat_timeouts, member), .doc = (text)                    \
	}

static const struct key timeout_rows[] = {
	TIMEOUT(tcp_syn_sent, "A SYN went out."),
	TIMEOUT(tcp_syn_received, "It was answered."),
	TIMEOUT(tcp_established, "The connection is established."),
	TIMEOUT(tcp_fin_wait, "One side has sent a FIN."),
	TIMEOUT(tcp_close_wait, "It was acknowledged."),
	TIMEOUT(tcp_last_ack, "Both sides have sent one."),
	TIMEOUT(tcp_time_wait, "Both were acknowledged."),
	TIMEOUT(tcp_close, "A reset was seen."),
	TIMEOUT(udp, "Nothing, or little, has come back."),
	TIMEOUT(udp_stream, "Both sides have sent for a while."),
	TIMEOUT(icmp, "Echo requests and their like."),
	{0},
};

static const struct keys timeout_keys = {
	.name = "timeouts",
	.noun = "a set of timeouts",
	.plural = "sets of timeouts",
	.doc = "How long after its last packet a flow is forgotten, by the state it is in; whole "
	       "seconds. The states are those of Linux's connection tracker.",
	.size = sizeof(struct nat_timeouts),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = timeout_rows,
};

#define LIMIT(member, text)                                                                        \
	{                                                                                          \
		.name = #member, .kind = KEY_INTEGER, .min = 1, .max = UINT32_MAX, .word = "none", \
		.absent = "the preset's", KEY_MEMBER(struct nat_limits, member), .doc = (text)     \
	}

static const struct key limit_rows[] = {
	LIMIT(flows_per_host, "Flows at a time of one inside address."),
	LIMIT(flows_per_destination, "Flows at a time to one remote address and port."),
	LIMIT(new_flows_per_second, "New flows of the whole NAT."),
	LIMIT(table, "Flows at a time of the whole NAT."),
	{0},
};

static const struct keys limit_keys = {
	.name = "limits",
	.noun = "a set of limits",
	.plural = "sets of limits",
	.doc = "Beyond these a new flow is dropped.",
	.size = sizeof(struct nat_limits),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.rows = limit_rows,
};

/* TCP and UDP alike; `tcp` and `udp`, further down, overrule it. */
#define BOTH(member, list, text)                                              \
	{                                                                     \
		WORDS(#member, list, text " TCP and UDP alike."),             \
			KEY_MEMBER(struct scenario_nat, nat.tcp.member),      \
			.also = offsetof(struct scenario_nat, nat.udp.member) \
	}
#define SWITCH(member, text)                                                 \
	{                                                                    \
		.name = #member, .kind = KEY_BOOL, .absent = "the preset's", \
		KEY_MEMBER(struct scenario_nat, nat.member), .doc = (text)   \
	}
#define NUMBER(member, from, to, text)                                                 \
	{                                                                              \
		.name = #member, .kind = KEY_INTEGER, .min = (from), .max = (to),      \
		.absent = "the preset's", KEY_MEMBER(struct scenario_nat, nat.member), \
		.doc = (text)                                                          \
	}
#define PART(member, table, text)                                                               \
	{                                                                                       \
		.name = #member, .kind = KEY_STRUCT, .keys = (table), .absent = "the preset's", \
		KEY_MEMBER(struct scenario_nat, nat.member), .doc = (text)                      \
	}

/* Where those begin that say how a NAT behaves, whatever scenario it is in. */
#define FIRST_DECLARED 6

static const struct key nat_rows[] = {
	{
		.name = "preset",
		.kind = KEY_ENUM,
		.choices = preset_word,
		.set = set_preset,
		.initial = "lambda",
		KEY_MEMBER(struct scenario_nat, nat.preset),
		.doc = "A named composition of behaviours; the keys below overrule it.",
	},
	{
		.name = "from",
		.kind = KEY_FILE,
		.min = 1,
		.max = 4096,
		.absent = "none",
		.keys = &scenario_declaration_keys,
		KEY_MEMBER(struct scenario_nat, from),
		.doc = "A file that declares the NAT, such as `natprobe` writes of a real one: "
		       "JSON or YAML, relative to the scenario's own directory, with the keys "
		       "of this table from `mapping` on. It overrules the preset; the keys "
		       "below overrule the file.",
	},
	{
		.name = "behind",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX,
		.absent = "none: it is on the public side",
		KEY_MEMBER(struct scenario_nat, behind),
		.doc = "A NAT of `nats` that this one is behind, as one at home is behind its "
		       "carrier's.",
	},
	{
		.name = "link",
		.kind = KEY_OWN,
		.absent = "neither delays nor loses anything",
		.keys = &scenario_link_keys,
		KEY_MEMBER(struct scenario_nat, link),
		.doc = "Its link to its public side, as a wire.",
	},
	{
		.name = "forwards",
		.kind = KEY_LIST,
		.max = NAT_FORWARDS_MAX,
		.absent = "none",
		.keys = &forward_keys,
		KEY_ARRAY(struct scenario_nat, forwards),
		.doc = "Static port forwards.",
	},
	{
		.name = "one_to_one",
		.kind = KEY_NAMES,
		.max = NAT_STATICS_MAX,
		.absent = "none",
		KEY_MEMBER(struct scenario_nat, one_to_one),
		.doc = "Nodes behind this NAT, by their concrete names, each of which has an "
		       "external address of its own: all its ports are kept, and filtering "
		       "goes on.",
	},
	BOTH(mapping, nat_mapping_names, MAPPING_DOC),
	BOTH(filtering, nat_filtering_names, FILTERING_DOC),
	BOTH(allocation, nat_allocation_names, ALLOCATION_DOC),
	BOTH(conflict, nat_conflict_names, CONFLICT_DOC),
	BOTH(hairpin, nat_hairpin_names, HAIRPIN_DOC),
	PART(tcp, &behaviour_keys, "What is different for TCP."),
	PART(udp, &behaviour_keys, "What is different for UDP."),
	{
		WORDS("unsolicited", nat_unsolicited_names,
		      "What a packet that nobody behind the NAT asked for is answered with: "
		      "silence, a TCP reset, or an ICMP error."),
		KEY_MEMBER(struct scenario_nat, nat.unsolicited),
	},
	{
		WORDS("tcp_tracking", nat_tcp_tracking_names,
		      "Whether the NAT drops what it takes for outside of the TCP window."),
		KEY_MEMBER(struct scenario_nat, nat.tcp_tracking),
	},
	SWITCH(simultaneous_open, "Whether a SYN may come in where a SYN went out."),
	SWITCH(loose, "Whether a TCP flow may be picked up in its middle, as after a reboot."),
	{
		WORDS("expired", nat_expired_names,
		      "What TCP from inside that belongs to no flow is answered with; `loose` "
		      "must be off for that to happen."),
		KEY_MEMBER(struct scenario_nat, nat.expired),
	},
	{
		WORDS("pooling", nat_pooling_names,
		      "Which of several external addresses is used: always the same one for an "
		      "inside address, or any one for each mapping."),
		KEY_MEMBER(struct scenario_nat, nat.pooling),
	},
	NUMBER(addresses, 1, NAT_ADDRESSES_MAX, "How many external addresses it has."),
	{
		.name = "ports",
		.kind = KEY_PORTS,
		.absent = "the preset's",
		.offset = offsetof(struct scenario_nat, nat.port_min),
		.size = 2 * sizeof(uint16_t),
		.doc = "The range of external ports, for those that are not kept.",
	},
	NUMBER(block_size, 1, UINT16_MAX, "Ports per inside address, with `allocation: block`."),
	NUMBER(hash_seed, 0, UINT32_MAX, "Of the hash, with `allocation: seeded`."),
	PART(timeouts, &timeout_keys, "When idle flows are forgotten."),
	PART(limits, &limit_keys, "How many flows there may be."),
	{0},
};

const struct keys scenario_declaration_keys = {
	.name = "declaration",
	.noun = "a declaration of a NAT",
	.plural = "declarations of NATs",
	.doc = "How a NAT behaves, or a part of it.",
	.size = sizeof(struct scenario_nat),
	.at = KEYS_NONE,
	.label = KEYS_NONE,
	.part_of = &scenario_nat_keys,
	.rows = nat_rows + FIRST_DECLARED,
};

const struct keys scenario_nat_keys = {
	.name = "nat",
	.noun = "a NAT",
	.plural = "NATs",
	.doc = "How a NAT behaves, in the terms of RFC 4787 and RFC 5382: a preset, and what "
	       "differs from it. The preset's name alone (`nat: lambda`) is the short form.",
	.shorthand = "preset",
	.size = sizeof(struct scenario_nat),
	.at = offsetof(struct scenario_nat, at),
	.label = offsetof(struct scenario_nat, name),
	.rows = nat_rows,
};

static const char *const rebind_words[] = {"ports", "address", NULL};
static const int rebind_values[] = {REBIND_PORTS, REBIND_ADDRESS};

static const struct key change_rows[] = {
	{
		.name = "change",
		.kind = KEY_NAME,
		.max = KEYS_NAME_MAX + 8,
		.required = true,
		KEY_MEMBER(struct scenario_nat_change, nat),
		.doc = "The NAT, by its concrete name: that in `nats`, or `fn0-nat`.",
	},
	{
		.name = "reboot",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_nat_change, reboot),
		.doc = "It forgets all flows and mappings.",
	},
	{
		.name = "rebind",
		.kind = KEY_ENUM,
		.words = rebind_words,
		.values = rebind_values,
		.absent = "not",
		KEY_MEMBER(struct scenario_nat_change, rebind),
		.doc = "It forgets them, and what comes next gets random ports, or another "
		       "external address.",
	},
	{
		.name = "set",
		.kind = KEY_OWN,
		.absent = "nothing",
		.keys = &scenario_declaration_keys,
		KEY_MEMBER(struct scenario_nat_change, set),
		.doc = "How it behaves from now on. Flows and mappings that there are go on as "
		       "far as they can.",
	},
	SCENARIO_AT_ROW(struct scenario_nat_change),
	{
		.name = "keep",
		.kind = KEY_BOOL,
		.initial = "off",
		KEY_MEMBER(struct scenario_nat_change, keep),
		.doc = "It stays so when the step has ended; else `rebind` and `set` are undone "
		       "then. What was forgotten stays forgotten.",
	},
	{0},
};

const struct keys scenario_nat_change_keys = {
	.name = "change",
	.noun = "a change of a NAT",
	.plural = "changes of NATs",
	.doc = "A NAT that is rebooted, bound anew, or made to behave otherwise while a step "
	       "runs. The change is made at once, so that no packet meets one half of it.",
	.size = sizeof(struct scenario_nat_change),
	.at = offsetof(struct scenario_nat_change, at),
	.label = KEYS_NONE,
	.rows = change_rows,
};
