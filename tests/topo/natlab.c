/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/topo/natlab.h"

#include "base/clock.h"
#include "tests/support/userns.h"
#include "tests/topo/net.h"

#include <poll.h>
#include <unistd.h>

#define PATIENCE_S 10

void natlab_make(struct natlab *lab, const struct nat *nat)
{
	*lab = (struct natlab){.others = nat->addresses + nat->n_statics};
	world_init(&lab->world);
	lab->fn = world_add_function(&lab->world, nat);
	lab->nat = lab->fn - 1;
	lab->neighbour = world_add_neighbour(&lab->world, lab->nat);
	for (size_t i = 0; i < lab->others; i++)
		world_add_external(&lab->world, lab->nat, NATLAB_OTHER(i));
	lab->seed = world_add_host(&lab->world, "seed", NATLAB_SEED);
	lab->second = world_add_host(&lab->world, "second", NATLAB_SECOND);
	lab->stranger = world_add_host(&lab->world, "stranger", NATLAB_STRANGER);
	world_apply(&lab->world);
}

void natlab_done(struct natlab *lab)
{
	world_expect_packets(&lab->world, 0, TOPO_COUNTER_LEAK, 0);
	world_done(&lab->world);
}

struct nat natlab_nat(struct nat_behaviour behaviour)
{
	struct nat nat = *world_preset("lambda");
	struct error err = {0};

	nat.tcp = behaviour;
	nat.udp = behaviour;
	USERNS_CHECK(nat_check(&nat, &err) == 0, "%s", err.text);
	return nat;
}

int natlab_socket(const struct natlab *lab, size_t node, int type, uint16_t port)
{
	return net_socket(world_netns(&lab->world, node), type, port);
}

struct addr natlab_udp(const struct natlab *lab, int fd, size_t node, uint32_t host, uint16_t port)
{
	int at = natlab_socket(lab, node, SOCK_DGRAM, port);
	struct addr seen;

	net_send(fd, host, port);
	net_receive(at, &seen);
	(void)close(at);
	return seen;
}

struct addr natlab_tcp(const struct natlab *lab, size_t from, uint16_t from_port, size_t node,
		       uint32_t host, uint16_t port)
{
	int listener = net_listen(world_netns(&lab->world, node), port);
	struct addr seen;
	int accepted;

	(void)net_connect(world_netns(&lab->world, from), from_port, listener, host, port,
			  &accepted, &seen);
	(void)close(listener);
	return seen;
}

/* It came in, or the NAT counted it; one of them happens. */
static bool came_in(struct natlab *lab, int inside)
{
	uint64_t deadline = clock_now() + PATIENCE_S * NS_PER_S;
	struct pollfd p = {.fd = inside, .events = POLLIN};

	while (clock_now() < deadline) {
		if (poll(&p, 1, 1) == 1)
			return true;
		if (world_packets(&lab->world, lab->nat, TOPO_COUNTER_UNSOLICITED) >
		    lab->unsolicited) {
			lab->unsolicited++;
			return false;
		}
	}
	userns_fail(__FILE__, __LINE__, "it neither came in nor was refused");
}

bool natlab_try_udp(struct natlab *lab, size_t node, uint16_t from, const struct addr *to,
		    int inside)
{
	int fd = natlab_socket(lab, node, SOCK_DGRAM, from);
	struct addr seen;
	bool in;

	net_send(fd, addr_v4_value(to), to->port);
	in = came_in(lab, inside);
	if (in)
		net_receive(inside, &seen);
	(void)close(fd);
	return in;
}

bool natlab_try_tcp(struct natlab *lab, size_t node, const struct addr *to, int listener)
{
	int fd = natlab_socket(lab, node, SOCK_STREAM, 0);
	bool in;

	net_begin(fd, addr_v4_value(to), to->port);
	in = came_in(lab, listener);
	if (in) {
		int accepted = net_accept(listener, NULL);

		USERNS_CHECK(net_outcome(fd) == 0, "not connected");
		net_say(accepted, 100);
		net_hear(fd, 100);
	} else {
		USERNS_CHECK(net_is_silent(fd), "an answer");
	}
	(void)close(fd);
	return in;
}

void natlab_change(struct natlab *lab, const struct nat *nat, const struct addr *external,
		   bool forget)
{
	struct topo_nat_change change = {.nat = nat, .external = external, .forget = forget};
	struct error err = {0};

	USERNS_CHECK(topo_nat_change(lab->world.topo, lab->nat, &change, &err) == 0, "%s",
		     err.text);
}

void natlab_check(const struct addr *addr, uint32_t host, uint16_t port)
{
	struct addr expected = addr_v4(host, port);
	char is[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	USERNS_CHECK(addr_equal(addr, &expected), "%s is not %s", addr_format(addr, is),
		     addr_format(&expected, want));
}
