/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nft.h"

#include "base/cleanup.h"
#include "topo/nft_socket.h"
#include "topo/nl.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

/* A part of a dump is at most 32 KiB. */
#define ANSWER_BYTES 32768
#define WHAT_MAX     128
/* How often a dump is begun again when the rules changed under it. */
#define DUMP_TRIES 8

struct entries {
	struct nft_entry *all;
	size_t n, room;
	const char *what;
};

static void free_set(struct nftnl_set **set)
{
	if (*set)
		nftnl_set_free(*set);
}

static struct nftnl_set *name_set(const char *table, const char *name)
{
	struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return NULL;
	(void)nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	(void)nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	return set;
}

static int ask(struct mnl_socket *nl, const char *table, const char *name, const char *what,
	       struct error *err)
{
	cleanup_with(free_set) struct nftnl_set *set = name_set(table, name);
	char buf[512] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *h;

	if (!set)
		return error_sys(err, ENOMEM, "%s", what);
	h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_IPV4, NLM_F_DUMP, 1);
	nftnl_set_elems_nlmsg_build_payload(h, set);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return error_sys(err, errno, "%s: cannot ask", what);
	return 0;
}

static void copy(struct nftnl_set_elem *elem, uint16_t attr, uint8_t *to, size_t room)
{
	uint32_t len = 0;
	const void *bytes =
		nftnl_set_elem_is_set(elem, attr) ? nftnl_set_elem_get(elem, attr, &len) : NULL;

	if (bytes)
		(void)memcpy(to, bytes, len < room ? len : room);
}

static int take_elem(struct nftnl_set_elem *elem, void *arg)
{
	struct entries *entries = arg;
	struct nft_entry *entry;

	if (entries->n == entries->room) {
		size_t more = entries->room ? entries->room * 2 : 64;
		void *moved = reallocarray(entries->all, more, sizeof(*entries->all));

		if (!moved)
			return -1;
		entries->all = moved;
		entries->room = more;
	}
	entry = &entries->all[entries->n++];
	*entry = (struct nft_entry){.expires_ms = 0};
	copy(elem, NFTNL_SET_ELEM_KEY, entry->key, sizeof(entry->key));
	copy(elem, NFTNL_SET_ELEM_DATA, entry->data, sizeof(entry->data));
	if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_EXPIRATION))
		entry->expires_ms = nftnl_set_elem_get_u64(elem, NFTNL_SET_ELEM_EXPIRATION);
	return 0;
}

static int take_message(const struct nlmsghdr *h, struct entries *entries, struct error *err)
{
	cleanup_with(free_set) struct nftnl_set *set = nftnl_set_alloc();

	if (!set)
		return error_sys(err, ENOMEM, "%s", entries->what);
	if (nftnl_set_elems_nlmsg_parse(h, set) < 0)
		return error_set(err, EPROTO, "%s: the answer is not understood", entries->what);
	if (nftnl_set_elem_foreach(set, take_elem, entries) < 0)
		return error_sys(err, ENOMEM, "%s", entries->what);
	return 0;
}

/* Return: 0; 1 when the rules changed while the set was read; or -errno. */
static int read_parts(struct mnl_socket *nl, struct entries *entries, struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool interrupted = false;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), 0);
		int len = (int)n;

		if (n < 0)
			return error_sys(err, errno, "%s: no answer", entries->what);
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			int r;

			interrupted |= h->nlmsg_flags & NLM_F_DUMP_INTR;
			if (h->nlmsg_type == NLMSG_DONE)
				return interrupted;
			if (h->nlmsg_type == NLMSG_ERROR)
				return nl_answer(h, entries->what, err);
			r = take_message(h, entries, err);
			if (r < 0)
				return r;
		}
	}
}

int nft_entries(int netns, const char *table, const char *set, struct nft_entry **ret_entries,
		size_t *ret_n, struct error *err)
{
	cleanup_with(nft_socket_close) struct mnl_socket *nl = NULL;
	struct entries entries = {.n = 0};
	char what[WHAT_MAX];
	int r;

	(void)snprintf(what, sizeof(what), "nft set %s", set);
	entries.what = what;
	r = nft_socket_open(netns, &nl, err);
	if (r < 0)
		return r;
	r = 1;
	for (int i = 0; i < DUMP_TRIES && r == 1; i++) {
		entries.n = 0;
		r = ask(nl, table, set, what, err);
		if (!r)
			r = read_parts(nl, &entries, err);
	}
	if (r == 1)
		r = error_set(err, EINTR, "%s: the rules never stood still", what);
	if (r < 0) {
		free(entries.all);
		return r;
	}
	*ret_entries = entries.all;
	*ret_n = entries.n;
	return 0;
}
