/* SPDX-License-Identifier: MIT */
/* listen() and bind(): what lets the node bind beside a listener, and nobody else. */
#include "tests/shim/guest.h"
#include "tests/shim/net.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

TestSuite(listen, .timeout = 60);

static struct addr start_listening(struct guest *guest, const char *family, const char *host)
{
	struct addr local;

	cr_assert_str_eq(guest_ask(guest, "socket %s", family), "0");
	cr_assert_str_eq(guest_ask(guest, "bind %s 0", host), "0");
	cr_assert_str_eq(guest_ask(guest, "number reuseport socket"), "0", "never before");
	cr_assert_str_eq(guest_ask(guest, "listen 16"), "0");
	cr_assert_eq(addr_parse(guest_ask(guest, "name"), &local), 0);
	return local;
}

/* As the node does it: the same port, on a socket that does not listen. */
static int bind_beside(const struct addr *local, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	int len = addr_to_sockaddr(local, family, &ss);

	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)), 0);
	return bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0 ? errno : 0;
}

Test(listen, lets_the_node_bind_beside_it)
{
	struct fakenode node = fakenode_start();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr v4 = start_listening(&guest, "4", "0.0.0.0");

	cr_expect_str_eq(guest_ask(&guest, "number reuseport socket"), "1");
	cr_expect_eq(bind_beside(&v4, AF_INET), 0);
	struct addr v6 = start_listening(&guest, "6", "::");

	cr_expect_str_eq(guest_ask(&guest, "number reuseport socket"), "1");
	cr_expect_eq(bind_beside(&v6, AF_INET6), 0);
	cr_expect(fakenode_is_idle(&node), "nothing of this is asked");
}

Test(listen, leaves_a_second_instance_its_EADDRINUSE)
{
	struct fakenode node = fakenode_start();
	struct guest first = guest_start(&node, GUEST_SHIMMED);
	struct guest second = guest_start(&node, GUEST_SHIMMED);
	struct addr local = start_listening(&first, "4", "0.0.0.0");

	cr_expect_str_eq(guest_ask(&second, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&second, "bind 0.0.0.0 %u", local.port), "EADDRINUSE");
}

Test(listen, on_the_loopback_interface_stays_private)
{
	struct fakenode node = fakenode_start();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);
	struct addr local = start_listening(&guest, "4", "127.0.0.1");

	cr_expect_str_eq(guest_ask(&guest, "number reuseport socket"), "0");
	cr_expect_eq(bind_beside(&local, AF_INET), EADDRINUSE);
}

Test(listen, that_fails_changes_nothing)
{
	struct fakenode node = fakenode_start();
	struct guest guest = guest_start(&node, GUEST_SHIMMED);

	cr_expect_str_eq(guest_ask(&guest, "socket udp"), "0");
	cr_expect_str_eq(guest_ask(&guest, "listen 16"), "EOPNOTSUPP");
	cr_expect_str_eq(guest_ask(&guest, "number reuseport socket"), "0");
}

Test(listen, the_own_overlay_and_external_addresses_bind_inside)
{
	struct fakenode node = fakenode_start();
	struct guest guest;
	static const char *const hosts[] = {"198.18.0.1", "240.0.0.1"};

	fakenode_add(&node, 0, "self", TABLE_SELF, "240.0.0.1");
	fakenode_add(&node, 7, "peer", 0, "240.0.0.7");
	guest = guest_start(&node, GUEST_SHIMMED);
	for (int i = 0; i < 4; i++) {
		struct addr local, free_port;

		cr_assert_str_eq(guest_ask(&guest, i < 2 ? "socket 4" : "socket 6"), "0");
		(void)close(net_listener(&free_port));
		guest_tell(&guest, "bind %s %u", hosts[i % 2], free_port.port);
		if (i == 0) {
			struct call call = fakenode_take(&node);

			fakenode_give_table(&node, &call);
		}
		cr_expect_str_eq(guest_hear(&guest), "0");
		cr_assert_eq(addr_parse(guest_ask(&guest, "name"), &local), 0);
		cr_expect(addr_equal(&local, &free_port));
	}
	cr_assert_str_eq(guest_ask(&guest, "socket 4"), "0");
	cr_expect_str_eq(guest_ask(&guest, "bind 198.18.0.8 0"), "EADDRNOTAVAIL", "a peer's");
	cr_expect(fakenode_is_idle(&node));
}

Test(listen, without_BOXER_ID_everything_is_as_without_the_shim)
{
	struct fakenode node = fakenode_start();
	struct guest guest = guest_start(&node, GUEST_FOREIGN);
	struct addr local = start_listening(&guest, "4", "0.0.0.0");
	struct addr there = addr_v4(INADDR_LOOPBACK, local.port);

	cr_expect_str_eq(guest_ask(&guest, "number reuseport socket"), "0");
	(void)net_connect("127.77.3.9", &there);
	cr_expect_eq(strncmp(guest_ask(&guest, "accept"), "127.77.3.9:", 11), 0);
	cr_expect_str_eq(guest_ask(&guest, "resolve 198.18.0.1 - 4"), "198.18.0.1 v4 x1 -");
	cr_expect_eq(guest_end(&guest), 0);
	cr_expect(fakenode_is_idle(&node));
}
