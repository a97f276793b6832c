/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for links: veth pairs whose ends are born in their namespaces,
 * with MAC addresses and interface indices that the caller chose, so that
 * nothing has to be asked back. All functions take a batch of the namespace
 * that they are about, and queue their requests in it; those that ask for
 * something send what is queued first.
 */
#ifndef TOPO_LINK_H
#define TOPO_LINK_H

#include "base/addr.h"
#include "base/error.h"

#include <linux/if_ether.h>

#define LINK_LO_INDEX 1
/* Lower ones may be taken: sit0, tunl0 and their like are born with a namespace. */
#define LINK_FIRST_INDEX 64

struct nl_batch;

/**
 * struct link_end - one end of a veth pair to be made
 * @who: whose namespace that is, for errors
 * @netns: its namespace
 * @ifname: its name there
 * @ifindex: its index there
 * @mac: its address
 */
struct link_end {
	const char *who;
	int netns;
	const char *ifname;
	int ifindex;
	uint8_t mac[ETH_ALEN];
};

/** link_mac() - the locally administered address of end @end (0 or 1) of link @index. */
void link_mac(uint32_t index, unsigned int end, uint8_t ret_mac[static ETH_ALEN]);

/**
 * link_add() - make a pair; @batch is of @ends[0]'s namespace
 *
 * Both ends are down: the kernel refuses to bring up one whose other end is
 * only being made.
 */
int link_add(struct nl_batch *batch, const struct link_end ends[static 2], struct error *err);
/** link_up() - bring up an interface that exists. */
int link_up(struct nl_batch *batch, int ifindex, const char *ifname, struct error *err);
/** link_add_neighbour() - @addr is at @mac, for ever. */
int link_add_neighbour(struct nl_batch *batch, const struct link_end *end, const struct addr *addr,
		       const uint8_t mac[static ETH_ALEN], struct error *err);

/**
 * link_is_ready() - does the interface carry packets yet?
 *
 * An interface that was brought up before its other end was drops what is sent
 * through it until the kernel has noticed, in the background, that the link is
 * whole. Both ends say when that has happened. Since Linux 6.8 to ask is enough.
 *
 * Return: 1, 0 if not yet, or -errno.
 */
int link_is_ready(struct nl_batch *batch, int ifindex, const char *ifname, struct error *err);
/** link_bytes() - bytes that an interface has received and sent. */
int link_bytes(struct nl_batch *batch, int ifindex, uint64_t *ret_rx, uint64_t *ret_tx,
	       struct error *err);

#endif
