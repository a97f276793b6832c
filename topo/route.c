/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/route.h"

#include "topo/nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/msg.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

static struct nl_addr *to_nl(const struct addr *addr, unsigned int prefix_len)
{
	struct nl_addr *a =
		nl_addr_build(addr->family, addr->bytes, addr->family == AF_INET6 ? 16 : 4);

	if (a)
		nl_addr_set_prefixlen(a, (int)prefix_len);
	return a;
}

int route_add_addr(struct nl_batch *batch, int ifindex, const char *ifname, const struct addr *addr,
		   struct error *err)
{
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *local = to_nl(addr, addr->family == AF_INET6 ? 128 : 32);
	struct nl_msg *msg = NULL;
	char text[ADDR_TEXT_MAX];

	if (a && local) {
		rtnl_addr_set_ifindex(a, ifindex);
		rtnl_addr_set_scope(a, RT_SCOPE_UNIVERSE);
		/* One address on one point-to-point link is no duplicate. */
		if (addr->family == AF_INET6)
			rtnl_addr_set_flags(a, IFA_F_NODAD);
		if (rtnl_addr_set_local(a, local) < 0 ||
		    rtnl_addr_build_add_request(a, NLM_F_CREATE | NLM_F_EXCL, &msg) < 0)
			msg = NULL;
	}
	nl_addr_put(local);
	rtnl_addr_put(a);
	return nl_batch_add(batch, msg, err, "link %s: address %s", ifname,
			    addr_format_host(addr, text));
}

static int set_nexthop(struct rtnl_route *route, int ifindex, const struct addr *via)
{
	struct rtnl_nexthop *nh = rtnl_route_nh_alloc();
	struct nl_addr *gateway;

	if (!nh)
		return -ENOMEM;
	rtnl_route_nh_set_ifindex(nh, ifindex);
	if (via->family != AF_UNSPEC) {
		gateway = to_nl(via, via->family == AF_INET6 ? 128 : 32);
		if (!gateway) {
			rtnl_route_nh_free(nh);
			return -ENOMEM;
		}
		rtnl_route_nh_set_gateway(nh, gateway);
		rtnl_route_nh_set_flags(nh, RTNH_F_ONLINK);
		nl_addr_put(gateway);
	}
	rtnl_route_add_nexthop(route, nh);
	return 0;
}

/* @via: NULL for a black hole */
static struct nl_msg *route_request(const struct addr *dst, unsigned int prefix_len, int ifindex,
				    const struct addr *via)
{
	struct rtnl_route *route = rtnl_route_alloc();
	struct nl_addr *to = to_nl(dst, prefix_len);
	struct nl_msg *msg = NULL;
	int r = -ENOMEM;

	if (route && to) {
		bool on_link = via && via->family == AF_UNSPEC;

		(void)rtnl_route_set_family(route, (uint8_t)dst->family);
		(void)rtnl_route_set_table(route, RT_TABLE_MAIN);
		(void)rtnl_route_set_protocol(route, RTPROT_STATIC);
		rtnl_route_set_scope(route, on_link && dst->family == AF_INET ? RT_SCOPE_LINK
									      : RT_SCOPE_UNIVERSE);
		(void)rtnl_route_set_type(route, via ? RTN_UNICAST : RTN_BLACKHOLE);
		r = rtnl_route_set_dst(route, to);
		if (r == 0 && via)
			r = set_nexthop(route, ifindex, via);
		if (r == 0)
			r = rtnl_route_build_add_request(route, NLM_F_CREATE | NLM_F_EXCL, &msg);
	}
	nl_addr_put(to);
	rtnl_route_put(route);
	return r < 0 ? NULL : msg;
}

int route_add(struct nl_batch *batch, const struct addr *dst, unsigned int prefix_len, int ifindex,
	      const struct addr *via, struct error *err)
{
	char text[ADDR_TEXT_MAX];

	return nl_batch_add(batch, route_request(dst, prefix_len, ifindex, via), err,
			    "route to %s/%u", addr_format_host(dst, text), prefix_len);
}

int route_add_blackhole(struct nl_batch *batch, const struct addr *dst, unsigned int prefix_len,
			struct error *err)
{
	char text[ADDR_TEXT_MAX];

	return nl_batch_add(batch, route_request(dst, prefix_len, 0, NULL), err,
			    "black hole for %s/%u", addr_format_host(dst, text), prefix_len);
}
