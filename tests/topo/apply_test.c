/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Applying and undoing: all or nothing, sysctls, counters, size. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"
#include "topo/conntrack.h"
#include "topo/nft.h"
#include "topo/ns.h"
#include "topo/rules_steps.h"
#include "topo/wire.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 120000

static size_t count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	USERNS_CHECK(dir, "%m");
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void limit_namespaces(unsigned int max)
{
	FILE *f;

	if (!userns_is_own())
		userns_skip("a user namespace, whose limits the test may lower");
	f = fopen("/proc/sys/user/max_net_namespaces", "we");
	USERNS_CHECK(f, "%m");
	USERNS_CHECK(fprintf(f, "%u", max) > 0 && fclose(f) == 0, "%m");
}

/* Nothing but the helper's own namespace is left when one more fits into two. The
 * kernel cleans up in the background. */
static void check_nothing_is_left(void)
{
	uint64_t deadline = clock_now() + 30 * NS_PER_S;
	struct error err = {0};
	int fd;

	limit_namespaces(2);
	while ((fd = ns_new(&err)) == -ENOSPC && clock_now() < deadline)
		(void)sched_yield();
	USERNS_CHECK(fd >= 0, "%s", err.text);
	(void)close(fd);
}

static void check_refused(struct world *world, const char *words)
{
	size_t before = count_fds();
	struct error err = {0};

	USERNS_CHECK(topo_apply(&world->spec, &world->topo, &err) < 0, "not refused");
	USERNS_CHECK(strstr(err.text, words), "'%s' does not say '%s'", err.text, words);
	userns_say("%s", err.text);
	USERNS_CHECK(count_fds() == before, "descriptors are left open");
	check_nothing_is_left();
}

static void make_refusable(struct world *world)
{
	world_init(world);
	(void)world_add_function(world, world_preset("lambda"));
	(void)world_add_host(world, "seed", WORLD_SEED_ADDR);
}

static void bad_ifname(void *arg)
{
	struct world world;

	(void)arg;
	make_refusable(&world);
	(void)strcpy(world.spec.links[1].ends[0].ifname, "a/b");
	/* Else the route's lack of an interface is found first. */
	(void)strcpy(world.spec.routes[2].ifname, "a/b");
	check_refused(&world, "fn0: link a/b to nat0's lan0: Invalid argument");
	world_done(&world);
}

Test(apply, a_bad_interface_name_leaves_nothing)
{
	userns_test(bad_ifname, NULL, TIMEOUT_MS);
}

static void name_taken(void *arg)
{
	struct world world;

	(void)arg;
	make_refusable(&world);
	(void)strcpy(world.spec.links[2].ends[1].ifname, "eth0");
	world.spec.n_routes = 0;
	check_refused(&world, "seed: link eth0 to internet's eth0: File exists");
	world_done(&world);
}

Test(apply, an_interface_name_that_is_taken_leaves_nothing)
{
	userns_test(name_taken, NULL, TIMEOUT_MS);
}

static void route_twice(void *arg)
{
	struct world world;

	(void)arg;
	make_refusable(&world);
	world_add_route(&world, &world.spec.routes[0]);
	check_refused(&world, "nat0: route to 0.0.0.0/0: File exists");
	world_done(&world);
}

Test(apply, a_route_declared_twice_leaves_nothing)
{
	userns_test(route_twice, NULL, TIMEOUT_MS);
}

static void words_of_the_kernel(void *arg)
{
	struct world world;

	(void)arg;
	make_refusable(&world);
	/* fn0's default route, through fn0 itself */
	world.spec.routes[2].via = addr_v4(WORLD_FUNCTION_ADDR(0), 0);
	check_refused(&world, "fn0: route to 0.0.0.0/0: Invalid argument (Nexthop has invalid "
			      "gateway)");
	world_done(&world);
}

Test(apply, a_refusal_carries_the_kernels_own_words)
{
	userns_test(words_of_the_kernel, NULL, TIMEOUT_MS);
}

static void rule_refused(void *arg)
{
	struct rule_chain chain = {"input", "filter", NF_INET_LOCAL_IN, 0};
	uint64_t packets, bytes;
	struct error err = {0};
	struct rules rules;
	int netns = ns_new(NULL);

	(void)arg;
	rules_init(&rules, "t");
	rules_add_counter(&rules, "good");
	rules_add(&rules, rules_add_chain(&rules, &chain), "first");
	rules_count(&rules, "good");
	rules_add(&rules, 0, "second");
	rules_count(&rules, "bad");
	USERNS_CHECK(nft_apply(netns, &rules, &err) == -ENOENT, "%s", err.text);
	USERNS_CHECK(strstr(err.text, "nft chain input, rule 'second': "), "%s", err.text);
	USERNS_CHECK(nft_counter(netns, "t", "good", &packets, &bytes, &err) == -ENOENT,
		     "half of it was loaded");
	rules_done(&rules);
}

Test(apply, a_refused_rule_is_named_and_nothing_of_its_table_loaded)
{
	userns_test(rule_refused, NULL, TIMEOUT_MS);
}

static void too_many(void *arg)
{
	struct error err = {0};
	struct world world;

	(void)arg;
	make_refusable(&world);
	limit_namespaces(3);
	USERNS_CHECK(topo_apply(&world.spec, &world.topo, &err) == -ENOSPC, "not refused");
	USERNS_CHECK(strstr(err.text, "fn0: ") && strstr(err.text, "user.max_net_namespaces"), "%s",
		     err.text);
	check_nothing_is_left();
	world_done(&world);
}

Test(apply, the_limit_of_namespaces_is_named)
{
	userns_test(too_many, NULL, TIMEOUT_MS);
}

static void undone(void *arg)
{
	struct world world;
	size_t before = count_fds();

	(void)arg;
	make_refusable(&world);
	world_apply(&world);
	USERNS_CHECK(count_fds() == before + world.spec.n_nodes + 1,
		     "one descriptor for each node, and the capture's");
	world_done(&world);
	USERNS_CHECK(count_fds() == before, "descriptors are left open");
	check_nothing_is_left();
}

Test(apply, topo_free_leaves_nothing)
{
	userns_test(undone, NULL, TIMEOUT_MS);
}

static void wires_undone(void *arg)
{
	static const struct topo_wire wire = {0};
	size_t before = count_fds();
	struct error err = {0};
	struct wires *wires;
	struct world world;

	(void)arg;
	make_refusable(&world);
	for (size_t i = 0; i < world.spec.n_links; i++)
		world.spec.links[i].wire = &wire;
	world_apply(&world);
	USERNS_CHECK(count_fds() == before + world.spec.n_nodes + 2, "and one for the wires");
	USERNS_CHECK(topo_wires_open(world.topo, &wires, &err) == 0, "%s", err.text);
	wires_free(wires);
	world_done(&world);
	USERNS_CHECK(count_fds() == before, "descriptors are left open");
	check_nothing_is_left();
}

Test(apply, topo_free_leaves_nothing_of_wires)
{
	userns_test(wires_undone, NULL, TIMEOUT_MS);
}

/* Numbers are separated by tabs when read, by spaces when written. */
static void normalize(char *text)
{
	size_t len = strlen(text);

	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	for (; *text; text++)
		if (*text == '\t')
			*text = ' ';
}

struct sysctl_args {
	const struct topo_sysctl *sysctl;
	char value[128];
};

static int read_sysctl(void *arg)
{
	struct sysctl_args *args = arg;
	cleanup_close int fd = -1;
	char path[128];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/sys/%s", args->sysctl->path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, args->value, sizeof(args->value) - 1);
	if (n < 0)
		return -errno;
	args->value[n] = '\0';
	return 0;
}

static void check_sysctls(const struct world *world, size_t node)
{
	const struct topo_node *n = &world->spec.nodes[node];
	struct topo_sysctl sysctls[256];
	size_t absent = 0;
	size_t count = topo_sysctls(n->kind, n->nat, sysctls, 256);

	USERNS_CHECK(count > 50 && count <= 256, "%zu", count);
	for (size_t i = 0; i < count; i++) {
		struct sysctl_args args = {.sysctl = &sysctls[i]};
		int r = ns_call(world_netns(world, node), read_sysctl, &args, NULL);

		if (r == -ENOENT && sysctls[i].optional) {
			absent++;
			continue;
		}
		USERNS_CHECK(r == 0, "%s: %s: %s", n->name, sysctls[i].path, strerror(-r));
		normalize(args.value);
		USERNS_CHECK(strcmp(args.value, sysctls[i].value) == 0, "%s: %s is '%s', not '%s'",
			     n->name, sysctls[i].path, args.value, sysctls[i].value);
	}
	userns_say("%s: %zu sysctls, %zu of them absent", n->name, count, absent);
}

static void sysctls_hold(void *arg)
{
	struct world world;

	(void)arg;
	world_init(&world);
	(void)world_add_function(&world, world_preset("lambda"));
	(void)world_add_function(&world, world_preset("linux"));
	world_apply(&world);
	for (size_t node = 0; node < world.spec.n_nodes; node++)
		check_sysctls(&world, node);
	world_done(&world);
}

Test(apply, every_sysctl_reads_back_as_written)
{
	userns_test(sysctls_hold, NULL, TIMEOUT_MS);
}

static void interfaces_inherit(void *arg)
{
	struct topo_sysctl rp_filter = {"net/ipv4/conf/eth0/rp_filter", "0", false};
	struct sysctl_args args = {.sysctl = &rp_filter};
	struct world world;
	size_t fn;

	(void)arg;
	world_init(&world);
	fn = world_add_function(&world, world_preset("lambda"));
	world_apply(&world);
	USERNS_CHECK(ns_call(world_netns(&world, fn), read_sysctl, &args, NULL) == 0, "no eth0");
	USERNS_CHECK(args.value[0] == '0', "rp_filter is %s", args.value);
	world_done(&world);
}

Test(apply, interfaces_are_born_with_the_sysctls)
{
	userns_test(interfaces_inherit, NULL, TIMEOUT_MS);
}

static void counts(void *arg)
{
	uint64_t rx, tx, packets, bytes;
	struct error err = {0};
	struct world world;
	struct addr seen;
	size_t fn, seed;
	int fd, accepted;

	(void)arg;
	world_init(&world);
	fn = world_add_function(&world, world_preset("lambda"));
	seed = world_add_host(&world, "seed", WORLD_SEED_ADDR);
	world_apply(&world);
	/* Link 1 is fn0's; nothing has passed. */
	USERNS_CHECK(topo_link_bytes(world.topo, 1, 0, &rx, &tx, &err) == 0, "%s", err.text);
	USERNS_CHECK(rx == 0 && tx == 0, "%lu in, %lu out of a quiet link", (unsigned long)rx,
		     (unsigned long)tx);
	fd = net_connect(world_netns(&world, fn), 0, net_listen(world_netns(&world, seed), 80),
			 WORLD_SEED_ADDR, 80, &accepted, &seen);
	net_say(fd, 20000);
	net_hear(accepted, 20000);
	USERNS_CHECK(topo_link_bytes(world.topo, 1, 0, &rx, &tx, &err) == 0, "%s", err.text);
	USERNS_CHECK(tx > 20000 && tx < 25000, "%lu out", (unsigned long)tx);
	USERNS_CHECK(rx > 0 && rx < 5000, "%lu in", (unsigned long)rx);
	USERNS_CHECK(topo_counter(world.topo, fn, TOPO_COUNTER_LEAK, &packets, &bytes, &err) ==
			     -ENOENT,
		     "a host has a counter");
	USERNS_CHECK(topo_counter(world.topo, 0, "no such", &packets, &bytes, &err) == -ENOENT,
		     "%s", err.text);
	world_done(&world);
}

Test(apply, links_and_counters_are_read)
{
	userns_test(counts, NULL, TIMEOUT_MS);
}

static void large(void *arg)
{
	size_t functions = *(size_t *)arg;
	uint64_t begun, took;
	struct world world;
	struct addr seen;
	size_t fn = 0, seed;
	int fd, listener, accepted;

	world_init(&world);
	for (size_t i = 0; i < functions; i++)
		fn = world_add_function(&world, world_preset("lambda"));
	seed = world_add_host(&world, "seed", WORLD_SEED_ADDR);
	begun = clock_now();
	world_apply(&world);
	took = clock_now() - begun;
	listener = net_listen(world_netns(&world, seed), 80);
	fd = net_connect(world_netns(&world, fn), 5000, listener, WORLD_SEED_ADDR, 80, &accepted,
			 &seen);
	USERNS_CHECK(seen.port == 5000, "port %u", seen.port);
	userns_say("%zu nodes, %zu links: applied in %lu ms", world.spec.n_nodes,
		   world.spec.n_links, (unsigned long)(took / NS_PER_MS));
	USERNS_CHECK(took < 60 * NS_PER_S, "far too slow");
	/* A socket holds its namespace. */
	(void)close(fd);
	(void)close(accepted);
	(void)close(listener);
	begun = clock_now();
	world_done(&world);
	userns_say("freed in %lu ms", (unsigned long)((clock_now() - begun) / NS_PER_MS));
	begun = clock_now();
	check_nothing_is_left();
	userns_say("gone %lu ms later", (unsigned long)((clock_now() - begun) / NS_PER_MS));
}

Test(apply, two_hundred_nodes)
{
	size_t functions = 100;

	userns_test(large, &functions, TIMEOUT_MS);
}
