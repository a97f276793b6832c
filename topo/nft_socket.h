/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for a socket that talks to nftables in a namespace.
 */
#ifndef TOPO_NFT_SOCKET_H
#define TOPO_NFT_SOCKET_H

#include "base/error.h"

struct mnl_socket;

/** nft_socket_open() - Return: 0, or -errno. */
int nft_socket_open(int netns, struct mnl_socket **ret_nl, struct error *err);
/** nft_socket_close() - for cleanup_with(); *@nl may be NULL. */
void nft_socket_close(struct mnl_socket **nl);

#endif
