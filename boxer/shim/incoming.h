/* SPDX-License-Identifier: MIT */
/*
 * Interface for incoming connections: accept() for the shim and for libboxer
 * alike. A hole-punched connection never comes out of the program's listener.
 * The node holds it, and wakes the program by a signal connection to the real
 * listener, from an address in LOCAL_SIGNAL_NET; this takes the signal off the
 * queue and puts the real connection in its place.
 */
#ifndef BOXER_SHIM_INCOMING_H
#define BOXER_SHIM_INCOMING_H

#include "boxer/shim/agent.h"

#include <sys/socket.h>

/** struct incoming_peer - the other end of an accepted connection, as accept() tells it */
struct incoming_peer {
	struct sockaddr_storage ss;
	socklen_t len;
};

/**
 * incoming_accept() - accept4(), of the real connection
 * @flags: SOCK_CLOEXEC, SOCK_NONBLOCK
 *
 * A signal whose connection can't be had any more is dropped, and the next one
 * in the queue taken, as though it had never come: a blocking listener waits on,
 * a non-blocking one gets -EAGAIN. Only a lack of descriptors is reported, for
 * the program has a way of dealing with that.
 *
 * Return: the connection, or -errno.
 */
int incoming_accept(const struct agent *agent, int listener, int flags,
		    struct incoming_peer *ret_peer);

#endif
