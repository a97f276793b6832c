/* SPDX-License-Identifier: MIT */
/* The probe's commands about names and members. */
#include "boxer/boxer.h"
#include "tests/shim/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct boxer *boxer;

static int ai_flags(const char *word)
{
	int flags = 0;

	if (strchr(word, 'n'))
		flags |= AI_NUMERICHOST;
	if (strchr(word, 'c'))
		flags |= AI_CANONNAME;
	if (strchr(word, 'p'))
		flags |= AI_PASSIVE;
	if (strchr(word, 'a'))
		flags |= AI_ADDRCONFIG;
	if (strchr(word, 'm'))
		flags |= AI_V4MAPPED;
	return flags;
}

/* resolve NAME|- SERVICE|- FAMILY [FLAGS]: the first address, how many, canonical name */
void probe_resolve(char **words)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	char buf[ADDR_TEXT_MAX];
	struct sockaddr_storage ss = {0};
	int n = 0;
	int r;

	hints.ai_family = *words[3] == '4' ? AF_INET : *words[3] == '6' ? AF_INET6 : AF_UNSPEC;
	hints.ai_flags = words[4] ? ai_flags(words[4]) : 0;
	errno = E2BIG;
	r = getaddrinfo(*words[1] == '-' ? NULL : words[1], *words[2] == '-' ? NULL : words[2],
			&hints, &list);
	if (r) {
		probe_answer("%s", r == EAI_NONAME ? "EAI_NONAME" : gai_strerror(r));
		return;
	}
	for (struct addrinfo *ai = list; ai; ai = ai->ai_next)
		n++;
	(void)memcpy(&ss, list->ai_addr, list->ai_addrlen);
	probe_answer("%s %s x%d %s", probe_format(&ss, list->ai_addrlen, buf),
		     ss.ss_family == AF_INET6 ? "v6" : "v4", n,
		     list->ai_canonname ? list->ai_canonname : "-");
	freeaddrinfo(list);
}

static void answer_host(const struct hostent *host, int h_error)
{
	char buf[INET6_ADDRSTRLEN];

	if (host && (uintptr_t)host->h_addr_list % _Alignof(char *) != 0)
		probe_answer("misaligned");
	else if (!host)
		probe_answer("none %s", h_error == NO_DATA	    ? "NO_DATA"
					: h_error == HOST_NOT_FOUND ? "HOST_NOT_FOUND"
								    : "?");
	else
		probe_answer("%s %s %d %s%s", host->h_name,
			     inet_ntop(host->h_addrtype, host->h_addr_list[0], buf, sizeof(buf)),
			     host->h_length, host->h_addr_list[1] ? "more" : "only",
			     host->h_aliases[0] ? " aliases" : "");
}

/* host NAME [6]: by gethostbyname() or gethostbyname2() */
void probe_host(char **words)
{
	struct hostent *host =
		words[2] ? gethostbyname2(words[1], AF_INET6) : gethostbyname(words[1]);

	answer_host(host, h_errno);
}

/* host_r NAME ROOM [4|6]: by gethostbyname_r() or gethostbyname2_r(), in a crooked buffer */
void probe_host_r(char **words)
{
	static char room[4096];
	size_t size = (size_t)atoi(words[2]);
	struct hostent host, *res = NULL;
	int h_error = 0;
	int r;

	if (words[3])
		r = gethostbyname2_r(words[1], *words[3] == '6' ? AF_INET6 : AF_INET, &host,
				     room + 1, size, &res, &h_error);
	else
		r = gethostbyname_r(words[1], &host, room + 1, size, &res, &h_error);
	if (r)
		probe_answer("%s", strerrorname_np(r));
	else
		answer_host(res, h_error);
}

static void answer_boxer(int r)
{
	if (r < 0)
		probe_answer("%s", strerrorname_np(-r));
	else
		probe_answer("%d", r);
}

/* open: boxer_open() */
void probe_open(char **words)
{
	(void)words;
	boxer_close(boxer);
	boxer = NULL;
	answer_boxer(boxer_open(&boxer));
}

/* members MAX: boxer_members() */
void probe_members(char **words)
{
	struct boxer_member members[4];
	size_t max = (size_t)atoi(words[1]);
	int n = boxer_members(boxer, max ? members : NULL, max);
	char overlay[ADDR_TEXT_MAX], external[ADDR_TEXT_MAX];

	(void)printf("%d", n);
	for (size_t i = 0; i < max && (int)i < n; i++)
		(void)printf(
			" %u,%s,%d,%s,%s", members[i].id, members[i].name, members[i].self,
			probe_format(&members[i].overlay, sizeof(members[i].overlay), overlay),
			probe_format(&members[i].external, sizeof(members[i].external), external));
	probe_answer("%s", "");
}

/* member NAME: boxer_resolve() */
void probe_member(char **words)
{
	struct boxer_member member = {.id = 0};
	int r = boxer_resolve(boxer, words[1], &member);

	answer_boxer(r < 0 ? r : (int)member.id);
}

/* reach NAME PORT: boxer_connect(); close-on-exec is part of the promise */
void probe_reach(char **words)
{
	int fd = boxer_connect(boxer, words[1], (uint16_t)atoi(words[2]));

	if (fd < 0)
		answer_boxer(fd);
	else if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		probe_answer("not close-on-exec");
	else
		probe_answer("%s", fcntl(fd, F_GETFL) & O_NONBLOCK ? "does not block" : "0");
	if (fd >= 0)
		(void)close(fd);
}

static int served = -1;

/* serve: boxer_listen(); the address it listens on */
void probe_serve(char **words)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char buf[ADDR_TEXT_MAX];

	(void)words;
	served = boxer_listen(boxer, 0, 16);
	if (served < 0)
		answer_boxer(served);
	else if (getsockname(served, (struct sockaddr *)&ss, &len) < 0)
		answer_boxer(-errno);
	else
		probe_answer("%s", probe_format(&ss, len, buf));
}

/* take: boxer_accept(); the peer, and what it has to say */
void probe_take(char **words)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char buf[ADDR_TEXT_MAX], text[32] = "";
	int fd = boxer_accept(boxer, served, (struct sockaddr *)&ss, &len);

	(void)words;
	if (fd < 0) {
		answer_boxer(fd);
		return;
	}
	(void)!read(fd, text, sizeof(text) - 1);
	probe_answer("%s '%s'%s", probe_format(&ss, len, buf), text,
		     fcntl(fd, F_GETFD) & FD_CLOEXEC ? "" : " not close-on-exec");
	(void)close(fd);
}
