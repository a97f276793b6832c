/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/link.h"

#include "base/cleanup.h"
#include "topo/nl.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <string.h>

void link_mac(uint32_t index, unsigned int end, uint8_t ret_mac[static ETH_ALEN])
{
	ret_mac[0] = 0x02;
	ret_mac[1] = (uint8_t)(index >> 24);
	ret_mac[2] = (uint8_t)(index >> 16);
	ret_mac[3] = (uint8_t)(index >> 8);
	ret_mac[4] = (uint8_t)index;
	ret_mac[5] = (uint8_t)end;
}

static int fill_end(struct rtnl_link *link, const struct link_end *end)
{
	struct nl_addr *mac = nl_addr_build(AF_LLC, end->mac, ETH_ALEN);

	if (!mac)
		return -ENOMEM;
	rtnl_link_set_name(link, end->ifname);
	rtnl_link_set_ifindex(link, end->ifindex);
	rtnl_link_set_addr(link, mac);
	nl_addr_put(mac);
	/* Left alone, veth allocates a pair of queues for each possible CPU. */
	rtnl_link_set_num_tx_queues(link, 1);
	rtnl_link_set_num_rx_queues(link, 1);
	return 0;
}

static struct nl_msg *veth_request(const struct link_end ends[static 2])
{
	struct rtnl_link *link = rtnl_link_veth_alloc();
	struct rtnl_link *peer = link ? rtnl_link_veth_get_peer(link) : NULL;
	struct nl_msg *msg = NULL;

	if (peer && fill_end(link, &ends[0]) == 0 && fill_end(peer, &ends[1]) == 0) {
		rtnl_link_set_ns_fd(peer, ends[1].netns);
		if (rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg) < 0)
			msg = NULL;
	}
	rtnl_link_put(peer);
	rtnl_link_put(link);
	return msg;
}

int link_add(struct nl_batch *batch, const struct link_end ends[static 2], struct error *err)
{
	return nl_batch_add(batch, veth_request(ends), err, "link %s to %s's %s", ends[0].ifname,
			    ends[1].who, ends[1].ifname);
}

int link_up(struct nl_batch *batch, int ifindex, const char *ifname, struct error *err)
{
	struct ifinfomsg ifi = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = ifindex,
		.ifi_flags = IFF_UP,
		.ifi_change = IFF_UP,
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);

	if (msg && nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return nl_batch_add(batch, msg, err, "link %s: up", ifname);
}

static struct nl_msg *neighbour_request(int ifindex, const struct addr *addr,
					const uint8_t mac[static ETH_ALEN])
{
	struct rtnl_neigh *neigh = rtnl_neigh_alloc();
	struct nl_addr *dst =
		nl_addr_build(addr->family, addr->bytes, addr->family == AF_INET6 ? 16 : 4);
	struct nl_addr *lladdr = nl_addr_build(AF_LLC, mac, ETH_ALEN);
	struct nl_msg *msg = NULL;

	if (neigh && dst && lladdr) {
		rtnl_neigh_set_ifindex(neigh, ifindex);
		rtnl_neigh_set_state(neigh, NUD_PERMANENT);
		rtnl_neigh_set_lladdr(neigh, lladdr);
		if (rtnl_neigh_set_dst(neigh, dst) < 0 ||
		    rtnl_neigh_build_add_request(neigh, NLM_F_CREATE | NLM_F_REPLACE, &msg) < 0)
			msg = NULL;
	}
	nl_addr_put(lladdr);
	nl_addr_put(dst);
	rtnl_neigh_put(neigh);
	return msg;
}

int link_add_neighbour(struct nl_batch *batch, const struct link_end *end, const struct addr *addr,
		       const uint8_t mac[static ETH_ALEN], struct error *err)
{
	char text[ADDR_TEXT_MAX];

	return nl_batch_add(batch, neighbour_request(end->ifindex, addr, mac), err,
			    "link %s: neighbour %s", end->ifname, addr_format_host(addr, text));
}

static struct nl_msg *get_request(int ifindex, uint32_t ext_mask)
{
	struct ifinfomsg ifi = {.ifi_family = AF_UNSPEC, .ifi_index = ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);

	if (msg && (nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0 ||
		    nla_put_u32(msg, IFLA_EXT_MASK, ext_mask) < 0)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}

static const struct nlattr *find_attr(const struct nlmsghdr *h, int type)
{
	return nla_find(nlmsg_attrdata(h, sizeof(struct ifinfomsg)),
			nlmsg_attrlen(h, sizeof(struct ifinfomsg)), type);
}

static void take_state(const struct nlmsghdr *answer, void *arg)
{
	const struct nlattr *attr = find_attr(answer, IFLA_OPERSTATE);

	*(int *)arg = attr && nla_get_u8(attr) == IF_OPER_UP;
}

int link_is_ready(struct nl_batch *batch, int ifindex, const char *ifname, struct error *err)
{
	int ready = 0;
	int r = nl_batch_ask(batch, get_request(ifindex, RTEXT_FILTER_SKIP_STATS), take_state,
			     &ready, err, "link %s: state", ifname);

	return r < 0 ? r : ready;
}

struct bytes {
	bool found;
	uint64_t rx, tx;
};

static void take_bytes(const struct nlmsghdr *answer, void *arg)
{
	const struct nlattr *attr = find_attr(answer, IFLA_STATS64);
	struct rtnl_link_stats64 stats = {0};
	struct bytes *bytes = arg;

	if (!attr)
		return;
	/* The kernel's struct grows: an older or a newer one is as good. */
	(void)nla_memcpy(&stats, attr, sizeof(stats));
	bytes->found = true;
	bytes->rx = stats.rx_bytes;
	bytes->tx = stats.tx_bytes;
}

int link_bytes(struct nl_batch *batch, int ifindex, uint64_t *ret_rx, uint64_t *ret_tx,
	       struct error *err)
{
	struct bytes bytes = {0};
	int r = nl_batch_ask(batch, get_request(ifindex, 0), take_bytes, &bytes, err,
			     "statistics of interface %d", ifindex);

	if (r < 0)
		return r;
	if (!bytes.found)
		return error_set(err, EPROTO, "the kernel gave no statistics of interface %d",
				 ifindex);
	*ret_rx = bytes.rx;
	*ret_tx = bytes.tx;
	return 0;
}
