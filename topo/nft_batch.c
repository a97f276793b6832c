/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * nfnetlink takes a transaction as one datagram: BATCH_BEGIN, the messages,
 * BATCH_END. Either all of it takes effect or none. The kernel answers every
 * message it refuses, whether asked to or not, and sends its answers when it is
 * done with the whole, before sendmsg() returns. The first message asks for an
 * acknowledgement, so that silence can be told from success. Sequence numbers
 * count the messages, which is how an answer finds what it is about.
 */
#include "topo/nft_batch.h"

#include "base/cleanup.h"
#include "topo/nft_expr.h"
#include "topo/nft_socket.h"
#include "topo/nl.h"

#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* A page takes whole messages; none of ours is near the overrun. */
#define PAGE_BYTES    16384
#define OVERRUN_BYTES 8192
#define PAGES_MAX     64
#define ANSWER_BYTES  8192
#define WHAT_MAX      128
/* As many keys of a set as are sure to fit one message. */
#define ELEMENTS_MAX 64

/* What the nft command takes these types for, when it shows a set. */
static const uint32_t field_types[] = {
	[RULE_FIELD_NONE] = 0,
	[RULE_FIELD_ADDR] = 7,	  /* ipv4_addr */
	[RULE_FIELD_PORT] = 13,	  /* inet_service */
	[RULE_FIELD_NUMBER] = 19, /* mark */
};
#define FIELD_TYPE_BITS 6

struct nft_batch {
	struct nftnl_batch *messages;
	char (*what)[WHAT_MAX];
	size_t n, room;
	bool failed;
};

static struct nlmsghdr *begin(struct nft_batch *batch, uint16_t type, uint16_t flags,
			      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

struct nft_batch *nft_batch_new(void)
{
	struct nft_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->messages = nftnl_batch_alloc(PAGE_BYTES, OVERRUN_BYTES);
	if (!batch->messages) {
		free(batch);
		return NULL;
	}
	(void)nftnl_batch_begin(nftnl_batch_buffer(batch->messages), 0);
	batch->failed = nftnl_batch_update(batch->messages) < 0;
	return batch;
}

void nft_batch_free(struct nft_batch **batch)
{
	if (!*batch)
		return;
	nftnl_batch_free((*batch)->messages);
	free((*batch)->what);
	free(*batch);
}

/* A message's header, numbered and described. */
static struct nlmsghdr *begin(struct nft_batch *batch, uint16_t type, uint16_t flags,
			      const char *fmt, ...)
{
	va_list ap;

	if (batch->n == batch->room) {
		size_t more = batch->room ? batch->room * 2 : 64;
		void *moved = reallocarray(batch->what, more, sizeof(*batch->what));

		if (!moved) {
			batch->failed = true;
			return NULL;
		}
		batch->what = moved;
		batch->room = more;
	}
	va_start(ap, fmt);
	(void)vsnprintf(batch->what[batch->n], WHAT_MAX, fmt, ap);
	va_end(ap);
	if (batch->n++ == 0)
		flags |= NLM_F_ACK;
	return nftnl_nlmsg_build_hdr(nftnl_batch_buffer(batch->messages), type, NFPROTO_IPV4, flags,
				     (uint32_t)batch->n);
}

static void end(struct nft_batch *batch)
{
	if (nftnl_batch_update(batch->messages) < 0)
		batch->failed = true;
}

static void put_table(struct nft_batch *batch, struct nlmsghdr *h, const char *table)
{
	struct nftnl_table *t = h ? nftnl_table_alloc() : NULL;

	if (!t) {
		batch->failed = true;
		return;
	}
	(void)nftnl_table_set_str(t, NFTNL_TABLE_NAME, table);
	nftnl_table_nlmsg_build_payload(h, t);
	nftnl_table_free(t);
	end(batch);
}

void nft_batch_table(struct nft_batch *batch, const char *table, bool fresh)
{
	put_table(batch,
		  begin(batch, NFT_MSG_NEWTABLE,
			(uint16_t)(NLM_F_CREATE | (fresh ? NLM_F_EXCL : 0)), "nft table %s", table),
		  table);
}

void nft_batch_no_table(struct nft_batch *batch, const char *table)
{
	put_table(batch, begin(batch, NFT_MSG_DELTABLE, 0, "end of nft table %s", table), table);
}

void nft_batch_counter(struct nft_batch *batch, const char *table, const char *name)
{
	struct nlmsghdr *h = begin(batch, NFT_MSG_NEWOBJ, NLM_F_CREATE, "nft counter %s", name);
	struct nftnl_obj *o = h ? nftnl_obj_alloc() : NULL;

	if (!o) {
		batch->failed = true;
		return;
	}
	nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, table);
	nftnl_obj_set_str(o, NFTNL_OBJ_NAME, name);
	nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nftnl_obj_nlmsg_build_payload(h, o);
	nftnl_obj_free(o);
	end(batch);
}

static uint32_t type_of(const enum rule_field *fields)
{
	uint32_t type = 0;

	for (size_t i = 0; fields[i] != RULE_FIELD_NONE; i++)
		type = type << FIELD_TYPE_BITS | field_types[fields[i]];
	return type;
}

/* A field that is a key by itself is as long as it is; several take a register each. */
static uint32_t bytes_of(const enum rule_field *fields)
{
	if (fields[0] == RULE_FIELD_PORT && fields[1] == RULE_FIELD_NONE)
		return sizeof(uint16_t);
	return (uint32_t)rules_fields(fields) * 4;
}

/* A set that says which one it is, and no more. */
static struct nftnl_set *name_set(const struct rules *rules, size_t i)
{
	struct nftnl_set *s = nftnl_set_alloc();

	if (!s)
		return NULL;
	(void)nftnl_set_set_str(s, NFTNL_SET_TABLE, rules->table);
	(void)nftnl_set_set_str(s, NFTNL_SET_NAME, rules->sets[i].name);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, NFPROTO_IPV4);
	return s;
}

static bool is_filled_by_hand(const struct rules *rules, size_t i)
{
	for (size_t j = 0; j < rules->n_elements; j++)
		if (rules->elements[j].set == i)
			return true;
	return false;
}

void nft_batch_set(struct nft_batch *batch, const struct rules *rules, size_t i)
{
	const struct rule_set *set = &rules->sets[i];
	struct nlmsghdr *h =
		begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE, "nft set %s", rules->sets[i].name);
	struct nftnl_set *s = h ? name_set(rules, i) : NULL;
	uint32_t flags = is_filled_by_hand(rules, i) ? 0 : NFT_SET_EVAL;

	if (!s) {
		batch->failed = true;
		return;
	}
	nftnl_set_set_u32(s, NFTNL_SET_ID, (uint32_t)i + 1);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, type_of(set->key));
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, bytes_of(set->key));
	nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, RULES_SET_SIZE);
	if (set->timeout)
		flags |= NFT_SET_TIMEOUT;
	if (rules_fields(set->data)) {
		flags |= NFT_SET_MAP;
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, type_of(set->data));
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, bytes_of(set->data));
	}
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	end(batch);
}

void nft_batch_no_set(struct nft_batch *batch, const struct rules *rules, size_t i)
{
	struct nlmsghdr *h =
		begin(batch, NFT_MSG_DELSET, 0, "end of nft set %s", rules->sets[i].name);
	struct nftnl_set *s = h ? name_set(rules, i) : NULL;

	if (!s) {
		batch->failed = true;
		return;
	}
	nftnl_set_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	end(batch);
}

void nft_batch_no_elements(struct nft_batch *batch, const struct rules *rules, size_t i)
{
	struct nlmsghdr *h =
		begin(batch, NFT_MSG_DELSETELEM, 0, "entries of nft set %s", rules->sets[i].name);
	struct nftnl_set *s = h ? name_set(rules, i) : NULL;

	if (!s) {
		batch->failed = true;
		return;
	}
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	end(batch);
}

void nft_batch_elements(struct nft_batch *batch, const struct rules *rules, size_t i)
{
	struct nlmsghdr *h = begin(batch, NFT_MSG_NEWSETELEM, NLM_F_CREATE, "entries of nft set %s",
				   rules->sets[i].name);
	struct nftnl_set *s = h ? name_set(rules, i) : NULL;
	size_t n = 0;

	for (size_t j = 0; s && j < rules->n_elements; j++) {
		const struct rule_element *element = &rules->elements[j];
		struct nftnl_set_elem *e = element->set == i ? nftnl_set_elem_alloc() : NULL;

		if (element->set == i && (!e || n++ == ELEMENTS_MAX))
			batch->failed = true;
		if (!e)
			continue;
		(void)nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, element->key,
					 bytes_of(rules->sets[i].key));
		nftnl_set_elem_add(s, e);
	}
	if (!s || batch->failed) {
		batch->failed = true;
		return;
	}
	nftnl_set_elems_nlmsg_build_payload(h, s);
	nftnl_set_free(s);
	end(batch);
}

static void put_chain(struct nft_batch *batch, struct nlmsghdr *h, const char *table,
		      const struct rule_chain *chain)
{
	struct nftnl_chain *c = h ? nftnl_chain_alloc() : NULL;

	if (!c) {
		batch->failed = true;
		return;
	}
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain->name);
	if (chain->type) {
		(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, chain->type);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, chain->hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, chain->priority);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	}
	nftnl_chain_nlmsg_build_payload(h, c);
	nftnl_chain_free(c);
	end(batch);
}

void nft_batch_chain(struct nft_batch *batch, const char *table, const struct rule_chain *chain)
{
	put_chain(batch, begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "nft chain %s", chain->name),
		  table, chain);
}

void nft_batch_no_chain(struct nft_batch *batch, const char *table, const char *name)
{
	struct rule_chain chain = {.type = NULL};

	(void)snprintf(chain.name, sizeof(chain.name), "%s", name);
	put_chain(batch, begin(batch, NFT_MSG_DELCHAIN, 0, "end of nft chain %s", name), table,
		  &chain);
}

/* As the nft command stores it, which then shows it. */
static bool set_comment(struct nftnl_rule *r, const char *comment)
{
	struct nftnl_udata_buf *buf = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!buf)
		return false;
	(void)nftnl_udata_put_strz(buf, NFTNL_UDATA_RULE_COMMENT, comment);
	(void)nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(buf),
				  nftnl_udata_buf_len(buf));
	nftnl_udata_buf_free(buf);
	return true;
}

static bool add_steps(struct nftnl_rule *r, const struct rules *rules, const struct rule *rule)
{
	for (size_t i = 0; i < rule->n_steps; i++) {
		struct nftnl_expr *e = nft_expr(rules, &rules->steps[rule->first_step + i]);

		if (!e)
			return false;
		nftnl_rule_add_expr(r, e);
	}
	return set_comment(r, rule->comment);
}

static struct nftnl_rule *name_rule(const char *table, const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		return NULL;
	(void)nftnl_rule_set_str(r, NFTNL_RULE_TABLE, table);
	(void)nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	return r;
}

void nft_batch_rule(struct nft_batch *batch, const struct rules *rules, size_t i)
{
	const struct rule *rule = &rules->rules[i];
	const char *chain = rules->chains[rule->chain].name;
	struct nlmsghdr *h = begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND,
				   "nft chain %s, rule '%s'", chain, rule->comment);
	struct nftnl_rule *r = h ? name_rule(rules->table, chain) : NULL;

	if (r && add_steps(r, rules, rule)) {
		nftnl_rule_nlmsg_build_payload(h, r);
		end(batch);
	} else {
		batch->failed = true;
	}
	if (r)
		nftnl_rule_free(r);
}

void nft_batch_no_rules(struct nft_batch *batch, const char *table, const char *chain)
{
	struct nlmsghdr *h = begin(batch, NFT_MSG_DELRULE, 0, "rules of nft chain %s", chain);
	struct nftnl_rule *r = h ? name_rule(table, chain) : NULL;

	if (!r) {
		batch->failed = true;
		return;
	}
	nftnl_rule_nlmsg_build_payload(h, r);
	nftnl_rule_free(r);
	end(batch);
}

static int send_all(struct mnl_socket *nl, struct nft_batch *batch, struct error *err)
{
	struct iovec iov[PAGES_MAX];
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr msg = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = iov};
	int pages = nftnl_batch_iovec_len(batch->messages);
	int fd = mnl_socket_get_fd(nl);
	int bytes = PAGES_MAX * PAGE_BYTES;

	if (pages < 0 || pages > PAGES_MAX)
		return error_set(err, EMSGSIZE, "too many nft rules for one transaction");
	/* A datagram has to fit whole. Past wmem_max only with privileges over the machine; the
	 * rules of a NAT fit the default. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	nftnl_batch_iovec(batch->messages, iov, (uint32_t)pages);
	msg.msg_iovlen = (size_t)pages;
	if (sendmsg(fd, &msg, 0) < 0)
		return error_sys(err, errno, "cannot send nft rules");
	return 0;
}

/* Every answer is in the queue by now; the first refusal is what is reported. An answer
 * to BATCH_BEGIN, number 0, is about the whole, whose name the first message has. When
 * so much was refused that the queue was full, it is the later answers that are lost. */
static int read_answers(struct mnl_socket *nl, const struct nft_batch *batch, struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool acknowledged = false;
	int r = 0;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT);
		int len = (int)n;

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0 && errno == ENOBUFS)
			continue;
		if (n < 0)
			return r < 0 ? r : error_sys(err, errno, "no answer from nftables");
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			size_t i = h->nlmsg_seq;

			if (h->nlmsg_type != NLMSG_ERROR || i > batch->n)
				continue;
			acknowledged |= i == 1;
			if (r == 0)
				r = nl_answer(h, batch->what[i ? i - 1 : 0], err);
		}
	}
	if (r == 0 && !acknowledged)
		return error_set(err, EPROTO, "nftables gave no answer");
	return r;
}

int nft_batch_send(struct nft_batch *batch, int netns, struct nft_late *late, struct error *err)
{
	struct mnl_socket *nl;
	int r;

	(void)nftnl_batch_end(nftnl_batch_buffer(batch->messages), (uint32_t)batch->n + 1);
	end(batch);
	if (batch->failed || !batch->n)
		return error_sys(err, ENOMEM, "nft rules");
	r = nft_socket_open(netns, &nl, err);
	if (r < 0)
		return r;
	r = send_all(nl, batch, err);
	if (!r)
		r = read_answers(nl, batch, err);
	nft_late_add(late, nl);
	return r;
}
