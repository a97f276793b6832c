/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/topo_check.h"

#include "base/cleanup.h"

#include <string.h>

struct addr topo_internet_addr(const struct topo_node *node)
{
	if (node->external.family != AF_UNSPEC)
		return node->external;
	return addr_v4(TOPO_INTERNET_ADDR, 0);
}

static bool is_name(const char *text, size_t size)
{
	return text[0] && strnlen(text, size) < size;
}

static bool has_other(const struct topo_node *node, const struct addr *addr)
{
	for (size_t i = 0; i < node->n_others; i++)
		if (addr_same_host(&node->others[i], addr))
			return true;
	return false;
}

int topo_check_addresses(const struct topo_node *node, const struct nat *nat, struct error *err)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < nat->n_statics; i++)
		if (!has_other(node, &nat->statics[i].external))
			return error_set(err, EINVAL,
					 "%s is to be one machine's, but is none of the further "
					 "addresses",
					 addr_format_host(&nat->statics[i].external, text));
	if (node->n_others < nat->addresses - 1 + nat->n_statics)
		return error_set(err, EINVAL,
				 "a pool of %u addresses and %zu one-to-one machines need %zu "
				 "further addresses, not %zu",
				 nat->addresses, nat->n_statics,
				 nat->addresses - 1 + nat->n_statics, node->n_others);
	return 0;
}

static int check_others(const struct topo_node *node, struct error *err)
{
	char text[ADDR_TEXT_MAX];

	if (node->n_others > TOPO_OTHERS_MAX)
		return error_set(err, EINVAL, "%zu further addresses are more than %d",
				 node->n_others, TOPO_OTHERS_MAX);
	for (size_t i = 0; i < node->n_others; i++) {
		const struct addr *other = &node->others[i];
		bool twice = addr_same_host(other, &node->external);

		if (other->family != AF_INET || addr_is_any(other))
			return error_set(err, EINVAL, "further address %zu is not IPv4", i);
		for (size_t j = 0; j < i; j++)
			twice |= addr_same_host(other, &node->others[j]);
		if (twice)
			return error_set(err, EINVAL, "%s is there twice",
					 addr_format_host(other, text));
	}
	return 0;
}

static int check_nat(const struct topo_node *node, struct error *err)
{
	int r;

	if (!node->nat)
		return error_set(err, EINVAL, "%s: no NAT is declared", node->name);
	if (node->external.family != AF_INET || addr_is_any(&node->external))
		return error_set(err, EINVAL, "%s: the external address is not IPv4", node->name);
	if (!is_name(node->wan, sizeof(node->wan)))
		return error_set(err, EINVAL, "%s: no WAN interface is named", node->name);
	r = nat_check(node->nat, err);
	if (!r)
		r = check_others(node, err);
	if (!r)
		r = topo_check_addresses(node, node->nat, err);
	return r < 0 && err ? error_wrap(err, "%s", node->name) : r;
}

static int check_node(const struct topo_spec *spec, size_t i, struct error *err)
{
	const struct topo_node *node = &spec->nodes[i];
	int r;

	if (!is_name(node->name, sizeof(node->name)))
		return error_set(err, EINVAL, "node %zu has no name", i);
	if (node->kind == TOPO_INTERNET && node->n_others)
		return error_set(err, EINVAL, "%s: the public side has no further addresses",
				 node->name);
	switch (node->kind) {
	case TOPO_NAT:
		return check_nat(node, err);
	case TOPO_INTERNET:
	case TOPO_HOST:
		if (node->nat)
			return error_set(err, EINVAL, "%s: a NAT is declared for what is none",
					 node->name);
		r = check_others(node, err);
		return r < 0 && err ? error_wrap(err, "%s", node->name) : r;
	default:
		return error_set(err, EINVAL, "%s: there is no kind %u", node->name, node->kind);
	}
}

static int check_end(const struct topo_spec *spec, size_t link, int which, struct error *err)
{
	const struct topo_end *end = &spec->links[link].ends[which];

	if (end->node >= spec->n_nodes)
		return error_set(err, EINVAL, "link %zu: there is no node %zu", link, end->node);
	if (!is_name(end->ifname, sizeof(end->ifname)))
		return error_set(err, EINVAL, "%s: link %zu has no interface name",
				 spec->nodes[end->node].name, link);
	if (end->addr.family != AF_UNSPEC && addr_is_any(&end->addr))
		return error_set(err, EINVAL, "%s: link %s: the address is the unspecified one",
				 spec->nodes[end->node].name, end->ifname);
	return 0;
}

static int check_wire(const struct topo_spec *spec, size_t link, struct error *err)
{
	const struct topo_wire *wire = spec->links[link].wire;
	int r = 0;

	for (int e = 0; wire && r == 0 && e < 2; e++) {
		const struct topo_end *end = &spec->links[link].ends[e];

		r = fate_check(&wire->from[e], err);
		if (r < 0 && err)
			return error_wrap(err, "%s: link %s: wire", spec->nodes[end->node].name,
					  end->ifname);
	}
	return r;
}

/* Sorts by node with stable order: on return @first[n] is where node n's begin. */
static int index_ends(const struct topo_spec *spec, struct topo_index *index)
{
	index->first_end = calloc(spec->n_nodes + 2, sizeof(*index->first_end));
	index->ends = calloc(spec->n_links * 2 + 1, sizeof(*index->ends));
	if (!index->first_end || !index->ends)
		return -ENOMEM;
	/* Counted two places up, then moved one down by the filling itself. */
	for (size_t i = 0; i < spec->n_links * 2; i++)
		index->first_end[spec->links[i / 2].ends[i % 2].node + 2]++;
	for (size_t n = 2; n < spec->n_nodes + 2; n++)
		index->first_end[n] += index->first_end[n - 1];
	for (size_t i = 0; i < spec->n_links * 2; i++) {
		size_t *at = &index->first_end[spec->links[i / 2].ends[i % 2].node + 1];

		index->ends[(*at)++] = (struct topo_end_ref){i / 2, (int)(i % 2)};
	}
	return 0;
}

static int index_routes(const struct topo_spec *spec, struct topo_index *index)
{
	index->first_route = calloc(spec->n_nodes + 2, sizeof(*index->first_route));
	index->routes = calloc(spec->n_routes + 1, sizeof(*index->routes));
	if (!index->first_route || !index->routes)
		return -ENOMEM;
	for (size_t i = 0; i < spec->n_routes; i++)
		index->first_route[spec->routes[i].node + 2]++;
	for (size_t n = 2; n < spec->n_nodes + 2; n++)
		index->first_route[n] += index->first_route[n - 1];
	for (size_t i = 0; i < spec->n_routes; i++)
		index->routes[index->first_route[spec->routes[i].node + 1]++] = i;
	return 0;
}

void topo_index_done(struct topo_index *index)
{
	free(index->ends);
	free(index->first_end);
	free(index->routes);
	free(index->first_route);
	(void)memset(index, 0, sizeof(*index));
}

size_t topo_index_find(const struct topo_index *index, const struct topo_spec *spec, size_t node,
		       const char *ifname)
{
	for (size_t i = index->first_end[node]; i < index->first_end[node + 1]; i++) {
		const struct topo_end_ref *ref = &index->ends[i];

		if (strcmp(spec->links[ref->link].ends[ref->end].ifname, ifname) == 0)
			return i;
	}
	return SIZE_MAX;
}

static int check_route(const struct topo_spec *spec, const struct topo_index *index, size_t i,
		       struct error *err)
{
	const struct topo_route *route = &spec->routes[i];
	const char *who = spec->nodes[route->node].name;
	unsigned int width = route->dst.family == AF_INET6 ? 128 : 32;
	char dst[ADDR_TEXT_MAX];

	if (route->dst.family != AF_INET && route->dst.family != AF_INET6)
		return error_set(err, EINVAL, "%s: route %zu has no destination", who, i);
	(void)addr_format_host(&route->dst, dst);
	if (route->prefix_len > width)
		return error_set(err, EINVAL, "%s: route to %s/%u: the prefix is too long", who,
				 dst, route->prefix_len);
	if (!route->ifname[0])
		return 0;
	if (!is_name(route->ifname, sizeof(route->ifname)) ||
	    topo_index_find(index, spec, route->node, route->ifname) == SIZE_MAX)
		return error_set(err, EINVAL, "%s: route to %s/%u: there is no interface %.*s", who,
				 dst, route->prefix_len, TOPO_IFNAME_MAX, route->ifname);
	if (route->via.family == AF_UNSPEC && route->prefix_len != width)
		return error_set(err, EINVAL,
				 "%s: route to %s/%u: without a gateway only one host can be "
				 "reached (its neighbour entry is permanent)",
				 who, dst, route->prefix_len);
	if (route->via.family != AF_UNSPEC && route->via.family != route->dst.family)
		return error_set(err, EINVAL,
				 "%s: route to %s/%u: the gateway is of another family", who, dst,
				 route->prefix_len);
	return 0;
}

/* The rules of a NAT name its WAN interface and drop at its own input what is
 * sent to the external address: both have to be there. */
static int check_wan(const struct topo_spec *spec, const struct topo_index *index, size_t i,
		     struct error *err)
{
	const struct topo_node *node = &spec->nodes[i];
	size_t at = topo_index_find(index, spec, i, node->wan);
	const struct topo_end_ref *ref;

	if (at == SIZE_MAX)
		return error_set(err, EINVAL, "%s: there is no interface %s", node->name,
				 node->wan);
	ref = &index->ends[at];
	if (!addr_same_host(&spec->links[ref->link].ends[ref->end].addr, &node->external))
		return error_set(err, EINVAL,
				 "%s: the external address is not that of interface %s", node->name,
				 node->wan);
	return 0;
}

static int check_internet(const struct topo_spec *spec, size_t i, struct error *err)
{
	struct addr own = topo_internet_addr(&spec->nodes[i]);
	char text[ADDR_TEXT_MAX];

	for (size_t j = 0; j < spec->n_links * 2; j++) {
		const struct topo_end *end = &spec->links[j / 2].ends[j % 2];

		if (end->node != i && addr_same_host(&end->addr, &own))
			return error_set(err, EINVAL, "%s: link %s: %s is %s's own address",
					 spec->nodes[end->node].name, end->ifname,
					 addr_format_host(&own, text), spec->nodes[i].name);
	}
	return 0;
}

static int check_indexed(const struct topo_spec *spec, const struct topo_index *index,
			 struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_nodes; i++) {
		if (spec->nodes[i].kind == TOPO_NAT)
			r = check_wan(spec, index, i, err);
		if (spec->nodes[i].kind == TOPO_INTERNET)
			r = check_internet(spec, i, err);
	}
	for (size_t i = 0; r == 0 && i < spec->n_routes; i++)
		r = check_route(spec, index, i, err);
	return r;
}

int topo_check(const struct topo_spec *spec, struct topo_index *ret_index, struct error *err)
{
	struct topo_index index = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < spec->n_nodes; i++)
		r = check_node(spec, i, err);
	for (size_t i = 0; r == 0 && i < spec->n_links * 2; i++)
		r = check_end(spec, i / 2, (int)(i % 2), err);
	for (size_t i = 0; r == 0 && i < spec->n_links; i++)
		r = check_wire(spec, i, err);
	for (size_t i = 0; r == 0 && i < spec->n_routes; i++)
		if (spec->routes[i].node >= spec->n_nodes)
			r = error_set(err, EINVAL, "route %zu: there is no node %zu", i,
				      spec->routes[i].node);
	if (r < 0)
		return r;
	if (index_ends(spec, &index) < 0 || index_routes(spec, &index) < 0)
		r = error_sys(err, ENOMEM, "topology");
	if (!r)
		r = check_indexed(spec, &index, err);
	if (r < 0)
		topo_index_done(&index);
	else
		*ret_index = index;
	return r;
}
