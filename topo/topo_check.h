/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the check of a topology before anything is made of it: what
 * the kernel could not refuse, or would refuse in words that help nobody. On the
 * way it sorts ends and routes by node. Pure.
 */
#ifndef TOPO_TOPO_CHECK_H
#define TOPO_TOPO_CHECK_H

#include "base/error.h"
#include "topo/topo.h"

/** struct topo_end_ref - which end of which link */
struct topo_end_ref {
	size_t link;
	int end;
};

/**
 * struct topo_index - a spec's ends and routes, by node
 * @ends: those of node n are [first_end[n], first_end[n + 1]), in the spec's order
 * @routes: likewise, indices of routes
 */
struct topo_index {
	struct topo_end_ref *ends;
	size_t *first_end;
	size_t *routes;
	size_t *first_route;
};

/**
 * topo_check() - is the spec consistent?
 * @ret_index: topo_index_done() frees it; untouched on failure
 *
 * Return: 0, -EINVAL with the object and the reason in @err, or -ENOMEM.
 */
int topo_check(const struct topo_spec *spec, struct topo_index *ret_index, struct error *err);

/**
 * topo_check_addresses() - has the node all addresses that @nat needs?
 *
 * Return: 0, or -EINVAL with the reason in @err.
 */
int topo_check_addresses(const struct topo_node *node, const struct nat *nat, struct error *err);

/** topo_index_done() - free what was allocated. */
void topo_index_done(struct topo_index *index);

/**
 * topo_index_find() - the end of @node that is named @ifname
 *
 * Return: its position in @index->ends, or SIZE_MAX.
 */
size_t topo_index_find(const struct topo_index *index, const struct topo_spec *spec, size_t node,
		       const char *ifname);

/** topo_internet_addr() - the address that a TOPO_INTERNET's ICMP errors come from. */
struct addr topo_internet_addr(const struct topo_node *node);

#endif
