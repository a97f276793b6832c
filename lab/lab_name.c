/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/lab_name.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TRIES	      64	 /* for a name that nobody has */
#define ACCEPTING_HEX "00010000" /* __SO_ACCEPTCON, as /proc/net/unix prints it */

bool lab_name_valid(const char *id)
{
	size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && len <= LAB_ID_MAX && !id[len] && *id != '-';
}

static socklen_t make_address(const char *id, struct sockaddr_un *ret)
{
	int len;

	(void)memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	len = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "boxlab/%u/%s",
		       (unsigned)geteuid(), id);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static int listen_at(const char *id)
{
	cleanup_close int fd = -1;
	struct sockaddr_un addr;
	socklen_t len = make_address(id, &addr);

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, len) < 0 || listen(fd, 64) < 0)
		return -errno;
	return take_fd(&fd);
}

int lab_name_listen(const char *id, char ret_id[static LAB_ID_MAX + 1], struct error *err)
{
	char made_up[LAB_ID_MAX + 1];
	uint32_t number;
	int fd = -EADDRINUSE;

	if (id && !lab_name_valid(id))
		return error_set(err, EINVAL, "\"%s\" is no id: a-z, 0-9 and \"-\", at most %d", id,
				 LAB_ID_MAX);
	if (id) {
		fd = listen_at(id);
		if (fd == -EADDRINUSE)
			return error_set(err, EADDRINUSE, "a lab \"%s\" is running already", id);
	}
	for (int i = 0; !id && i < TRIES && fd == -EADDRINUSE; i++) {
		if (getrandom(&number, sizeof(number), 0) < 0)
			return error_sys(err, errno, "no random number");
		(void)snprintf(made_up, sizeof(made_up), "lab-%04x", number & 0xffff);
		fd = listen_at(made_up);
	}
	if (fd < 0)
		return error_sys(err, -fd, "cannot make the lab's socket");
	(void)snprintf(ret_id, LAB_ID_MAX + 1, "%s", id ? id : made_up);
	return fd;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int lab_name_list(struct lab_names *ret_names, struct error *err)
{
	char line[256], prefix[64], flags[16];
	const char *at;
	FILE *f = fopen("/proc/net/unix", "re");

	if (!f)
		return error_sys(err, errno, "/proc/net/unix");
	ret_names->n = 0;
	(void)snprintf(prefix, sizeof(prefix), " @boxlab/%u/", (unsigned)geteuid());
	/* Num: RefCount Protocol Flags Type St Inode Path */
	while (ret_names->n < LAB_NAMES_MAX && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		at = strstr(line, prefix);
		if (!at || sscanf(line, "%*s %*s %*s %15s", flags) != 1 ||
		    strcmp(flags, ACCEPTING_HEX) != 0)
			continue;
		at += strlen(prefix);
		if (lab_name_valid(at))
			(void)snprintf(ret_names->ids[ret_names->n++], LAB_ID_MAX + 1, "%s", at);
	}
	(void)fclose(f);
	qsort(ret_names->ids, ret_names->n, sizeof(ret_names->ids[0]), compare);
	return 0;
}

/** say_names() - "a, b, c" */
static const char *say_names(const struct lab_names *names, char *buf, size_t size)
{
	size_t used = 0;

	(void)snprintf(buf, size, "none");
	for (size_t i = 0; i < names->n && used < size; i++)
		used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? ", " : "",
					 names->ids[i]);
	return buf;
}

/** choose() - the one lab that is meant */
static int choose(const char *id, const struct lab_names *names, char *ret_id, struct error *err)
{
	const char *chosen = NULL;
	char list[512];
	size_t matches = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (strncmp(names->ids[i], id, strlen(id)) != 0)
			continue;
		chosen = names->ids[i];
		matches++;
		if (strcmp(chosen, id) == 0) {
			matches = 1; /* an id may be the beginning of another */
			break;
		}
	}
	(void)say_names(names, list, sizeof(list));
	if (matches > 1)
		return error_set(err, ENOTUNIQ, "%s%s%s: which lab? Running: %s", *id ? "\"" : "",
				 *id ? id : "more than one", *id ? "\"" : "", list);
	if (!matches)
		return error_set(err, ENOENT, "no lab%s%s%s is running. Running: %s",
				 *id ? " \"" : "", id, *id ? "\"" : "", list);
	(void)snprintf(ret_id, LAB_ID_MAX + 1, "%s", chosen);
	return 0;
}

int lab_name_connect(const char *id, char ret_id[static LAB_ID_MAX + 1], struct error *err)
{
	cleanup_free struct lab_names *names = calloc(1, sizeof(*names));
	cleanup_close int fd = -1;
	struct sockaddr_un addr;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int r;

	if (!names)
		return error_sys(err, ENOMEM, "names of labs");
	r = lab_name_list(names, err);
	if (!r)
		r = choose(id ? id : "", names, ret_id, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, make_address(ret_id, &addr)) < 0)
		return error_sys(err, errno, "cannot connect to the lab \"%s\"", ret_id);
	/* Anybody could have taken the name. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.uid != geteuid())
		return error_set(err, EPERM, "the lab \"%s\" is another user's", ret_id);
	return take_fd(&fd);
}
