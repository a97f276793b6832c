/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a topology: network namespaces, the links between them,
 * addresses, routes, sysctls and NATs, declared as data and applied in one
 * pass. The declaration (struct topo_spec and what it points to) belongs to the
 * caller; the applied topology (struct topo) holds the namespaces as descriptors
 * and is the only owner of every kernel object in it: when the last descriptor
 * of a namespace is closed and the last process in it has gone, the kernel
 * removes all that was in it.
 *
 * The caller is uid 0 of a user namespace that owns its network namespace.
 */
#ifndef TOPO_TOPO_H
#define TOPO_TOPO_H

#include "base/addr.h"
#include "base/error.h"
#include "topo/fate.h"
#include "topo/nat.h"

#include <stdbool.h>
#include <stdint.h>

#define TOPO_NAME_MAX 64
/* IFNAMSIZ: fifteen characters and the NUL */
#define TOPO_IFNAME_MAX	      16
#define TOPO_SYSCTL_VALUE_MAX 32

/* 203.0.113.1, for addr_v4(). The public side is a router with unnumbered
 * interfaces: its ICMP errors need a source, and a public one. */
#define TOPO_INTERNET_ADDR 0xcb007101

/* Addresses of a NAT beside its first one; room for a pool, one-to-one machines and
 * a spare one. */
#define TOPO_OTHERS_MAX (NAT_ADDRESSES_MAX + NAT_STATICS_MAX)

/** enum topo_kind - what a namespace is; decides its sysctls and its rules */
enum topo_kind {
	TOPO_INTERNET, /* the public side: a router that black-holes private ranges */
	TOPO_NAT,      /* a router that translates */
	TOPO_HOST,     /* where programs run: a function, a seed, a client */
};

/**
 * struct topo_node - one network namespace
 * @name: for people, and the key in errors
 * @kind: see enum topo_kind
 * @nat: what a TOPO_NAT does; NULL for the others
 * @external: the address a TOPO_NAT translates to; the one that a
 *	      TOPO_INTERNET's ICMP errors come from (AF_UNSPEC:
 *	      TOPO_INTERNET_ADDR)
 * @others: further addresses of a TOPO_NAT on its public side, @n_others of them: its
 *	pool's from the second on, then those of its one-to-one machines and any
 *	spare ones, in any order; or of a TOPO_HOST. Their routes are the caller's
 * @wan: the interface of a TOPO_NAT on its public side
 */
struct topo_node {
	char name[TOPO_NAME_MAX];
	enum topo_kind kind;
	const struct nat *nat;
	struct addr external;
	struct addr others[TOPO_OTHERS_MAX];
	size_t n_others;
	char wan[TOPO_IFNAME_MAX];
};

/**
 * struct topo_end - one end of a link
 * @node: index into topo_spec.nodes
 * @ifname: the interface's name in that namespace
 * @addr: the end's own address, set with a full-length prefix (/32, /128), so
 *	  that nothing is on-link but the neighbour; AF_UNSPEC for an
 *	  unnumbered end
 */
struct topo_end {
	size_t node;
	char ifname[TOPO_IFNAME_MAX];
	struct addr addr;
};

/**
 * struct topo_wire - what befalls what a link carries
 * @from: what its first end sends, and what its second end sends
 */
struct topo_wire {
	struct fate_spec from[2];
};

/**
 * struct topo_link - a veth pair, both ends made in place
 * @wire: NULL for a link that does nothing to what it carries; else it is two veth
 *	pairs, whose inner ends lie in a namespace of the topology's own, and it
 *	carries nothing until somebody runs the wires, see topo_wires_open().
 *	The nodes see no difference
 *
 * Both ends get MAC addresses computed from the link's index, and each end a
 * permanent neighbour entry for the other one and for every gateway that its
 * node's routes name on that interface (the machine's neighbour table is shared
 * by all its namespaces; permanent entries are not counted in it).
 */
struct topo_link {
	struct topo_end ends[2];
	const struct topo_wire *wire;
};

/**
 * struct topo_route - one route
 * @node: in which namespace
 * @dst: destination; its port is unused
 * @prefix_len: bits of @dst
 * @ifname: output interface; empty for a black hole
 * @via: gateway, reached on @ifname whatever its address (onlink); AF_UNSPEC
 *	 when the destination is the neighbour itself
 */
struct topo_route {
	size_t node;
	struct addr dst;
	uint8_t prefix_len;
	char ifname[TOPO_IFNAME_MAX];
	struct addr via;
};

/**
 * struct topo_spec - the whole topology; arrays belong to the caller
 * @seed: of what befalls packets on wires; links are known by their indices in @links
 */
struct topo_spec {
	struct topo_node *nodes;
	size_t n_nodes;
	struct topo_link *links;
	size_t n_links;
	struct topo_route *routes;
	size_t n_routes;
	uint64_t seed;
};

struct topo;
struct wires;

/**
 * topo_apply() - make it so
 *
 * Either everything that @spec says exists afterwards, or nothing does. The
 * public side of every TOPO_INTERNET node black-holes the private ranges and
 * counts packets that carry a private source (counter "leak", and drops them).
 *
 * Return: 0, or -errno with the object and the kernel's own words in @err.
 */
int topo_apply(const struct topo_spec *spec, struct topo **ret_topo, struct error *err);

/**
 * topo_free() - close the namespaces; NULL is legal
 *
 * What is in them goes in the background, once no process and no socket is left
 * there either.
 */
void topo_free(struct topo *topo);

/** topo_netns() - the descriptor of @node's namespace; it stays topo's. */
int topo_netns(const struct topo *topo, size_t node);

/** The counters that every NAT and every public side carries, by name. */
#define TOPO_COUNTER_UNSOLICITED "unsolicited" /* NAT: packets without a mapping */
#define TOPO_COUNTER_INVALID	 "invalid"     /* NAT: packets the tracker refused */
#define TOPO_COUNTER_LIMITED	 "limited"     /* NAT: packets of flows beyond a limit */
#define TOPO_COUNTER_LEAK	 "leak"	       /* internet: private source addresses */

/**
 * topo_counter() - read a named counter of a node's rules
 *
 * Return: 0, or -errno (-ENOENT: that node has no such counter).
 */
int topo_counter(const struct topo *topo, size_t node, const char *name, uint64_t *ret_packets,
		 uint64_t *ret_bytes, struct error *err);

/**
 * struct topo_nat_change - a change of a NAT while it works
 * @nat: how it behaves from now on; need not outlive the call
 * @external: the first address of its pool from now on, one of the node's; NULL: as
 *	it is now
 * @forget: all flows and mappings are gone, as after a reboot; else what is there
 *	goes on as far as @nat can carry it
 */
struct topo_nat_change {
	const struct nat *nat;
	const struct addr *external;
	bool forget;
};

/**
 * topo_nat_change() - change a NAT, all at once or not at all
 *
 * The rules change in one transaction; while flows are forgotten and sysctls
 * written nothing passes, so that no packet meets one half of it.
 *
 * Return: 0, or -errno; -EINVAL when @change's NAT is inconsistent.
 */
int topo_nat_change(struct topo *topo, size_t node, const struct topo_nat_change *change,
		    struct error *err);

/** struct topo_nat_order - what is to become of the NAT that is node @node */
struct topo_nat_order {
	size_t node;
	struct topo_nat_change change;
};

/**
 * topo_nats_change() - change several NATs, one after the other
 *
 * As topo_nat_change() for each, but the kernel, which takes its time to free what
 * was replaced, is waited for only once.
 *
 * Return: 0, or -errno of the first that failed; those before it are changed.
 */
int topo_nats_change(struct topo *topo, const struct topo_nat_order *orders, size_t n,
		     struct error *err);

/**
 * struct topo_mapping - an entry of a NAT's mapping table
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 * @remote: for whom it holds; AF_UNSPEC: for all. Port 0: any port
 * @expires_ms: until it is forgotten, if nothing goes out through it
 */
struct topo_mapping {
	uint8_t proto;
	struct addr inside;
	struct addr external;
	struct addr remote;
	uint64_t expires_ms;
};

/**
 * struct topo_filter - an entry of a NAT's filter table: who may send through
 * @remote: port 0: any port
 */
struct topo_filter {
	uint8_t proto;
	struct addr external;
	struct addr remote;
	uint64_t expires_ms;
};

/** struct topo_nat_state - what a NAT remembers beside its flows (conntrack.h) */
struct topo_nat_state {
	struct topo_mapping *mappings;
	size_t n_mappings;
	struct topo_filter *filters;
	size_t n_filters;
};

/**
 * topo_nat_state() - read the tables of a NAT; those that it needs none of are empty
 *
 * Return: 0, or -errno; topo_nat_state_done() frees what it holds.
 */
int topo_nat_state(const struct topo *topo, size_t node, struct topo_nat_state *ret_state,
		   struct error *err);
/** topo_nat_state_done() - zeroed is legal. */
void topo_nat_state_done(struct topo_nat_state *state);

/**
 * topo_link_bytes() - bytes that one end of a link has received and sent
 *
 * Return: 0, or -errno.
 */
int topo_link_bytes(const struct topo *topo, size_t link, int end, uint64_t *ret_rx,
		    uint64_t *ret_tx, struct error *err);

/**
 * topo_wires_open() - open all wires of a topology, to be run by a process of
 * their own: topo/wire.h says how
 *
 * Links of the topology without wires are not affected, nor are those of a topology
 * that has none.
 *
 * Return: 0, or -errno.
 */
int topo_wires_open(const struct topo *topo, struct wires **ret_wires, struct error *err);

/** struct topo_sysctl - one sysctl that results rest on, and its value */
struct topo_sysctl {
	const char *path; /* below /proc/sys/, e.g. "net/ipv4/ip_forward" */
	char value[TOPO_SYSCTL_VALUE_MAX];
	bool optional; /* older kernels lack it and behave as the value says */
};
/**
 * topo_sysctls() - what topo_apply() writes into a namespace of @kind, in order
 * @nat: what a TOPO_NAT does; NULL for the others
 * @ret: the first @max of them
 *
 * Return: how many there are.
 */
size_t topo_sysctls(enum topo_kind kind, const struct nat *nat, struct topo_sysctl *ret,
		    size_t max);

#endif
