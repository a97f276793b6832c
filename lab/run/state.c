/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/state.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static const char *proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
		return "icmp";
	default:
		return "other";
	}
}

static const char *state_name(enum conntrack_tcp state)
{
	static const char *const names[] = {
		[CONNTRACK_TCP_NONE] = NULL,
		[CONNTRACK_TCP_OPENING] = "opening",
		[CONNTRACK_TCP_ESTABLISHED] = "established",
		[CONNTRACK_TCP_CLOSING] = "closing",
		[CONNTRACK_TCP_CLOSED] = "closed",
	};

	return names[state];
}

/* null for one that is none: all of them. */
static json_t *address(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr->family == AF_UNSPEC ? json_null() : json_string(addr_format(addr, text));
}

static json_t *mappings(const struct topo_nat_state *state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < state->n_mappings; i++) {
		const struct topo_mapping *m = &state->mappings[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:o, s:f}", "proto", proto_name(m->proto),
					"inside", address(&m->inside), "external",
					address(&m->external), "remote", address(&m->remote),
					"expires_s", (double)m->expires_ms / 1000));
	}
	return list;
}

static json_t *filters(const struct topo_nat_state *state)
{
	json_t *list = json_array();

	for (size_t i = 0; i < state->n_filters; i++) {
		const struct topo_filter *f = &state->filters[i];

		(void)json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:f}", "proto",
							    proto_name(f->proto), "external",
							    address(&f->external), "remote",
							    address(&f->remote), "expires_s",
							    (double)f->expires_ms / 1000));
	}
	return list;
}

static json_t *flows(const struct conntrack *watch)
{
	size_t n;
	const struct conntrack_flow *flow = conntrack_flows(watch, &n);
	json_t *list = json_array();

	for (; n; n--, flow++) {
		if (flow->gone)
			continue;
		(void)json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:o, s:o, s:s?, s:I, s:I, s:i}", "proto",
					proto_name(flow->proto), "src", address(&flow->src), "dst",
					address(&flow->dst), "reply_src", address(&flow->reply_src),
					"reply_dst", address(&flow->reply_dst), "state",
					state_name(flow->tcp), "bytes", (json_int_t)flow->bytes,
					"reply_bytes", (json_int_t)flow->reply_bytes, "expires_s",
					(int)flow->expires_s));
	}
	return list;
}

static int add_nat(const struct world *world, const struct router *router, json_t *list,
		   struct error *err)
{
	cleanup_with(topo_nat_state_done) struct topo_nat_state state = {0};
	int r = topo_nat_state(world->topo, router->nat->topo, &state, err);

	if (r == 0)
		r = conntrack_refresh(router->watch, err);
	if (r < 0)
		return error_wrap(err, "%s", router->nat->name);
	(void)json_array_append_new(list,
				    json_pack("{s:s, s:o, s:o, s:o}", "nat", router->nat->name,
					      "mappings", mappings(&state), "filters",
					      filters(&state), "flows", flows(router->watch)));
	return 0;
}

static int no_such_nat(const struct plan *plan, const char *name, struct error *err)
{
	char names[512] = "none";
	size_t len = 0;

	for (size_t i = 0; i < plan->n_nats && len < sizeof(names); i++)
		len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "",
					plan->nats[i].name);
	return error_set(err, ENOENT, "no NAT \"%s\" is here; there is: %s%s", name, names,
			 len < sizeof(names) ? "" : " ...");
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

int state_open(struct world *world, const char *nat, struct error *err)
{
	cleanup_with(drop_json) json_t *list = json_array();
	cleanup_close int fd = memfd_create("state", MFD_CLOEXEC);
	size_t n = world->plan->n_nats;
	int r = 0;

	if (fd < 0)
		return error_sys(err, errno, "the NATs' state");
	if (*nat && !plan_find_nat(world->plan, nat))
		return no_such_nat(world->plan, nat, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct router *router = &world->routers[i];

		if (*nat && strcmp(router->nat->name, nat) != 0)
			continue;
		if (!router->watch)
			return error_set(err, EAGAIN, "the NATs are not there yet");
		r = add_nat(world, router, list, err);
	}
	if (r < 0)
		return r;
	if (json_dumpfd(list, fd, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0)
		return error_sys(err, ENOMEM, "the NATs' state");
	return take_fd(&fd);
}
