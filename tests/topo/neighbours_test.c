/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The neighbour table is one for the whole machine, and what the kernel learns by
 * itself counts against its limit: whatever traffic there is, nothing must be
 * learned.
 *
 *	fn0 -- nat0 --+          +-- nat1 -- fn1
 *	fn2 -- nat2 --+ internet +-- nat3 -- fn3	... 64 functions, each to each
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"
#include "tests/topo/world.h"
#include "topo/ns.h"

#include <criterion/criterion.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#define TIMEOUT_MS 120000
#define FUNCTIONS  64
#define PORT	   5000

struct mesh {
	struct world world;
	size_t node[FUNCTIONS];
	int fd[FUNCTIONS];
	bool heard[FUNCTIONS][FUNCTIONS];
	size_t n_heard;
};

static void make_mesh(struct mesh *mesh)
{
	world_init(&mesh->world);
	for (size_t i = 0; i < FUNCTIONS; i++)
		mesh->node[i] = world_add_function(&mesh->world, world_preset("lambda"));
	world_apply(&mesh->world);
	for (size_t i = 0; i < FUNCTIONS; i++)
		mesh->fd[i] =
			net_socket(world_netns(&mesh->world, mesh->node[i]), SOCK_DGRAM, PORT);
}

/* Those that have not heard of each other yet; what comes before one has sent is dropped. */
static void say_all(const struct mesh *mesh)
{
	for (size_t i = 0; i < FUNCTIONS; i++) {
		for (size_t j = 0; j < FUNCTIONS; j++) {
			struct addr to = addr_v4(WORLD_NAT_ADDR(j), PORT);
			struct sockaddr_storage ss;
			int len = addr_to_sockaddr(&to, AF_INET, &ss);

			if (i == j || (mesh->heard[i][j] && mesh->heard[j][i]))
				continue;
			/* ICMP errors of a packet before may come back here: say it again. */
			(void)sendto(mesh->fd[i], "x", 1, 0, (struct sockaddr *)&ss,
				     (socklen_t)len);
		}
	}
}

static void hear(struct mesh *mesh, size_t i)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct addr from;
	char byte;

	while (recvfrom(mesh->fd[i], &byte, 1, 0, (struct sockaddr *)&ss, &len) == 1) {
		uint32_t j;

		USERNS_CHECK(addr_from_sockaddr((struct sockaddr *)&ss, len, &from) == 0, "%zu", i);
		j = addr_v4_value(&from) - WORLD_NAT_ADDR(0);
		USERNS_CHECK(j < FUNCTIONS && from.port == PORT, "from where?");
		mesh->n_heard += !mesh->heard[i][j];
		mesh->heard[i][j] = true;
	}
}

/* UDP through both NATs, in both directions of every pair. */
static void talk(struct mesh *mesh)
{
	uint64_t deadline = clock_now() + NET_PATIENCE_MS * NS_PER_MS;
	const size_t all = (size_t)FUNCTIONS * (FUNCTIONS - 1);

	while (mesh->n_heard < all) {
		USERNS_CHECK(clock_now() < deadline, "only %zu of %zu ways were passed",
			     mesh->n_heard, all);
		say_all(mesh);
		(void)poll(NULL, 0, 1);
		for (size_t i = 0; i < FUNCTIONS; i++)
			hear(mesh, i);
	}
	userns_say("%zu ways passed", mesh->n_heard);
}

/* Return: how many; ends the test at one that the kernel has learned. */
static size_t check_answer(const char *who, struct nlmsghdr *h, int len, bool *done)
{
	size_t n = 0;

	for (; NLMSG_OK(h, (unsigned)len); h = NLMSG_NEXT(h, len)) {
		const struct ndmsg *entry = NLMSG_DATA(h);

		USERNS_CHECK(h->nlmsg_type != NLMSG_ERROR, "%s: refused", who);
		*done |= h->nlmsg_type == NLMSG_DONE;
		if (h->nlmsg_type != RTM_NEWNEIGH)
			continue;
		USERNS_CHECK(entry->ndm_state == NUD_PERMANENT || entry->ndm_state == NUD_NOARP,
			     "%s: an entry of family %u at interface %d is in state 0x%x", who,
			     entry->ndm_family, entry->ndm_ifindex, entry->ndm_state);
		n += entry->ndm_state == NUD_PERMANENT;
	}
	return n;
}

/* Return: how many permanent neighbours there are. */
static size_t check_neighbours(const char *who, int netns)
{
	struct {
		struct nlmsghdr h;
		struct ndmsg all;
	} ask = {
		.h = {.nlmsg_len = sizeof(ask),
		      .nlmsg_type = RTM_GETNEIGH,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	};
	cleanup_close int fd = ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, NULL);
	char buf[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool done = false;
	size_t n = 0;

	USERNS_CHECK(fd >= 0 && send(fd, &ask, sizeof(ask), 0) == sizeof(ask), "%m");
	while (!done) {
		ssize_t len = recv(fd, buf, sizeof(buf), 0);

		USERNS_CHECK(len > 0, "%m");
		n += check_answer(who, (struct nlmsghdr *)buf, (int)len, &done);
	}
	return n;
}

static void nothing_learned(void *arg)
{
	static struct mesh mesh;
	size_t total = 0;

	(void)arg;
	make_mesh(&mesh);
	talk(&mesh);
	for (size_t n = 0; n < mesh.world.spec.n_nodes; n++) {
		const char *who = mesh.world.spec.nodes[n].name;
		size_t here = check_neighbours(who, world_netns(&mesh.world, n));

		/* Each link's other end, at the least. */
		USERNS_CHECK(here >= (n == 0 ? FUNCTIONS : 1), "%s: only %zu", who, here);
		total += here;
	}
	userns_say("%zu namespaces, %zu neighbours, all permanent", mesh.world.spec.n_nodes, total);
	world_done(&mesh.world);
}

Test(neighbours, none_is_learned_in_a_mesh_of_64_functions)
{
	userns_test(nothing_learned, NULL, TIMEOUT_MS);
}
