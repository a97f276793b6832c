/* SPDX-License-Identifier: MIT */
/*
 * Interface for a seed's listeners: up to four endpoints at which it can be
 * reached, and from each of which it sees a connection as it comes out of a NAT:
 * its port and the one after it, on its address and on a second one if it has
 * that. All serve alike.
 */
#ifndef BOXER_SEED_LISTENERS_H
#define BOXER_SEED_LISTENERS_H

#include "base/addr.h"
#include "base/error.h"
#include "boxer/acceptor.h"
#include "boxer/frame.h"

#define LISTENERS_MAX FRAME_OBSERVERS

/**
 * struct listeners - embedded; zero before listeners_open()
 * @at: the main one first; of one that listens on all addresses, the unspecified one
 * @second: the second address, AF_UNSPEC if there is none
 */
struct listeners {
	struct acceptor acceptors[LISTENERS_MAX];
	struct addr at[LISTENERS_MAX];
	size_t n;
	struct addr second;
};

/**
 * listeners_open() - listen, but accept nobody yet
 * @main: address and port; port 0: the kernel chooses one that has a free neighbour
 * @second: the second address; AF_UNSPEC: there is none
 *
 * Return: 0, or -errno with words.
 */
int listeners_open(struct listeners *l, const struct addr *main, const struct addr *second,
		   struct error *err);
/** listeners_start() - accept from now on; @accepted: see struct acceptor. */
void listeners_start(struct listeners *l, struct ev_loop *loop,
		     void (*accepted)(void *arg, int fd, const struct addr *from), void *arg);
/** listeners_close() - one that was never opened (all zero) is legal. */
void listeners_close(struct listeners *l);
/**
 * listeners_observers() - all endpoints, for somebody who came to @at
 * @ret: @at's own first, then its host's other port, then those of the other host
 *
 * Return: how many.
 */
size_t listeners_observers(const struct listeners *l, const struct addr *at,
			   struct addr ret[static LISTENERS_MAX]);
/** listeners_other_host() - an address of ours that is not @at's. Return: false: there is none. */
bool listeners_other_host(const struct listeners *l, const struct addr *at, struct addr *ret);

#endif
