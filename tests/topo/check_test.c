/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What topo_check() refuses, and in which words. */
#include "topo/topo_check.h"

#include "base/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

#define V4(a, b, c, d) addr_v4((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d), 0)

/*
 *  fn0 -- nat0 -- internet
 */
enum { INTERNET, NAT0, FN0, N_NODES };

struct sample {
	struct topo_node nodes[N_NODES];
	struct topo_link links[2];
	struct topo_route routes[3];
	struct topo_spec spec;
};

static void make_sample(struct sample *s)
{
	*s = (struct sample){
		.nodes =
			{
				[INTERNET] = {.name = "internet", .kind = TOPO_INTERNET},
				[NAT0] = {.name = "nat0",
					  .kind = TOPO_NAT,
					  .nat = &nat_preset_find("lambda")->nat,
					  .external = V4(198, 51, 100, 1),
					  .wan = "wan"},
				[FN0] = {.name = "fn0", .kind = TOPO_HOST},
			},
		.links =
			{
				{.ends = {{NAT0, "wan", V4(198, 51, 100, 1)},
					  {.node = INTERNET, .ifname = "eth0"}}},
				{.ends = {{FN0, "eth0", V4(10, 0, 0, 2)},
					  {NAT0, "lan0", V4(10, 0, 0, 1)}}},
			},
		.routes =
			{
				{INTERNET, V4(198, 51, 100, 1), 32, "eth0", {0}},
				{NAT0, V4(0, 0, 0, 0), 0, "wan", V4(169, 254, 1, 1)},
				{FN0, V4(0, 0, 0, 0), 0, "eth0", V4(10, 0, 0, 1)},
			},
	};
	s->spec = (struct topo_spec){
		.nodes = s->nodes,
		.n_nodes = N_NODES,
		.links = s->links,
		.n_links = ARRAY_SIZE(s->links),
		.routes = s->routes,
		.n_routes = ARRAY_SIZE(s->routes),
	};
}

static void assert_refused(const struct sample *s, const char *words)
{
	struct topo_index index;
	struct error err = {0};

	cr_assert_eq(topo_check(&s->spec, &index, &err), -EINVAL);
	cr_assert(strstr(err.text, words), "'%s' does not say '%s'", err.text, words);
}

static void assert_accepted(const struct sample *s)
{
	struct topo_index index;
	struct error err = {0};

	cr_assert_eq(topo_check(&s->spec, &index, &err), 0, "%s", err.text);
	topo_index_done(&index);
}

Test(topo_check, accepts_a_good_topology_and_indexes_it)
{
	struct topo_index index;
	struct error err = {0};
	struct sample s;

	make_sample(&s);
	cr_assert_eq(topo_check(&s.spec, &index, &err), 0, "%s", err.text);
	cr_assert_eq(index.first_end[NAT0 + 1] - index.first_end[NAT0], 2);
	cr_assert_eq(index.first_route[FN0 + 1] - index.first_route[FN0], 1);
	cr_assert_eq(index.routes[index.first_route[FN0]], 2);
	cr_assert_eq(topo_index_find(&index, &s.spec, NAT0, "lan0"), index.first_end[NAT0] + 1);
	cr_assert_eq(topo_index_find(&index, &s.spec, FN0, "lan0"), SIZE_MAX);
	topo_index_done(&index);
}

Test(topo_check, accepts_nothing_at_all)
{
	struct topo_spec spec = {0};
	struct topo_index index;

	cr_assert_eq(topo_check(&spec, &index, NULL), 0);
	topo_index_done(&index);
}

Test(topo_check, refuses_nodes_that_are_not_whole)
{
	struct sample s;

	make_sample(&s);
	s.nodes[FN0].name[0] = '\0';
	assert_refused(&s, "node 2 has no name");

	make_sample(&s);
	s.nodes[NAT0].nat = NULL;
	assert_refused(&s, "nat0: no NAT is declared");

	make_sample(&s);
	s.nodes[FN0].nat = s.nodes[NAT0].nat;
	assert_refused(&s, "fn0: a NAT is declared for what is none");

	make_sample(&s);
	s.nodes[NAT0].external = (struct addr){.family = AF_INET6, .bytes = {0x20, 1}};
	assert_refused(&s, "nat0: the external address is not IPv4");

	make_sample(&s);
	s.nodes[FN0].kind = TOPO_HOST + 1;
	assert_refused(&s, "fn0: there is no kind");
}

Test(topo_check, refuses_a_bad_declaration_in_the_nats_name)
{
	struct sample s;
	struct nat nat;

	make_sample(&s);
	nat = *s.nodes[NAT0].nat;
	nat.n_forwards = NAT_FORWARDS_MAX + 1;
	s.nodes[NAT0].nat = &nat;
	assert_refused(&s, "nat0: 65 forwards");
}

Test(topo_check, refuses_a_nat_whose_wan_is_not_there)
{
	struct sample s;

	make_sample(&s);
	(void)strcpy(s.nodes[NAT0].wan, "wan1");
	assert_refused(&s, "nat0: there is no interface wan1");

	make_sample(&s);
	s.nodes[NAT0].external = V4(198, 51, 100, 2);
	assert_refused(&s, "nat0: the external address is not that of interface wan");
}

Test(topo_check, refuses_a_nat_without_the_addresses_it_needs)
{
	struct nat nat = nat_preset_find("linux")->nat;
	struct sample s;

	make_sample(&s);
	s.nodes[NAT0].nat = &nat;
	nat.addresses = 2;
	assert_refused(&s, "nat0: a pool of 2 addresses and 0 one-to-one machines need 1 further");
	s.nodes[NAT0].others[0] = V4(198, 51, 100, 2);
	s.nodes[NAT0].n_others = 1;
	assert_accepted(&s);

	nat.statics[0] = (struct nat_static){V4(10, 0, 0, 2), V4(198, 51, 100, 3)};
	nat.n_statics = 1;
	assert_refused(&s, "nat0: 198.51.100.3 is to be one machine's, but is none of the further");
	s.nodes[NAT0].others[1] = V4(198, 51, 100, 3);
	s.nodes[NAT0].n_others = 2;
	assert_accepted(&s);
}

Test(topo_check, refuses_further_addresses_that_are_none)
{
	struct sample s;

	make_sample(&s);
	s.nodes[NAT0].n_others = 1;
	assert_refused(&s, "nat0: further address 0 is not IPv4");
	s.nodes[NAT0].others[0] = V4(198, 51, 100, 1);
	assert_refused(&s, "nat0: 198.51.100.1 is there twice");
	s.nodes[NAT0].others[0] = s.nodes[NAT0].others[1] = V4(198, 51, 100, 2);
	s.nodes[NAT0].n_others = 2;
	assert_refused(&s, "nat0: 198.51.100.2 is there twice");
	s.nodes[NAT0].n_others = TOPO_OTHERS_MAX + 1;
	assert_refused(&s, "nat0: 33 further addresses are more than 32");
	s.nodes[NAT0].n_others = 0;
	s.nodes[FN0].n_others = 1;
	assert_refused(&s, "fn0: further address 0 is not IPv4");
	s.nodes[FN0].others[0] = V4(198, 51, 100, 4);
	assert_accepted(&s);
}

Test(topo_check, refuses_links_to_nowhere)
{
	struct sample s;

	make_sample(&s);
	s.links[1].ends[0].node = N_NODES;
	assert_refused(&s, "link 1: there is no node 3");

	make_sample(&s);
	(void)memset(s.links[1].ends[0].ifname, 'x', TOPO_IFNAME_MAX);
	assert_refused(&s, "fn0: link 1 has no interface name");
}

Test(topo_check, refuses_routes_that_lead_nowhere)
{
	struct sample s;

	make_sample(&s);
	s.routes[2].node = N_NODES;
	assert_refused(&s, "route 2: there is no node 3");

	make_sample(&s);
	(void)strcpy(s.routes[2].ifname, "eth7");
	assert_refused(&s, "fn0: route to 0.0.0.0/0: there is no interface eth7");

	make_sample(&s);
	s.routes[0].prefix_len = 24;
	assert_refused(&s, "internet: route to 198.51.100.1/24: without a gateway");

	make_sample(&s);
	s.routes[2].prefix_len = 33;
	assert_refused(&s, "too long");

	make_sample(&s);
	s.routes[2].via = (struct addr){.family = AF_INET6};
	assert_refused(&s, "another family");
}

Test(topo_check, refuses_a_host_at_the_public_sides_own_address)
{
	struct sample s;

	make_sample(&s);
	s.links[1].ends[0].addr = addr_v4(TOPO_INTERNET_ADDR, 0);
	assert_refused(&s, "fn0: link eth0: 203.0.113.1 is internet's own address");
}

Test(topo_check, refuses_a_wire_that_cannot_be_in_the_name_of_the_end_it_is_from)
{
	struct topo_wire wire = {.from[1] = {.delay_ns = 5, .jitter_ns = 6}};
	struct topo_index index;
	struct sample s;

	make_sample(&s);
	s.links[1].wire = &wire;
	assert_refused(&s,
		       "nat0: link lan0: wire: a jitter of 6 ns is more than the delay of 5 ns");
	wire.from[1].jitter_ns = 5;
	cr_assert_eq(topo_check(&s.spec, &index, NULL), 0);
	topo_index_done(&index);
}
