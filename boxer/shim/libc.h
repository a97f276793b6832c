/* SPDX-License-Identifier: MIT */
/*
 * Interface for libc's own functions, behind the hooks that carry their names:
 * found once with dlsym(), before main() as a rule, so that a hook in a signal
 * handler or in a forked child only reads a table.
 */
#ifndef BOXER_SHIM_LIBC_H
#define BOXER_SHIM_LIBC_H

#include <netdb.h>
#include <sys/socket.h>

/** HOOK - a function that stands in front of libc's of the same name. */
#define HOOK __attribute__((visibility("default")))

/** struct libc - what each hook passes on to */
struct libc {
	int (*accept4)(int fd, struct sockaddr *sa, socklen_t *len, int flags);
	int (*bind)(int fd, const struct sockaddr *sa, socklen_t len);
	int (*connect)(int fd, const struct sockaddr *sa, socklen_t len);
	int (*listen)(int fd, int backlog);
	int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
	int (*getaddrinfo)(const char *node, const char *service, const struct addrinfo *hints,
			   struct addrinfo **res);
	struct hostent *(*gethostbyname)(const char *name);
	struct hostent *(*gethostbyname2)(const char *name, int family);
	int (*gethostbyname_r)(const char *name, struct hostent *host, char *buf, size_t size,
			       struct hostent **res, int *h_error);
	int (*gethostbyname2_r)(const char *name, int family, struct hostent *host, char *buf,
				size_t size, struct hostent **res, int *h_error);
};

/** libc() - the table; all of it is filled. */
const struct libc *libc(void);
/** libc_whose() - where they are looked up: the shim and libboxer have their own answers. */
void *libc_whose(void);

#endif
