/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/listener.h"

#include "base/cleanup.h"
#include "topo/ns.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel makes a dump's parts no larger. */
#define PART_BYTES 32768

int listener_open(int netns, struct error *err)
{
	return ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, err);
}

/* A UDP socket that hears anybody is not connected. */
static uint8_t ready_state(uint8_t proto)
{
	return proto == IPPROTO_UDP ? TCP_CLOSE : TCP_LISTEN;
}

static int ask(int fd, uint8_t family, uint8_t proto, uint16_t port)
{
	char buf[256] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(h, sizeof(*request));

	h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request->sdiag_family = family;
	request->sdiag_protocol = proto;
	request->idiag_states = 1U << ready_state(proto);
	/* A hint only: not every kernel selects by it. */
	request->id.idiag_sport = htons(port);
	return send(fd, h, h->nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Return: 1 when the dump has ended, 0 when more is to come, or -errno. */
static int take_part(const void *buf, size_t size, uint8_t proto, uint16_t port, bool *found)
{
	int len = (int)size;

	for (const struct nlmsghdr *h = buf; mnl_nlmsg_ok(h, len); h = mnl_nlmsg_next(h, &len)) {
		const struct inet_diag_msg *socket = mnl_nlmsg_get_payload(h);

		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			return e->error < 0 ? e->error : -EPROTO;
		}
		if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
		    mnl_nlmsg_get_payload_len(h) >= sizeof(*socket) &&
		    socket->idiag_state == ready_state(proto) &&
		    socket->id.idiag_sport == htons(port))
			*found = true;
	}
	return 0;
}

static int check_family(int fd, uint8_t family, uint8_t proto, uint16_t port, bool *found)
{
	static char buf[PART_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = ask(fd, family, proto, port);

	while (r == 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		r = n < 0 ? -errno : take_part(buf, (size_t)n, proto, port, found);
	}
	return r < 0 ? r : 0;
}

int listener_check(int fd, uint8_t proto, uint16_t port, struct error *err)
{
	bool found = false;
	int r = check_family(fd, AF_INET, proto, port, &found);

	/* A kernel without IPv6 has nothing to say of it. */
	if (r == 0 && !found) {
		r = check_family(fd, AF_INET6, proto, port, &found);
		if (r == -ENOENT || r == -EAFNOSUPPORT)
			r = 0;
	}
	if (r < 0)
		return error_sys(err, -r, "cannot ask the kernel who listens on port %u", port);
	return found;
}
