/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface between the parts of planning: plan.c, which has the machines,
 * plan_nats.c and plan_link.c. Nothing else includes it.
 */
#ifndef LAB_PLAN_MAKING_H
#define LAB_PLAN_MAKING_H

#include "lab/plan.h"

/** struct plan_lan - what is linked to the inside of a NAT so far */
struct plan_lan {
	unsigned links;
	unsigned hosts;
};

/**
 * struct making - a plan being made
 * @lans: parallel to plan.nats
 * @shared: index into plan.nats of each entry of scenario.nats; PLAN_NONE: it
 *	translates nothing, so there is none
 * @n_own: how many functions' own NATs have been given to them
 */
struct making {
	struct plan *plan;
	struct plan_lan *lans;
	size_t *shared;
	size_t n_own;
	size_t n_public, n_external;
};

/** making_node() - a new node of the topology. */
struct topo_node *making_node(struct making *m, const char *name, enum topo_kind kind);
/** making_public() - the next address of a public machine. */
struct addr making_public(struct making *m);
/**
 * making_address() - the next address on the inside of NAT @nat
 *
 * PLAN_NONE: the next one of NATs on the public side. Return: 0, or -EINVAL.
 */
int making_address(struct making *m, size_t nat, struct addr *ret_addr, struct error *err);
/** making_hidden() - of the addresses there that are kept for hidden hosts, number @i. */
struct addr making_hidden(size_t nat, unsigned i);
/**
 * making_link() - link a node to the inside of NAT @nat, or to the internet
 * @ifname: the node's
 * @is_default: all that it sends goes there
 *
 * Return: the link's index; its ends[1] is the node's.
 */
size_t making_link(struct making *m, size_t nat, size_t node, const char *ifname,
		   const struct addr *addr, bool is_default);
/** making_wire() - make a wire of @link, if @from says so; @name is kept; NULL is legal. */
void making_wire(struct making *m, const char *name, size_t link, const struct scenario_link *from);
/** making_route() - @addr is to be reached over that link too. */
void making_route(struct making *m, size_t link, const struct addr *addr);

/** making_nats() - all NATs, with their first addresses. Return: 0, or -errno. */
int making_nats(struct making *m, struct error *err);
/** making_more() - what needs the machines: further addresses, forwards. Return: 0, or -errno. */
int making_more(struct making *m, struct error *err);
/** making_public_check() - a reflector on the public side. */
void making_public_check(struct making *m);
/** making_checks() - hidden hosts. */
void making_checks(struct making *m);

#endif
