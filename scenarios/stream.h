/* SPDX-License-Identifier: MIT */
/*
 * Interface for TCP sockets, as programs that know nothing of Boxer use them. All of
 * them are closed on exec.
 */
#ifndef SCENARIOS_STREAM_H
#define SCENARIOS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

/** stream_open() - Return: a new IPv4 socket, or -errno. */
int stream_open(bool nonblock);
/** stream_listen() - listen on all IPv4 addresses. Return: the socket, or -errno. */
int stream_listen(uint16_t port, bool nonblock);
/** stream_connected() - wait for the end of a connect() that goes on. Return: 0, or -errno. */
int stream_connected(int fd);
/** stream_wait() - wait for poll()'s @events, as long as it takes. Return: 0, or -errno. */
int stream_wait(int fd, short events);
/** stream_no_delay() - send small pieces at once. */
void stream_no_delay(int fd);

#endif
