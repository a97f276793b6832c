/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/router_state.h"

#include "base/cleanup.h"
#include "topo/nat_rules.h"
#include "topo/nat_tables.h"
#include "topo/nft.h"

#include <string.h>

/* Where the fields of a key or of data lie. */
#define ADDR_AT	  0
#define PORT_AT	  4
#define REMOTE_AT 8

struct reading {
	int netns;
	const struct rules *rules;
	const struct nat_tables *tables;
	struct topo_nat_state *state;
};

static struct addr addr_at(const uint8_t *fields)
{
	struct addr addr = {.family = AF_INET};

	(void)memcpy(addr.bytes, fields, 4);
	return addr;
}

static struct addr endpoint_at(const uint8_t *fields)
{
	struct addr addr = addr_at(fields + ADDR_AT);

	addr.port = (uint16_t)(fields[PORT_AT] << 8 | fields[PORT_AT + 1]);
	return addr;
}

static struct topo_mapping mapping_out(const struct nat_tables *t, const struct nft_entry *e)
{
	struct topo_mapping m = {.proto = t->proto,
				 .inside = endpoint_at(e->key),
				 .external = endpoint_at(e->data),
				 .expires_ms = e->expires_ms};

	if (t->behaviour->mapping == NAT_MAPPING_ADM)
		m.remote = addr_at(e->key + REMOTE_AT);
	return m;
}

static struct topo_mapping mapping_in(const struct nat_tables *t, const struct nft_entry *e)
{
	return (struct topo_mapping){.proto = t->proto,
				     .inside = endpoint_at(e->data),
				     .external = endpoint_at(e->key),
				     .expires_ms = e->expires_ms};
}

static int add_mappings(const struct reading *reading, const struct nft_entry *entries, size_t n)
{
	struct topo_nat_state *state = reading->state;
	const struct nat_tables *t = reading->tables;
	void *moved;

	if (!n)
		return 0;
	moved = reallocarray(state->mappings, state->n_mappings + n, sizeof(*state->mappings));
	if (!moved)
		return -ENOMEM;
	state->mappings = moved;
	for (size_t i = 0; i < n; i++)
		state->mappings[state->n_mappings++] = t->out[0] != NAT_NO_TABLE
							       ? mapping_out(t, &entries[i])
							       : mapping_in(t, &entries[i]);
	return 0;
}

static int add_filters(const struct reading *reading, const struct nft_entry *entries, size_t n)
{
	struct topo_nat_state *state = reading->state;
	void *moved;

	if (!n)
		return 0;
	moved = reallocarray(state->filters, state->n_filters + n, sizeof(*state->filters));
	if (!moved)
		return -ENOMEM;
	state->filters = moved;
	for (size_t i = 0; i < n; i++)
		state->filters[state->n_filters++] =
			(struct topo_filter){.proto = reading->tables->proto,
					     .external = endpoint_at(entries[i].key),
					     .remote = addr_at(entries[i].key + REMOTE_AT),
					     .expires_ms = entries[i].expires_ms};
	return 0;
}

static int read_set(const struct reading *reading, size_t set,
		    int (*add)(const struct reading *reading, const struct nft_entry *entries,
			       size_t n),
		    struct error *err)
{
	cleanup_free struct nft_entry *entries = NULL;
	size_t n = 0;
	int r;

	if (set == NAT_NO_TABLE)
		return 0;
	r = nft_entries(reading->netns, reading->rules->table, reading->rules->sets[set].name,
			&entries, &n, err);
	if (!r && add(reading, entries, n) < 0)
		r = error_sys(err, ENOMEM, "state of a NAT");
	return r;
}

/* What a mapping is for is the same on either clock; the order is that of people. */
static int cmp_endpoint(const struct addr *a, const struct addr *b)
{
	int r = addr_cmp_host(a, b);

	return r ? r : (int)a->port - (int)b->port;
}

static int cmp_mapping(const void *pa, const void *pb)
{
	const struct topo_mapping *a = pa, *b = pb;
	int r = (int)a->proto - (int)b->proto;

	if (!r)
		r = cmp_endpoint(&a->inside, &b->inside);
	if (!r)
		r = cmp_endpoint(&a->external, &b->external);
	return r ? r : cmp_endpoint(&a->remote, &b->remote);
}

static int cmp_filter(const void *pa, const void *pb)
{
	const struct topo_filter *a = pa, *b = pb;
	int r = (int)a->proto - (int)b->proto;

	if (!r)
		r = cmp_endpoint(&a->external, &b->external);
	return r ? r : cmp_endpoint(&a->remote, &b->remote);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* One entry of those that two clocks have, with the later end. */
static void merge_mappings(struct topo_nat_state *state)
{
	struct topo_mapping *all = state->mappings;
	size_t n = 0;

	if (state->n_mappings)
		qsort(all, state->n_mappings, sizeof(*all), cmp_mapping);
	for (size_t i = 0; i < state->n_mappings; i++) {
		if (n && cmp_mapping(&all[n - 1], &all[i]) == 0)
			all[n - 1].expires_ms = later(all[n - 1].expires_ms, all[i].expires_ms);
		else
			all[n++] = all[i];
	}
	state->n_mappings = n;
}

static void merge_filters(struct topo_nat_state *state)
{
	struct topo_filter *all = state->filters;
	size_t n = 0;

	if (state->n_filters)
		qsort(all, state->n_filters, sizeof(*all), cmp_filter);
	for (size_t i = 0; i < state->n_filters; i++) {
		if (n && cmp_filter(&all[n - 1], &all[i]) == 0)
			all[n - 1].expires_ms = later(all[n - 1].expires_ms, all[i].expires_ms);
		else
			all[n++] = all[i];
	}
	state->n_filters = n;
}

static int read_proto(const struct nat *nat, uint8_t proto, int netns, struct topo_nat_state *state,
		      struct error *err)
{
	cleanup_with(rules_done) struct rules rules;
	struct nat_tables t;
	struct reading reading = {netns, &rules, &t, state};
	int r = 0;

	rules_init(&rules, NAT_RULES_TABLE);
	nat_tables_add(&rules, nat, proto, &t);
	for (unsigned int i = 0; r == 0 && i < t.clocks; i++) {
		r = read_set(&reading, t.out[0] != NAT_NO_TABLE ? t.out[i] : t.in[i], add_mappings,
			     err);
		if (!r)
			r = read_set(&reading, t.contacted[i], add_filters, err);
	}
	return r;
}

int router_state_read(const struct nat *nat, int netns, struct topo_nat_state *ret_state,
		      struct error *err)
{
	struct topo_nat_state state = {.n_mappings = 0};
	int r = 0;

	if (nat_translates(nat)) {
		r = read_proto(nat, IPPROTO_TCP, netns, &state, err);
		if (!r)
			r = read_proto(nat, IPPROTO_UDP, netns, &state, err);
	}
	if (r < 0) {
		topo_nat_state_done(&state);
		return r;
	}
	merge_mappings(&state);
	merge_filters(&state);
	*ret_state = state;
	return 0;
}

void topo_nat_state_done(struct topo_nat_state *state)
{
	free(state->mappings);
	free(state->filters);
	*state = (struct topo_nat_state){.n_mappings = 0};
}
