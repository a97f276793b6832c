/* SPDX-License-Identifier: MIT */
/*
 * Interface for sockets: the few calls of this machine's socket layer that
 * traversal is made of. Every descriptor is born close-on-exec and
 * non-blocking.
 */
#ifndef BOXER_SOCK_H
#define BOXER_SOCK_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* linux/tcp.h, which can't be included beside netinet/tcp.h */
#endif

/**
 * sock_shared() - a TCP socket bound beside others
 * @local: address and port; port 0 lets the kernel choose
 * @family: the socket's; AF_INET6 with an AF_INET @local binds the mapped form
 *
 * SO_REUSEADDR and SO_REUSEPORT are set, so that several sockets may hold one
 * local port, a listener of the same uid among them.
 *
 * Return: a descriptor, or -errno.
 */
int sock_shared(const struct addr *local, int family);
/** sock_connect() - Return: 0 connected or under way, or -errno. */
int sock_connect(int fd, const struct addr *remote, int family);
/** struct sock_haste - what sock_hasten() has changed: as it was; zero: nothing */
struct sock_haste {
	int rto_max_ms, retries;
};

/**
 * sock_hasten() - what a handshake loses is sent again each second, not after 1, 3, 7 s
 *
 * By TCP_RTO_MAX_MS, which is Linux 6.15's; older kernels know no such thing.
 */
struct sock_haste sock_hasten(int fd);
/** sock_unhasten() - as before. */
void sock_unhasten(int fd, const struct sock_haste *was);
/** sock_listen() - Return: 0, or -errno. */
int sock_listen(int fd, int backlog);
/**
 * sock_abandon() - end a connection that is being made, for a program that waits for it
 *
 * The program sees that it has failed. What is not connecting, or is open, is left alone.
 */
void sock_abandon(int fd);
/** sock_is_open() - has the connection been established, whatever has become of it since? */
bool sock_is_open(int fd);
/** sock_state() - TCP_SYN_SENT etc. Return: or -errno. */
int sock_state(int fd);
/** sock_family() - AF_INET or AF_INET6. Return: or -errno. */
int sock_family(int fd);
/** sock_share() - others may bind its port beside it from now on. */
void sock_share(int fd);
/**
 * sock_bind_shared() - bind a program's socket beside others
 * @local: the unspecified address of either family means the one of the socket's own
 *
 * Its options are as they were afterwards. Return: 0, or -errno.
 */
int sock_bind_shared(int fd, const struct addr *local);
/** sock_acknowledge() - what has come is acknowledged at once. */
void sock_acknowledge(int fd);
/** sock_round_trip_ns() - as the kernel has measured it; 0 when it has not. */
uint64_t sock_round_trip_ns(int fd);
/**
 * sock_quota() - how many descriptors one use may take, so that others can have some, too
 *
 * Return: @max, or less: one @share-th of those that this process may have.
 */
size_t sock_quota(size_t max, size_t share);
/** sock_error() - SO_ERROR. Return: 0, or -errno. */
int sock_error(int fd);
/** sock_local(), sock_remote() - Return: 0, or -errno. */
int sock_local(int fd, struct addr *ret);
int sock_remote(int fd, struct addr *ret);
/** sock_tune_control() - for a few small frames; a dead peer is noticed after @user_timeout_ms. */
void sock_tune_control(int fd, unsigned user_timeout_ms);
/** sock_reset_on_close() - closing it will send a reset and leave no TIME_WAIT behind. */
void sock_reset_on_close(int fd);
/** sock_finish_on_close() - not any more: what was sent last shall still arrive. */
void sock_finish_on_close(int fd);
/** sock_reset() - close it with a reset. */
void sock_reset(int fd);
/** sock_listen_local() - listen on the abstract Unix socket "@name", SOCK_SEQPACKET. */
int sock_listen_local(const char *name);
/** sock_connect_local() - connect to it; checks that its owner has our uid. */
int sock_connect_local(const char *name);
/** sock_peer_is_us() - has the process at the other end our uid? */
bool sock_peer_is_us(int fd);
/** sock_peer_pid() - the process that has connected; 0: it can't be seen from here. */
pid_t sock_peer_pid(int fd);
/** sock_send_fds() - one message with descriptors. Return: 0, or -errno. */
int sock_send_fds(int fd, const void *data, size_t len, const int *fds, size_t n_fds);

/**
 * struct sock_listener - a listening socket of this machine
 * @bound: address and port; the unspecified address when it listens on all
 * @family: the socket's, AF_INET6 for a dual-stack one
 * @queued: connections that wait in its accept queue
 * @backlog: how many may wait
 */
struct sock_listener {
	struct addr bound;
	int family;
	uint32_t queued;
	uint32_t backlog;
};

/**
 * sock_find_listener() - who listens on TCP @port and can be reached by IPv4 from outside
 * @inside: the machine's own address; a listener bound to another one is passed over
 *
 * By NETLINK_SOCK_DIAG, so no program has to register and a fork or exec changes nothing.
 *
 * Return: 0; -ENOENT when nobody does (or only on loopback); -errno.
 */
int sock_find_listener(uint16_t port, const struct addr *inside, struct sock_listener *ret);

#endif
