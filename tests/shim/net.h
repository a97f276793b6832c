/* SPDX-License-Identifier: MIT */
/*
 * Interface for the loopback sockets that tests need: places to connect to,
 * places that never answer, and waits that end a test at their deadline.
 */
#ifndef TESTS_SHIM_NET_H
#define TESTS_SHIM_NET_H

#include "base/addr.h"

#define NET_DEADLINE_MS 10000

/** net_wait() - wait for poll() events; @what names it in the failure. */
void net_wait(int fd, short events, const char *what);
/** net_listener() - a listener on 127.0.0.1. @ret_addr: its address */
int net_listener(struct addr *ret_addr);
/** net_accept() - the next connection. @ret_from: its peer, NULL if that does not matter */
int net_accept(int listener, struct addr *ret_from);
/**
 * net_connect() - a connection to an IPv4 address, by a blocking socket
 * @from_host: the local address; NULL for any
 */
int net_connect(const char *from_host, const struct addr *to);
/**
 * net_pair() - the two ends of a TCP connection
 * @family: of the second end's socket, AF_INET or AF_INET6 with mapped addresses
 */
void net_pair(int family, int ret_fds[2]);
/** net_silent() - an address of 127.0.0.1 that answers a SYN with nothing. */
struct addr net_silent(void);
/** net_name() - what the socket is bound to. */
struct addr net_name(int fd);
/** net_bind() - bind a socket of either family to a port of 127.0.0.1. Return: which. */
struct addr net_bind(int fd);
/** net_cookie() - SO_COOKIE. */
uint64_t net_cookie(int fd);

#endif
