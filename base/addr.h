/* SPDX-License-Identifier: MIT */
/*
 * Interface for addresses: a value that always carries its family, so that
 * neither a frame, a table nor a rule ever has to guess it. An address without
 * a port has port 0. A struct addr is embedded and copied freely.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* "[" + INET6_ADDRSTRLEN + "]:65535" and the NUL */
#define ADDR_TEXT_MAX 56

/**
 * struct addr - an IP address and a port
 * @family: AF_INET, AF_INET6, or AF_UNSPEC for "none"
 * @port: host byte order; 0 when there is none
 * @bytes: network byte order; an IPv4 address in the first four, the rest zero
 */
struct addr {
	uint16_t family;
	uint16_t port;
	uint8_t bytes[16];
};

/** addr_v4() - an IPv4 address from a host-order number. */
struct addr addr_v4(uint32_t host_order, uint16_t port);
/** addr_v4_value() - the host-order number of an IPv4 address; 0 for other families. */
uint32_t addr_v4_value(const struct addr *a);

/**
 * addr_parse() - read "1.2.3.4", "1.2.3.4:80", "::1" or "[::1]:80"
 *
 * Return: 0, or -EINVAL (no look-up is made).
 */
int addr_parse(const char *text, struct addr *ret_addr);
/**
 * addr_format() - the inverse of addr_parse(); the port is left out when it is 0
 *
 * Return: @buf, so that it may stand in a printf argument list.
 */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
/** addr_format_host() - the address without its port and without brackets. */
const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT_MAX]);

/**
 * addr_from_sockaddr() - take an AF_INET or AF_INET6 socket address; a v4-mapped
 * IPv6 address becomes AF_INET
 *
 * Return: 0, or -EAFNOSUPPORT; -EINVAL when @len is too short.
 */
int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *ret_addr);
/**
 * addr_to_sockaddr() - the socket address to give to a socket of @family
 * @family: AF_INET, or AF_INET6, in which case an IPv4 address is v4-mapped
 *
 * Return: its length, or -EAFNOSUPPORT.
 */
int addr_to_sockaddr(const struct addr *a, int family, struct sockaddr_storage *ret_ss);

/** addr_equal() - same family, address and port. */
bool addr_equal(const struct addr *a, const struct addr *b);
/** addr_same_host() - same family and address, whatever the ports. */
bool addr_same_host(const struct addr *a, const struct addr *b);
/** addr_cmp_host() - order by family, then address; for sorted tables. */
int addr_cmp_host(const struct addr *a, const struct addr *b);
/** addr_is_any() - the unspecified address (0.0.0.0, ::) or AF_UNSPEC. */
bool addr_is_any(const struct addr *a);
/** addr_is_loopback() - 127.0.0.0/8 or ::1. */
bool addr_is_loopback(const struct addr *a);
/** addr_is_private() - RFC 1918, RFC 6598, link-local or unique local. */
bool addr_is_private(const struct addr *a);

#endif
