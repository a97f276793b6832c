/* SPDX-License-Identifier: MIT */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t v4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct addr addr_v4(uint32_t host_order, uint16_t port)
{
	struct addr a = {.family = AF_INET, .port = port};

	a.bytes[0] = (uint8_t)(host_order >> 24);
	a.bytes[1] = (uint8_t)(host_order >> 16);
	a.bytes[2] = (uint8_t)(host_order >> 8);
	a.bytes[3] = (uint8_t)host_order;
	return a;
}

uint32_t addr_v4_value(const struct addr *a)
{
	if (a->family != AF_INET)
		return 0;
	return (uint32_t)a->bytes[0] << 24 | (uint32_t)a->bytes[1] << 16 |
	       (uint32_t)a->bytes[2] << 8 | a->bytes[3];
}

static int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)value;
	return 0;
}

int addr_parse(const char *text, struct addr *ret_addr)
{
	char host[INET6_ADDRSTRLEN];
	struct addr a = {.family = AF_INET};
	const char *end = text + strlen(text);
	const char *port = NULL;
	size_t len;

	if (*text == '[') {
		text++;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return -EINVAL;
		if (end[1] == ':')
			port = end + 2;
		a.family = AF_INET6;
	} else {
		const char *colon = strchr(text, ':');

		if (colon && strchr(colon + 1, ':')) {
			a.family = AF_INET6;
		} else if (colon) {
			end = colon;
			port = colon + 1;
		}
	}
	len = (size_t)(end - text);
	if (len >= sizeof(host))
		return -EINVAL;
	(void)memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(a.family, host, a.bytes) != 1)
		return -EINVAL;
	if (port && parse_port(port, &a.port) < 0)
		return -EINVAL;
	*ret_addr = a;
	return 0;
}

const char *addr_format_host(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
	if ((a->family != AF_INET && a->family != AF_INET6) ||
	    !inet_ntop(a->family, a->bytes, buf, ADDR_TEXT_MAX))
		(void)snprintf(buf, ADDR_TEXT_MAX, "-");
	return buf;
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
	char host[ADDR_TEXT_MAX];

	(void)addr_format_host(a, host);
	if (!a->port)
		(void)snprintf(buf, ADDR_TEXT_MAX, "%s", host);
	else if (a->family == AF_INET6)
		(void)snprintf(buf, ADDR_TEXT_MAX, "[%.45s]:%u", host, a->port);
	else
		(void)snprintf(buf, ADDR_TEXT_MAX, "%.45s:%u", host, a->port);
	return buf;
}

int addr_from_sockaddr(const struct sockaddr *sa, socklen_t len, struct addr *ret_addr)
{
	struct addr a = {0};

	if (len < sizeof(sa->sa_family))
		return -EINVAL;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		if (len < sizeof(in))
			return -EINVAL;
		(void)memcpy(&in, sa, sizeof(in));
		a.family = AF_INET;
		a.port = ntohs(in.sin_port);
		(void)memcpy(a.bytes, &in.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		if (len < sizeof(in6))
			return -EINVAL;
		(void)memcpy(&in6, sa, sizeof(in6));
		a.port = ntohs(in6.sin6_port);
		if (memcmp(&in6.sin6_addr, v4_mapped, sizeof(v4_mapped)) == 0) {
			a.family = AF_INET;
			(void)memcpy(a.bytes, in6.sin6_addr.s6_addr + 12, 4);
		} else {
			a.family = AF_INET6;
			(void)memcpy(a.bytes, &in6.sin6_addr, 16);
		}
	} else {
		return -EAFNOSUPPORT;
	}
	*ret_addr = a;
	return 0;
}

int addr_to_sockaddr(const struct addr *a, int family, struct sockaddr_storage *ret_ss)
{
	(void)memset(ret_ss, 0, sizeof(*ret_ss));
	if (family == AF_INET && a->family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(a->port)};

		(void)memcpy(&in.sin_addr, a->bytes, 4);
		(void)memcpy(ret_ss, &in, sizeof(in));
		return sizeof(in);
	}
	if (family == AF_INET6 && (a->family == AF_INET6 || a->family == AF_INET)) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(a->port)};

		if (a->family == AF_INET6) {
			(void)memcpy(&in6.sin6_addr, a->bytes, 16);
		} else {
			(void)memcpy(in6.sin6_addr.s6_addr, v4_mapped, 12);
			(void)memcpy(in6.sin6_addr.s6_addr + 12, a->bytes, 4);
		}
		(void)memcpy(ret_ss, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return -EAFNOSUPPORT;
}

bool addr_same_host(const struct addr *a, const struct addr *b)
{
	return addr_cmp_host(a, b) == 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->port == b->port && addr_same_host(a, b);
}

int addr_cmp_host(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return a->family == AF_UNSPEC || memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == AF_INET)
		return a->bytes[0] == 127;
	return a->family == AF_INET6 && memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool addr_is_private(const struct addr *a)
{
	uint32_t v = addr_v4_value(a);

	if (a->family == AF_INET)
		return v >> 24 == 10 || v >> 20 == 0xac1 || v >> 16 == 0xc0a8 ||
		       v >> 22 == 0x64400000 >> 22 || v >> 16 == 0xa9fe;
	return a->family == AF_INET6 && ((a->bytes[0] & 0xfe) == 0xfc ||
					 (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80));
}
