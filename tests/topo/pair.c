/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/topo/pair.h"

#include "base/clock.h"
#include "tests/support/userns.h"
#include "topo/ns.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 20

uint32_t pair_addr(size_t link, int end)
{
	return 0x0a000001U + ((uint32_t)link << 8) + (uint32_t)end;
}

int pair_netns(const struct pair *pair, int end)
{
	return topo_netns(pair->topo, (size_t)end);
}

static void declare(struct pair *pair, size_t links, const struct topo_wire *wire, uint64_t seed)
{
	struct topo_spec *spec = &pair->spec;

	(void)strcpy(pair->nodes[0].name, "a");
	(void)strcpy(pair->nodes[1].name, "b");
	pair->nodes[0].kind = pair->nodes[1].kind = TOPO_HOST;
	*spec = (struct topo_spec){
		.nodes = pair->nodes,
		.n_nodes = 2,
		.links = calloc(links, sizeof(*spec->links)),
		.n_links = links,
		.routes = calloc(2 * links, sizeof(*spec->routes)),
		.n_routes = 2 * links,
		.seed = seed,
	};
	USERNS_CHECK(spec->links && spec->routes, "no memory");
	for (size_t i = 0; i < 2 * links; i++) {
		struct topo_end *end = &spec->links[i / 2].ends[i % 2];
		struct topo_route *route = &spec->routes[i];

		spec->links[i / 2].wire = wire;
		end->node = route->node = i % 2;
		end->addr = addr_v4(pair_addr(i / 2, (int)(i % 2)), 0);
		route->dst = addr_v4(pair_addr(i / 2, (int)(1 - i % 2)), 0);
		route->prefix_len = 32;
		(void)snprintf(end->ifname, sizeof(end->ifname), "eth%u", (unsigned int)(i / 2));
		(void)memcpy(route->ifname, end->ifname, sizeof(route->ifname));
	}
}

void pair_run_wires(struct pair *pair)
{
	pid_t parent = getpid();
	struct error err = {0};
	struct wires *wires;
	int pipes[2];

	USERNS_CHECK(topo_wires_open(pair->topo, &wires, &err) == 0, "%s", err.text);
	USERNS_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pipes) == 0, "%m");
	pair->pid = fork();
	USERNS_CHECK(pair->pid >= 0, "%m");
	if (pair->pid == 0) {
		(void)close(pipes[0]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		wires_close_others(wires, pipes[1]);
		_exit(wires_run(wires, pipes[1]) == 0 ? 0 : 1);
	}
	wires_free(wires);
	(void)close(pipes[1]);
	pair->control = pipes[0];
}

void pair_make(struct pair *pair, size_t links, const struct topo_wire *wire, uint64_t seed)
{
	struct error err = {0};

	(void)memset(pair, 0, sizeof(*pair));
	pair->control = -1;
	declare(pair, links, wire, seed);
	USERNS_CHECK(topo_apply(&pair->spec, &pair->topo, &err) == 0, "%s", err.text);
	if (wire)
		pair_run_wires(pair);
}

void pair_stop_wires(struct pair *pair)
{
	int status = 0;

	(void)close(pair->control);
	USERNS_CHECK(waitpid(pair->pid, &status, 0) == pair->pid, "%m");
	USERNS_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
	pair->pid = 0;
}

void pair_done(struct pair *pair)
{
	if (pair->pid)
		pair_stop_wires(pair);
	topo_free(pair->topo);
	free(pair->spec.links);
	free(pair->spec.routes);
}

int pair_socket(const struct pair *pair, size_t link, int end)
{
	struct addr here = addr_v4(pair_addr(link, end), PAIR_PORT);
	struct addr there = addr_v4(pair_addr(link, !end), PAIR_PORT);
	int bytes = 4 << 20;
	struct error err = {0};
	struct sockaddr_storage ss;
	int fd = ns_socket(pair_netns(pair, end), AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0, &err);
	int len = addr_to_sockaddr(&here, AF_INET, &ss);

	USERNS_CHECK(fd >= 0, "%s", err.text);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	USERNS_CHECK(bind(fd, (const struct sockaddr *)&ss, (socklen_t)len) == 0, "%m");
	len = addr_to_sockaddr(&there, AF_INET, &ss);
	USERNS_CHECK(connect(fd, (const struct sockaddr *)&ss, (socklen_t)len) == 0, "%m");
	return fd;
}

struct wire_stats pair_stats(const struct pair *pair, size_t link, int end)
{
	struct wire_stats stats;
	int r = wires_stats(pair->control, link, end, &stats);

	USERNS_CHECK(r == 0, "%s", strerror(-r));
	return stats;
}

void pair_set(const struct pair *pair, size_t link, int end, const struct fate_spec *spec)
{
	int r = wires_set(pair->control, link, end, spec);

	USERNS_CHECK(r == 0, "%s", strerror(-r));
}

void pair_wait_taken(const struct pair *pair, size_t link, int end, uint64_t n)
{
	uint64_t deadline = clock_now() + PATIENCE_S * NS_PER_S;
	struct wire_stats stats;

	do
		stats = pair_stats(pair, link, end);
	while (stats.taken < n && clock_now() < deadline && sched_yield() == 0);
	USERNS_CHECK(stats.taken == n, "%lu taken and %lu missed, not %lu",
		     (unsigned long)stats.taken, (unsigned long)stats.missed, (unsigned long)n);
}
