/* SPDX-License-Identifier: MIT */
/*
 * Interface for reading a socket's options past our own hook, and for the one
 * option whose value the node may know better: SO_ERROR.
 */
#ifndef BOXER_SHIM_SOCKOPT_H
#define BOXER_SHIM_SOCKOPT_H

#include <stdint.h>

/** sockopt_number() - an option that is an int. Return: its value, or -1. */
int sockopt_number(int fd, int level, int name);
/** sockopt_cookie() - the socket's name in this network namespace; 0 if it has none. */
uint64_t sockopt_cookie(int fd);

/** sockopt_tcp_state() - TCP_CLOSE etc.; -1 for a socket that is not TCP's. */
int sockopt_tcp_state(int fd);

/**
 * sockopt_explain() - why did the connection under way on this socket fail?
 * @error: positive errno, what the kernel says; 0 if it says nothing
 *
 * Asks the node, and forgets the socket (pending_drop()).
 *
 * Return: what the node says, or @error when it says nothing.
 */
int sockopt_explain(int fd, int error);

#endif
