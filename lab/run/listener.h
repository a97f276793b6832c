/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for finding listeners: does a TCP socket listen on a port, or is a UDP socket bound to it, inside a
 * network namespace? The kernel is asked (NETLINK_SOCK_DIAG), through a socket
 * that belongs to that namespace; no packet is sent, so that neither the server
 * nor any NAT notices.
 */
#ifndef LAB_RUN_LISTENER_H
#define LAB_RUN_LISTENER_H

#include "base/error.h"

#include <stdint.h>

/** listener_open() - Return: a descriptor to ask with, or -errno. */
int listener_open(int netns, struct error *err);
/**
 * listener_check() - IPv4 and IPv6 sockets, whatever address they are bound to
 * @fd: of listener_open()
 * @proto: IPPROTO_TCP or IPPROTO_UDP
 *
 * Return: 1 when one listens on @port, 0 when none does, or -errno.
 */
int listener_check(int fd, uint8_t proto, uint16_t port, struct error *err);

#endif
