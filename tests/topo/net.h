/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for the traffic of the tests: sockets in the namespaces of a world,
 * all non-blocking and all in one thread, and waits that have a deadline. What
 * can't be had ends the test.
 */
#ifndef TESTS_TOPO_NET_H
#define TESTS_TOPO_NET_H

#include "base/addr.h"

#include <stdint.h>

#define NET_PATIENCE_MS 10000

/** net_socket() - a socket of @type in @netns, bound to @port (0: any) of every address. */
int net_socket(int netns, int type, uint16_t port);
/** net_listen() - a TCP socket that listens on @port. */
int net_listen(int netns, uint16_t port);
/** net_begin() - begin to connect @fd to @host:@port; the outcome comes later. */
void net_begin(int fd, uint32_t host, uint16_t port);
/** net_outcome() - wait for what net_begin() comes to. Return: 0, or -errno as the kernel gave it. */
int net_outcome(int fd);
/** net_is_silent() - has nothing come of net_begin() by now, nor any data? */
bool net_is_silent(int fd);
/** net_accept() - wait for a connection; @ret_peer may be NULL. */
int net_accept(int listener, struct addr *ret_peer);
/** net_connect() - connect from @from_port and accept; what the listener saw is in @ret_peer. */
int net_connect(int from_netns, uint16_t from_port, int listener, uint32_t host, uint16_t port,
		int *ret_accepted, struct addr *ret_peer);
/** net_say() - send @bytes bytes; they fit the socket's buffer. */
void net_say(int fd, size_t bytes);
/** net_send() - a datagram of one byte to @host:@port. */
void net_send(int fd, uint32_t host, uint16_t port);
/** net_receive() - wait for a datagram; who sent it, as seen here, is in @ret_from. */
void net_receive(int fd, struct addr *ret_from);
/** net_hear() - wait for @bytes bytes. */
void net_hear(int fd, size_t bytes);
/** net_hear_end() - wait for the end of the stream. */
void net_hear_end(int fd);
/** net_wait_readable() - wait until poll() says so. */
void net_wait_readable(int fd);
/**
 * net_icmp_error() - wait for the ICMP error that hits @fd, which has IP_RECVERR
 * @ret_from: who sent it
 *
 * Return: type << 8 | code.
 */
int net_icmp_error(int fd, struct addr *ret_from);
/** net_want_icmp_errors() - set IP_RECVERR. */
void net_want_icmp_errors(int fd);
/** net_raw_tcp() - send one bare TCP segment of @flags through the raw socket @fd. */
void net_raw_tcp(int fd, const struct addr *from, const struct addr *to, uint8_t flags);

#endif
