/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nat.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

/* The kernel counts a timeout in ticks, in an int. */
#define TIMEOUT_MAX_S 2000000

static int check_enum(unsigned int value, size_t n, const char *what, struct error *err)
{
	if (value < n)
		return 0;
	return error_set(err, EINVAL, "%s: there is no value %u", what, value);
}

static int check_behaviour_enums(const struct nat_behaviour *b, struct error *err)
{
	int r = check_enum(b->mapping, NAT_MAPPING_NONE + 1, "mapping", err);

	if (!r)
		r = check_enum(b->filtering, NAT_FILTERING_APDF + 1, "filtering", err);
	if (!r)
		r = check_enum(b->allocation, NAT_ALLOCATION_BLOCK + 1, "allocation", err);
	if (!r)
		r = check_enum(b->conflict, NAT_CONFLICT_SEQUENTIAL + 1, "conflict", err);
	if (!r)
		r = check_enum(b->hairpin, NAT_HAIRPIN_INTERNAL + 1, "hairpin", err);
	return r;
}

static int check_enums(const struct nat *nat, struct error *err)
{
	int r = check_behaviour_enums(&nat->tcp, err);

	if (!r)
		r = check_behaviour_enums(&nat->udp, err);
	if (!r)
		r = check_enum(nat->unsolicited, NAT_UNSOLICITED_ICMP + 1, "unsolicited", err);
	if (!r)
		r = check_enum(nat->tcp_tracking, NAT_TCP_LIBERAL + 1, "tcp_tracking", err);
	if (!r)
		r = check_enum(nat->expired, NAT_EXPIRED_RST + 1, "expired", err);
	if (!r)
		r = check_enum(nat->pooling, NAT_POOLING_ARBITRARY + 1, "pooling", err);
	return r;
}

/* A port that is kept though others have it makes one external endpoint of several. */
static int check_conflict(const struct nat_behaviour *b, struct error *err)
{
	if (b->allocation != NAT_ALLOCATION_PRESERVE || b->conflict != NAT_CONFLICT_OVERLOAD)
		return 0;
	if (b->mapping != NAT_MAPPING_EIM)
		return error_set(err, EINVAL,
				 "with 'conflict: overload' a port is always kept, the same for "
				 "all remote endpoints, which is no %s mapping",
				 nat_mapping_names[b->mapping]);
	if (b->filtering != NAT_FILTERING_APDF)
		return error_set(err, EINVAL,
				 "with 'conflict: overload' several inside endpoints have one "
				 "external one, so %s filtering can't tell whom a packet is for",
				 nat_filtering_names[b->filtering]);
	if (b->hairpin != NAT_HAIRPIN_OFF)
		return error_set(err, EINVAL,
				 "with 'conflict: overload' several inside endpoints have one "
				 "external one, so hairpinning can't tell whom a packet is for");
	return 0;
}

int nat_check_conflict(const struct nat *nat, struct error *err)
{
	static const char remedy[] = "choose 'conflict: random' or 'sequential'";
	struct error tcp = {0}, udp = {0};
	int t = check_conflict(&nat->tcp, &tcp), u = check_conflict(&nat->udp, &udp);

	if (t < 0 && u < 0 && strcmp(tcp.text, udp.text) != 0)
		return error_set(err, EINVAL, "TCP: %s; UDP: %s; %s", tcp.text, udp.text, remedy);
	if (t < 0 || u < 0)
		return error_set(err, EINVAL, "%s: %s; %s",
				 u == 0	  ? "TCP"
				 : t == 0 ? "UDP"
					  : "TCP and UDP",
				 t < 0 ? tcp.text : udp.text, remedy);
	return 0;
}

static bool has_limits(const struct nat_limits *limits)
{
	return limits->flows_per_host || limits->flows_per_destination ||
	       limits->new_flows_per_second || limits->table;
}

/* A public machine: nothing is declared but that. */
static int check_none(const struct nat *nat, struct error *err)
{
	const char *what = NULL;

	if (nat->tcp.mapping != nat->udp.mapping)
		return error_set(err, EINVAL,
				 "mapping none is for TCP and UDP alike, or for neither");
	if (nat->tcp.filtering != NAT_FILTERING_EIF || nat->udp.filtering != NAT_FILTERING_EIF)
		what = "filtering";
	else if (nat->tcp.hairpin != NAT_HAIRPIN_OFF || nat->udp.hairpin != NAT_HAIRPIN_OFF)
		what = "hairpinning";
	else if (nat->unsolicited != NAT_UNSOLICITED_DROP)
		what = "answer to the unsolicited";
	else if (!nat->simultaneous_open)
		what = "refusal of a simultaneous open";
	else if (nat->expired != NAT_EXPIRED_DROP)
		what = "answer to the expired";
	else if (nat->addresses > 1)
		what = "pool";
	else if (nat->n_forwards)
		what = "forward";
	else if (nat->n_statics)
		what = "one-to-one translation";
	else if (has_limits(&nat->limits))
		what = "limit";
	if (what)
		return error_set(
			err, EINVAL,
			"mapping none: there is no %s without a NAT; 'preset: none' has none of all that",
			what);
	return 0;
}

static int check_ports(const struct nat *nat, struct error *err)
{
	bool block = nat->tcp.allocation == NAT_ALLOCATION_BLOCK ||
		     nat->udp.allocation == NAT_ALLOCATION_BLOCK;

	if (!nat->port_min)
		return error_set(err, EINVAL, "there is no port 0");
	if (nat->port_min > nat->port_max)
		return error_set(err, EINVAL, "ports %u to %u are none", nat->port_min,
				 nat->port_max);
	if (block && !nat->block_size)
		return error_set(err, EINVAL, "a block of no ports");
	if (block && nat->block_size > (uint32_t)nat->port_max - nat->port_min + 1)
		return error_set(err, EINVAL, "a block of %u ports does not fit ports %u to %u",
				 nat->block_size, nat->port_min, nat->port_max);
	if (!nat->addresses || nat->addresses > NAT_ADDRESSES_MAX)
		return error_set(err, EINVAL, "a pool has 1 to %d addresses, not %u",
				 NAT_ADDRESSES_MAX, nat->addresses);
	return 0;
}

static int check_timeouts(const struct nat_timeouts *t, struct error *err)
{
	const struct {
		const char *name;
		uint32_t seconds;
	} all[] = {
		{"tcp_syn_sent", t->tcp_syn_sent},
		{"tcp_syn_received", t->tcp_syn_received},
		{"tcp_established", t->tcp_established},
		{"tcp_fin_wait", t->tcp_fin_wait},
		{"tcp_close_wait", t->tcp_close_wait},
		{"tcp_last_ack", t->tcp_last_ack},
		{"tcp_time_wait", t->tcp_time_wait},
		{"tcp_close", t->tcp_close},
		{"udp", t->udp},
		{"udp_stream", t->udp_stream},
		{"icmp", t->icmp},
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (!all[i].seconds)
			return error_set(err, EINVAL, "timeout %s is no time at all", all[i].name);
		if (all[i].seconds > TIMEOUT_MAX_S)
			return error_set(err, EINVAL, "timeout %s is more than %d s", all[i].name,
					 TIMEOUT_MAX_S);
	}
	return 0;
}

static int check_forward(const struct nat *nat, size_t i, struct error *err)
{
	const struct nat_forward *f = &nat->forwards[i];

	if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP)
		return error_set(err, EINVAL, "forward %zu: protocol %u is neither TCP nor UDP", i,
				 f->proto);
	if (!f->port || !f->to.port)
		return error_set(err, EINVAL, "forward %zu: a port is missing", i);
	if (f->to.family != AF_INET || addr_is_any(&f->to))
		return error_set(err, EINVAL, "forward %zu: the inside address is not IPv4", i);
	for (size_t j = 0; j < i; j++)
		if (nat->forwards[j].proto == f->proto && nat->forwards[j].port == f->port)
			return error_set(err, EINVAL,
					 "forwards %zu and %zu: both are of %s port %u", j, i,
					 f->proto == IPPROTO_TCP ? "TCP" : "UDP", f->port);
	return 0;
}

static int check_static(const struct nat *nat, size_t i, struct error *err)
{
	const struct nat_static *s = &nat->statics[i];

	if (s->inside.family != AF_INET || addr_is_any(&s->inside))
		return error_set(err, EINVAL, "one-to-one %zu: the inside address is not IPv4", i);
	if (s->external.family != AF_INET || addr_is_any(&s->external))
		return error_set(err, EINVAL, "one-to-one %zu: the external address is not IPv4",
				 i);
	for (size_t j = 0; j < i; j++) {
		if (addr_same_host(&nat->statics[j].inside, &s->inside))
			return error_set(err, EINVAL, "one-to-one %zu and %zu: of the same machine",
					 j, i);
		if (addr_same_host(&nat->statics[j].external, &s->external))
			return error_set(err, EINVAL,
					 "one-to-one %zu and %zu: to the same external address", j,
					 i);
	}
	return 0;
}

static int check_lists(const struct nat *nat, struct error *err)
{
	int r = 0;

	if (nat->n_forwards > NAT_FORWARDS_MAX)
		return error_set(err, EINVAL, "%zu forwards are more than %d", nat->n_forwards,
				 NAT_FORWARDS_MAX);
	if (nat->n_statics > NAT_STATICS_MAX)
		return error_set(err, EINVAL, "%zu one-to-one machines are more than %d",
				 nat->n_statics, NAT_STATICS_MAX);
	for (size_t i = 0; r == 0 && i < nat->n_statics; i++)
		r = check_static(nat, i, err);
	for (size_t i = 0; r == 0 && i < nat->n_forwards; i++)
		r = check_forward(nat, i, err);
	return r;
}

int nat_check(const struct nat *nat, struct error *err)
{
	int r;

	if (strnlen(nat->preset, sizeof(nat->preset)) == sizeof(nat->preset))
		return error_set(err, EINVAL, "the preset's name has no end");
	r = check_enums(nat, err);
	if (!r)
		r = check_timeouts(&nat->timeouts, err);
	if (!r)
		r = check_lists(nat, err);
	if (!r)
		r = check_ports(nat, err);
	if (!r && (nat->tcp.mapping == NAT_MAPPING_NONE || nat->udp.mapping == NAT_MAPPING_NONE))
		return check_none(nat, err);
	if (!r)
		r = nat_check_conflict(nat, err);
	if (!r && nat->loose && nat->expired == NAT_EXPIRED_RST)
		r = error_set(
			err, EINVAL,
			"a NAT that picks up TCP flows in their middle (loose) has none that are "
			"expired, to answer with a reset");
	return r;
}
