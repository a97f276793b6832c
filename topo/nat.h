/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the declaration of a NAT: how it is said to behave, in the
 * terms of RFC 4787 and RFC 5382. A struct nat is plain data: it is filled from
 * a preset and a scenario's overrides, checked by nat_check(), and turned into
 * rules by nat_rules. Nothing here touches the kernel.
 */
#ifndef TOPO_NAT_H
#define TOPO_NAT_H

#include "base/addr.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define NAT_FORWARDS_MAX  64
#define NAT_STATICS_MAX	  16
#define NAT_ADDRESSES_MAX 16 /* of a pool */
#define NAT_PRESET_MAX	  32

/** enum nat_mapping - RFC 4787, 4.1: when is an external port used again */
enum nat_mapping {
	NAT_MAPPING_EIM,  /* endpoint-independent: one external port per inside endpoint */
	NAT_MAPPING_ADM,  /* address-dependent: one for each remote address */
	NAT_MAPPING_APDM, /* address- and port-dependent: one for each remote endpoint */
	NAT_MAPPING_NONE, /* nothing is translated: a public machine */
};

/** enum nat_filtering - RFC 4787, 5: who may send through a mapping */
enum nat_filtering {
	NAT_FILTERING_EIF,  /* anybody ("full cone") */
	NAT_FILTERING_ADF,  /* an address that was written to, from any port */
	NAT_FILTERING_APDF, /* only the remote endpoint that was written to */
};

/** enum nat_allocation - RFC 4787, 4.2: which external port a new mapping gets */
enum nat_allocation {
	NAT_ALLOCATION_PRESERVE,   /* the inside port while it is free, see enum nat_conflict */
	NAT_ALLOCATION_RANDOM,	   /* any free one of the range */
	NAT_ALLOCATION_SEQUENTIAL, /* the next one of the range */
	NAT_ALLOCATION_SEEDED,	   /* a hash of what the mapping is for */
	NAT_ALLOCATION_BLOCK,	   /* any free one of the inside address's own block */
};

/** enum nat_conflict - what PRESERVE does when the port is another mapping's */
enum nat_conflict {
	NAT_CONFLICT_OVERLOAD,	 /* both use it while they talk to different endpoints */
	NAT_CONFLICT_RANDOM,	 /* any free one of the range */
	NAT_CONFLICT_SEQUENTIAL, /* the next one of the range */
};

/** enum nat_hairpin - RFC 4787, 6: from inside to an external endpoint of the same NAT */
enum nat_hairpin {
	NAT_HAIRPIN_OFF,      /* it is dropped */
	NAT_HAIRPIN_EXTERNAL, /* it arrives, from the sender's external endpoint */
	NAT_HAIRPIN_INTERNAL, /* it arrives, from the sender's inside endpoint */
};

/** enum nat_pooling - RFC 4787, 4.1: which of several external addresses is used */
enum nat_pooling {
	NAT_POOLING_PAIRED,    /* always the same one for an inside address */
	NAT_POOLING_ARBITRARY, /* any one for each mapping */
};

/** enum nat_expired - what TCP from inside that belongs to no flow is answered with */
enum nat_expired {
	NAT_EXPIRED_DROP,
	NAT_EXPIRED_RST,
};

/** enum nat_unsolicited - what a packet without a mapping is answered with */
enum nat_unsolicited {
	NAT_UNSOLICITED_DROP, /* silence (RFC 5382, REQ-4) */
	NAT_UNSOLICITED_RST,  /* a TCP reset, an ICMP port unreachable for the rest */
	NAT_UNSOLICITED_ICMP, /* an ICMP port unreachable for all */
};

/** enum nat_tcp_tracking - does the NAT drop what it thinks is outside the TCP window */
enum nat_tcp_tracking {
	NAT_TCP_STRICT,
	NAT_TCP_LIBERAL,
};

/**
 * struct nat_forward - one static port forward, external to inside
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 * @port: the external port
 * @to: inside address and port
 */
struct nat_forward {
	uint8_t proto;
	uint16_t port;
	struct addr to;
};

/**
 * struct nat_static - one-to-one: all ports of an external address are one machine's
 * @inside: the machine
 * @external: the address, none of the pool's
 */
struct nat_static {
	struct addr inside;
	struct addr external;
};

/**
 * struct nat_behaviour - how the flows of one transport protocol are treated
 * @conflict: counts when @allocation is NAT_ALLOCATION_PRESERVE
 */
struct nat_behaviour {
	enum nat_mapping mapping;
	enum nat_filtering filtering;
	enum nat_allocation allocation;
	enum nat_conflict conflict;
	enum nat_hairpin hairpin;
};

/**
 * struct nat_timeouts - seconds without a packet after which a flow is forgotten, by
 * the state it is in
 *
 * The names are the connection tracker's. A mapping lives on after its last outbound
 * packet as long as a flow in the state of that packet's would.
 */
struct nat_timeouts {
	uint32_t tcp_syn_sent;
	uint32_t tcp_syn_received;
	uint32_t tcp_established;
	uint32_t tcp_fin_wait;
	uint32_t tcp_close_wait;
	uint32_t tcp_last_ack;
	uint32_t tcp_time_wait;
	uint32_t tcp_close;
	uint32_t udp;	     /* nothing, or little, has come back */
	uint32_t udp_stream; /* both have sent, for two seconds or more */
	uint32_t icmp;
};

/** struct nat_limits - beyond these a new flow is dropped; 0: there is no limit */
struct nat_limits {
	uint32_t flows_per_host;	/* at a time, of one inside address */
	uint32_t flows_per_destination; /* at a time, to one remote address and port */
	uint32_t new_flows_per_second;	/* of the whole NAT */
	uint32_t table;			/* flows at a time, of the whole NAT */
};

/**
 * struct nat - a NAT, declared
 * @preset: the preset it was made from, for people; decides nothing
 * @simultaneous_open: a SYN may come in where a SYN went out (RFC 5382, REQ-2)
 * @loose: a TCP flow may be picked up in its middle, as after a reboot
 * @addresses: how many external addresses the pool has
 * @port_min, @port_max: the range for ports that are not kept
 * @block_size: ports per inside address; for NAT_ALLOCATION_BLOCK
 * @hash_seed: for NAT_ALLOCATION_SEEDED
 * @forwards: @n_forwards of them are used
 * @statics: @n_statics of them are used
 */
struct nat {
	char preset[NAT_PRESET_MAX];
	struct nat_behaviour tcp, udp;
	enum nat_unsolicited unsolicited;
	enum nat_tcp_tracking tcp_tracking;
	bool simultaneous_open;
	bool loose;
	enum nat_expired expired;
	enum nat_pooling pooling;
	uint32_t addresses;
	uint16_t port_min, port_max;
	uint32_t block_size;
	uint32_t hash_seed;
	struct nat_timeouts timeouts;
	struct nat_limits limits;
	struct nat_forward forwards[NAT_FORWARDS_MAX];
	size_t n_forwards;
	struct nat_static statics[NAT_STATICS_MAX];
	size_t n_statics;
};

/**
 * struct nat_preset - a named composition of behaviours
 * @nat: the declaration
 * @source: where the behaviour is documented or was measured
 * @assumptions: what of it is not publicly known; NULL when nothing is
 */
struct nat_preset {
	struct nat nat;
	const char *source;
	const char *assumptions;
};

/** nat_presets() - all presets, in the order in which people should meet them. */
const struct nat_preset *nat_presets(size_t *ret_n);
/** nat_preset_find() - the preset of that name, or NULL. */
const struct nat_preset *nat_preset_find(const char *name);

/** The words of a scenario for each enum, NULL-terminated, indexed by value. */
extern const char *const nat_mapping_names[];
extern const char *const nat_filtering_names[];
extern const char *const nat_allocation_names[];
extern const char *const nat_conflict_names[];
extern const char *const nat_hairpin_names[];
extern const char *const nat_pooling_names[];
extern const char *const nat_unsolicited_names[];
extern const char *const nat_tcp_tracking_names[];
extern const char *const nat_expired_names[];

/** nat_translates() - false for a NAT that is none: NAT_MAPPING_NONE. */
bool nat_translates(const struct nat *nat);
/** nat_check() - is the declaration consistent? Return: 0, or -EINVAL with the reason in @err. */
int nat_check(const struct nat *nat, struct error *err);
/** nat_check_conflict() - of that, only what follows from "conflict: overload". */
int nat_check_conflict(const struct nat *nat, struct error *err);

#endif
