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

#define NAT_FORWARDS_MAX 64
#define NAT_PRESET_MAX	 32

/** enum nat_mapping - RFC 4787, 4.1: when is an external port used again */
enum nat_mapping {
	NAT_MAPPING_EIM,  /* endpoint-independent: one external port per inside endpoint */
	NAT_MAPPING_APDM, /* address- and port-dependent: another one for each remote endpoint */
};

/** enum nat_filtering - RFC 4787, 5: who may answer through a mapping */
enum nat_filtering {
	NAT_FILTERING_APDF, /* only the remote endpoint that was written to */
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
 * struct nat - a NAT, declared
 * @preset: the preset it was made from, for people; decides nothing
 * @forwards: @n_forwards of them are used
 */
struct nat {
	char preset[NAT_PRESET_MAX];
	enum nat_mapping mapping;
	enum nat_filtering filtering;
	enum nat_unsolicited unsolicited;
	enum nat_tcp_tracking tcp_tracking;
	struct nat_forward forwards[NAT_FORWARDS_MAX];
	size_t n_forwards;
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
extern const char *const nat_unsolicited_names[];
extern const char *const nat_tcp_tracking_names[];

/** nat_check() - is the declaration consistent? Return: 0, or -EINVAL with the reason in @err. */
int nat_check(const struct nat *nat, struct error *err);

#endif
