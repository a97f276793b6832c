/* SPDX-License-Identifier: MIT */
/*
 * Interface for the sockets of both sides: non-blocking, bound to an exact
 * address and port that other sockets of the program may have, too.
 */
#ifndef NATPROBE_SOCK_H
#define NATPROBE_SOCK_H

#include "base/addr.h"

/** sock_bind() - a socket of @type (SOCK_STREAM, SOCK_DGRAM) on @at. Return: it, or -errno. */
int sock_bind(int type, const struct addr *at);
/** sock_listen() - a TCP listener on @at. Return: it, or -errno. */
int sock_listen(const struct addr *at);
/** sock_deafen() - let a socket drop whatever comes. Return: 0, or -errno. */
int sock_deafen(int fd);
/**
 * sock_listen_silent() - a TCP listener that drops every SYN: whoever connects
 * hears nothing, neither SYN-ACK nor RST
 * @ret_filler: one more socket to hold on to as long as it is to be silent, or -1
 *
 * Return: it, or -errno.
 */
int sock_listen_silent(const struct addr *at, int *ret_filler);
/** sock_connect() - begin to connect. Return: 0 begun or done, or -errno. */
int sock_connect(int fd, const struct addr *to);
/** sock_connect_from() - sock_bind() and sock_connect(). Return: the socket, or -errno. */
int sock_connect_from(const struct addr *from, const struct addr *to);
/** sock_send_to() - one datagram. Return: 0, or -errno. */
int sock_send_to(int fd, const void *data, size_t len, const struct addr *to);
/** sock_receive_from() - one datagram. Return: its length, or -errno. */
int sock_receive_from(int fd, void *buf, size_t size, struct addr *ret_from);
/** sock_accept() - one connection, and who it is from. Return: the socket, or -errno. */
int sock_accept(int fd, struct addr *ret_peer);
/** sock_local() - its own address. Return: 0, or -errno. */
int sock_local(int fd, struct addr *ret_addr);
/** sock_error() - the error that a socket has come to. Return: 0, or -errno. */
int sock_error(int fd);
/** sock_tcp_state() - TCP_ESTABLISHED and so on. Return: it, or -errno. */
int sock_tcp_state(int fd);
/** sock_reset() - close; a TCP connection with a RST, so that no port stays taken. */
void sock_reset(int fd);

/** sock_want_icmp() - have ICMP errors queued, for sock_got_icmp(). */
void sock_want_icmp(int fd, int family);
/**
 * sock_got_icmp() - was it an ICMP error that came, rather than a RST?
 *
 * Both make a connect() fail with ECONNREFUSED. Linux queues the ICMP error of a
 * TCP socket since 5.9.
 */
bool sock_got_icmp(int fd);

#endif
