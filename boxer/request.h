/* SPDX-License-Identifier: MIT */
/*
 * Interface for requests of the local API, as the node takes them in: one
 * message of a client's socket, judged before anybody looks into it. What is
 * right by itself may still not fit the moment; that is the API's matter.
 */
#ifndef BOXER_REQUEST_H
#define BOXER_REQUEST_H

#include "boxer/local.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * request_check() - is that a request?
 * @request: what came in, as much of it as there is room for
 * @len: how many bytes it had
 * @n_fds: descriptors that came with it
 * @lost_fds: more came, for which there was no room
 *
 * Return: 0; -EPROTO: no request; -EOPNOTSUPP: of a kind that we don't know;
 * -EMFILE: right, but its descriptor got lost for want of room.
 */
int request_check(const struct local_request *request, size_t len, size_t n_fds, bool lost_fds);

/**
 * request_is_waiting() - is the next one on a client's socket an @op? It stays there.
 */
bool request_is_waiting(int conn, enum local_op op);

/**
 * request_receive() - take the next one off a client's socket; never waits
 * @ret_request: for 0 and -EMFILE
 * @ret_fd: the descriptor that came with it, the caller's to close, or -1; for 0
 *
 * Return: as request_check(); -EAGAIN nothing has come; -ECONNRESET it has hung
 * up; or what recvmsg() said.
 */
int request_receive(int conn, struct local_request *ret_request, int *ret_fd);

#endif
