/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nft_socket.h"

#include "base/cleanup.h"
#include "topo/nl.h"
#include "topo/ns.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>
#include <sys/time.h>

/* The kernel answers before send() returns; this only keeps a lost answer from
 * becoming a hang. */
#define ANSWER_TIMEOUT_S 10

void nft_socket_close(struct mnl_socket **nl)
{
	if (*nl)
		(void)mnl_socket_close(*nl);
}

int nft_socket_open(int netns, struct mnl_socket **ret_nl, struct error *err)
{
	struct timeval patience = {.tv_sec = ANSWER_TIMEOUT_S};
	cleanup_close int fd = ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, err);
	struct mnl_socket *nl;

	if (fd < 0)
		return fd;
	nl_say_more(fd);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return error_sys(err, errno, "cannot set up a netfilter socket");
	nl = mnl_socket_fdopen(fd);
	if (!nl)
		return error_sys(err, errno, "cannot open a netfilter socket");
	(void)take_fd(&fd);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;

		(void)mnl_socket_close(nl);
		return error_sys(err, code, "cannot open a netfilter socket");
	}
	*ret_nl = nl;
	return 0;
}

void nft_late_close(struct nft_late *late)
{
	while (late->n)
		(void)mnl_socket_close(late->sockets[--late->n]);
}

void nft_late_add(struct nft_late *late, struct mnl_socket *nl)
{
	if (!late) {
		(void)mnl_socket_close(nl);
		return;
	}
	if (late->n == NFT_LATE_MAX)
		nft_late_close(late);
	late->sockets[late->n++] = nl;
}
