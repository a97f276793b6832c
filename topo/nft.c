/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/nft.h"

#include "base/cleanup.h"
#include "topo/nft_batch.h"
#include "topo/nft_socket.h"
#include "topo/nl.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

/* A part of a dump is at most 32 KiB. */
#define ANSWER_BYTES 32768
#define WHAT_MAX     128

static bool has_elements(const struct rules *rules, size_t set)
{
	for (size_t i = 0; i < rules->n_elements; i++)
		if (rules->elements[i].set == set)
			return true;
	return false;
}

/* What stands in a table before its rules. */
static void put_frame(struct nft_batch *batch, const struct rules *rules)
{
	for (size_t i = 0; i < rules->n_counters; i++)
		nft_batch_counter(batch, rules->table, rules->counters[i]);
	for (size_t i = 0; i < rules->n_sets; i++)
		nft_batch_set(batch, rules, i);
	for (size_t i = 0; i < rules->n_chains; i++)
		nft_batch_chain(batch, rules->table, &rules->chains[i]);
}

int nft_apply(int netns, const struct rules *rules, struct error *err)
{
	cleanup_with(nft_batch_free) struct nft_batch *batch = nft_batch_new();

	if (!batch || !rules_ok(rules))
		return error_sys(err, ENOMEM, "nft table %s", rules->table);
	nft_batch_table(batch, rules->table, true);
	put_frame(batch, rules);
	for (size_t i = 0; i < rules->n_sets; i++)
		if (has_elements(rules, i))
			nft_batch_elements(batch, rules, i);
	for (size_t i = 0; i < rules->n_rules; i++)
		nft_batch_rule(batch, rules, i);
	return nft_batch_send(batch, netns, NULL, err);
}

int nft_remove(int netns, const char *table, struct error *err)
{
	cleanup_with(nft_batch_free) struct nft_batch *batch = nft_batch_new();

	if (!batch)
		return error_sys(err, ENOMEM, "nft table %s", table);
	nft_batch_no_table(batch, table);
	return nft_batch_send(batch, netns, NULL, err);
}

static char *read_chain(const struct rules *rules, size_t chain)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	if (!to)
		return NULL;
	rules_print_chain(rules, chain, to);
	(void)fclose(to);
	return text;
}

/* Two chains are the same if they read the same. */
static bool goes_on(const struct nft_change *change, size_t chain)
{
	size_t to = rules_find_chain(change->to, change->from->chains[chain].name);
	cleanup_free char *before = NULL, *after = NULL;

	if (change->forget || to == SIZE_MAX || !rules_counts(change->from, chain))
		return false;
	before = read_chain(change->from, chain);
	after = read_chain(change->to, to);
	return before && after && strcmp(before, after) == 0;
}

/* What was, goes, as far as it does not go on. */
static void put_end(struct nft_batch *batch, const struct nft_change *change)
{
	const struct rules *from = change->from;
	const struct rules *to = change->to;

	for (size_t i = 0; i < from->n_chains; i++)
		if (!goes_on(change, i))
			nft_batch_no_rules(batch, from->table, from->chains[i].name);
	for (size_t i = 0; i < from->n_chains; i++)
		if (rules_find_chain(to, from->chains[i].name) == SIZE_MAX)
			nft_batch_no_chain(batch, from->table, from->chains[i].name);
	for (size_t i = 0; i < from->n_sets; i++) {
		if (rules_find_set(to, from->sets[i].name) == SIZE_MAX)
			nft_batch_no_set(batch, from, i);
		else if (change->forget || from->sets[i].transient)
			nft_batch_no_elements(batch, from, i);
	}
}

static bool is_there(const struct nft_change *change, const struct rule *rule)
{
	size_t from = rules_find_chain(change->from, change->to->chains[rule->chain].name);

	return from != SIZE_MAX && goes_on(change, from);
}

int nft_change(int netns, const struct nft_change *change, struct error *err)
{
	cleanup_with(nft_batch_free) struct nft_batch *batch = nft_batch_new();
	const struct rules *to = change->to;

	if (!batch || !rules_ok(change->from) || !rules_ok(to))
		return error_sys(err, ENOMEM, "nft table %s", to->table);
	nft_batch_table(batch, to->table, false);
	put_end(batch, change);
	put_frame(batch, to);
	for (size_t i = 0; i < to->n_sets; i++)
		if (has_elements(to, i))
			nft_batch_elements(batch, to, i);
	for (size_t i = 0; i < to->n_rules; i++)
		if (!is_there(change, &to->rules[i]))
			nft_batch_rule(batch, to, i);
	if (change->gate)
		nft_batch_no_table(batch, change->gate);
	return nft_batch_send(batch, netns, change->late, err);
}

/* Writes the request for a counter into @buf. */
static int ask_counter(char *buf, const char *table, const char *name)
{
	struct nftnl_obj *o = nftnl_obj_alloc();
	struct nlmsghdr *h;

	if (!o)
		return -ENOMEM;
	h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETOBJ, NFPROTO_IPV4, 0, 1);
	nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, table);
	nftnl_obj_set_str(o, NFTNL_OBJ_NAME, name);
	nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_nlmsg_build_payload(h, o);
	nftnl_obj_free(o);
	return 0;
}

int nft_counter(int netns, const char *table, const char *name, uint64_t *ret_packets,
		uint64_t *ret_bytes, struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	cleanup_with(nft_socket_close) struct mnl_socket *nl = NULL;
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	struct nftnl_obj *o;
	char what[WHAT_MAX];
	ssize_t n;
	int r;

	(void)snprintf(what, sizeof(what), "nft counter %s", name);
	r = nft_socket_open(netns, &nl, err);
	if (r < 0)
		return r;
	if (ask_counter(buf, table, name) < 0)
		return error_sys(err, ENOMEM, "%s", what);
	if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
		return error_sys(err, errno, "%s: cannot ask", what);
	n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0)
		return error_sys(err, errno, "%s: no answer", what);
	if (!mnl_nlmsg_ok(h, (int)n))
		return error_set(err, EPROTO, "%s: the kernel's answer is cut short", what);
	if (h->nlmsg_type == NLMSG_ERROR)
		return nl_answer(h, what, err);
	o = nftnl_obj_alloc();
	if (!o || nftnl_obj_nlmsg_parse(h, o) < 0) {
		if (o)
			nftnl_obj_free(o);
		return error_set(err, EPROTO, "%s: the answer is not understood", what);
	}
	*ret_packets = nftnl_obj_get_u64(o, NFTNL_OBJ_CTR_PKTS);
	*ret_bytes = nftnl_obj_get_u64(o, NFTNL_OBJ_CTR_BYTES);
	nftnl_obj_free(o);
	return 0;
}
