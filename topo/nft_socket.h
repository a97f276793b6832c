/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a socket that talks to nftables in a namespace.
 */
#ifndef TOPO_NFT_SOCKET_H
#define TOPO_NFT_SOCKET_H

#include "base/error.h"

#include <stddef.h>

struct mnl_socket;

#define NFT_LATE_MAX 64

/**
 * struct nft_late - sockets that are closed together; {0}: none
 *
 * Who closes one waits until the kernel has freed what was deleted in that
 * namespace, a grace period of some milliseconds. Those of several namespaces pass
 * at the same time.
 */
struct nft_late {
	struct mnl_socket *sockets[NFT_LATE_MAX];
	size_t n;
};

/** nft_socket_open() - Return: 0, or -errno. */
int nft_socket_open(int netns, struct mnl_socket **ret_nl, struct error *err);
/** nft_socket_close() - for cleanup_with(); *@nl may be NULL. */
void nft_socket_close(struct mnl_socket **nl);
/** nft_late_add() - close @nl with the others; it is @late's now. NULL @late: at once. */
void nft_late_add(struct nft_late *late, struct mnl_socket *nl);
/** nft_late_close() - close them all; for cleanup_with(). */
void nft_late_close(struct nft_late *late);

#endif
