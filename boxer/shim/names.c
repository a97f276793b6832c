/* SPDX-License-Identifier: MIT */
/*
 * Members' names resolve to their overlay addresses; all other names are libc's
 * business. A member's name is put into libc's hands too, as the number that it
 * stands for: services, hints and the result's ownership then are as they ever
 * were.
 */
#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"
#include "boxer/shim/shim.h"
#include "boxer/shim/table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A name that is no member's for certain, without asking for the table. */
static bool is_ordinary(const char *name)
{
	uint8_t bytes[sizeof(struct in6_addr)];

	return !*name || strnlen(name, TABLE_NAME_MAX) == TABLE_NAME_MAX ||
	       strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, bytes) == 1 ||
	       inet_pton(AF_INET6, name, bytes) == 1;
}

static bool find(const char *name, struct table_row *ret_row)
{
	struct agent *agent = shim_agent();
	int saved = errno;
	bool found = agent && name && !is_ordinary(name) && agent_map(agent) == 0 &&
		     table_find_name(atomic_load(&agent->table), name, ret_row);

	errno = saved;
	return found;
}

/* libc took the number for the name that it was given. */
static int mend_canonical_name(struct addrinfo *ai, const char *name)
{
	char *own;

	if (!ai->ai_canonname)
		return 0;
	own = strdup(name);
	if (!own)
		return EAI_MEMORY;
	free(ai->ai_canonname);
	ai->ai_canonname = own;
	return 0;
}

HOOK int getaddrinfo(const char *restrict node, const char *restrict service,
		     const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	struct addrinfo own_hints = {.ai_family = AF_UNSPEC};
	char number[INET6_ADDRSTRLEN];
	struct table_row row;
	int saved = errno;
	int r;

	if ((hints && hints->ai_flags & AI_NUMERICHOST) || !find(node, &row) ||
	    !inet_ntop(row.overlay.family, row.overlay.bytes, number, sizeof(number)))
		return libc()->getaddrinfo(node, service, hints, res);
	if (hints)
		own_hints = *hints;
	/* A member can be reached whatever addresses the interfaces have. */
	own_hints.ai_flags &= ~AI_ADDRCONFIG;
	own_hints.ai_flags |= AI_NUMERICHOST;
	r = libc()->getaddrinfo(number, service, &own_hints, res);
	if (r == 0) {
		r = mend_canonical_name(*res, row.name);
		if (r)
			freeaddrinfo(*res);
	}
	if (r != EAI_SYSTEM)
		errno = saved;
	return r;
}

/**
 * struct answer - what a struct hostent of ours points to
 */
struct answer {
	char *aliases[1];
	char *addresses[2];
	char bytes[sizeof(struct in6_addr)];
	char name[TABLE_NAME_MAX];
};

/* False when the member has no address of that family. */
static bool fill(const struct table_row *row, int family, struct answer *answer,
		 struct hostent *host)
{
	if (row->overlay.family != family)
		return false;
	answer->aliases[0] = NULL;
	answer->addresses[0] = answer->bytes;
	answer->addresses[1] = NULL;
	(void)memcpy(answer->bytes, row->overlay.bytes, sizeof(answer->bytes));
	(void)memcpy(answer->name, row->name, sizeof(answer->name));
	host->h_name = answer->name;
	host->h_aliases = answer->aliases;
	host->h_addrtype = family;
	host->h_length = family == AF_INET ? 4 : 16;
	host->h_addr_list = answer->addresses;
	return true;
}

/* One per thread, which is better than libc's own promise. */
static struct hostent *fill_static(const struct table_row *row, int family)
{
	static __thread struct answer answer;
	static __thread struct hostent host;

	if (fill(row, family, &answer, &host))
		return &host;
	h_errno = NO_DATA;
	return NULL;
}

static int fill_buffer(const struct table_row *row, int family, struct hostent *host, char *buf,
		       size_t size, struct hostent **res, int *h_error)
{
	size_t skip = -(uintptr_t)buf % _Alignof(struct answer);
	void *room = buf + skip;

	*res = NULL;
	if (size < skip + sizeof(struct answer)) {
		*h_error = NETDB_INTERNAL;
		return ERANGE;
	}
	if (fill(row, family, room, host))
		*res = host;
	else
		*h_error = NO_DATA;
	return 0;
}

HOOK struct hostent *gethostbyname(const char *name)
{
	struct table_row row;

	return find(name, &row) ? fill_static(&row, AF_INET) : libc()->gethostbyname(name);
}

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct table_row row;

	return find(name, &row) ? fill_static(&row, family) : libc()->gethostbyname2(name, family);
}

HOOK int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			 char *restrict buf, size_t size, struct hostent **restrict res,
			 int *restrict h_error)
{
	struct table_row row;

	if (!find(name, &row))
		return libc()->gethostbyname_r(name, host, buf, size, res, h_error);
	return fill_buffer(&row, AF_INET, host, buf, size, res, h_error);
}

HOOK int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict host,
			  char *restrict buf, size_t size, struct hostent **restrict res,
			  int *restrict h_error)
{
	struct table_row row;

	if (!find(name, &row))
		return libc()->gethostbyname2_r(name, family, host, buf, size, res, h_error);
	return fill_buffer(&row, family, host, buf, size, res, h_error);
}
