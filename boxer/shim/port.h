/* SPDX-License-Identifier: MIT */
/*
 * Interface for the local ports of outgoing connections: they are taken one
 * after the other from a range that all processes of a function share, since
 * the NATs on the way still hold the flow of a port used a moment ago.
 */
#ifndef BOXER_SHIM_PORT_H
#define BOXER_SHIM_PORT_H

#include "boxer/local.h"

/**
 * port_bind() - see to it that a socket has a local port
 * @cursor: where the range stands; NULL to let the kernel choose
 * @fd: a TCP socket; if it is bound to an address or a port, it keeps them
 * @ret_local: what it is bound to; the address may be the unspecified one
 *
 * Return: 0, or -errno.
 */
int port_bind(struct cursor *cursor, int fd, struct addr *ret_local);

#endif
