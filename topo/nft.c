/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * nfnetlink takes a transaction as one datagram: BATCH_BEGIN, the table, its
 * counters, chains and rules, BATCH_END. Either all of it takes effect or none.
 * The kernel answers every message it refuses, whether asked to or not, and
 * sends its answers when it is done with the whole, before sendmsg() returns. One
 * message, the table's, asks for an acknowledgement, so that silence can be told
 * from success. Sequence numbers count the messages, which is how an answer finds
 * what it is about.
 */
#include "topo/nft.h"

#include "base/cleanup.h"
#include "topo/nl.h"
#include "topo/ns.h"

#include <libmnl/libmnl.h>
#include <libnftnl/batch.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#define FAMILY NFPROTO_IPV4
/* A page takes whole messages; none of ours is near the overrun. */
#define PAGE_BYTES    16384
#define OVERRUN_BYTES 4096
#define PAGES_MAX     64
#define ANSWER_BYTES  8192
#define WHAT_MAX      128

/* The parts of a transaction have the sequence numbers of their order in it. */
enum { SEQ_BEGIN, SEQ_TABLE, SEQ_FIRST };

static void free_batch(struct nftnl_batch **batch)
{
	if (*batch)
		nftnl_batch_free(*batch);
}

static void free_rule(struct nftnl_rule **rule)
{
	if (*rule)
		nftnl_rule_free(*rule);
}

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		(void)mnl_socket_close(*nl);
}

static int open_socket(int netns, struct mnl_socket **ret_nl, struct error *err)
{
	cleanup_close int fd = ns_socket(netns, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, err);
	struct mnl_socket *nl;

	if (fd < 0)
		return fd;
	nl_say_more(fd);
	nl = mnl_socket_fdopen(fd);
	if (!nl)
		return error_sys(err, errno, "cannot open a netfilter socket");
	(void)take_fd(&fd);
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		int code = errno;

		(void)mnl_socket_close(nl);
		return error_sys(err, code, "cannot open a netfilter socket");
	}
	*ret_nl = nl;
	return 0;
}

/* One step's attributes; how a kind of step is built is one function of the table below. */
static void fill_meta(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, s->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, s->reg);
}

static void fill_ct(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, s->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, s->reg);
}

static void fill_payload(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, s->base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, s->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, s->len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, s->reg);
}

static void fill_immediate(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, s->reg);
	(void)nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, s->data, s->len);
}

static void fill_mask(struct nftnl_expr *e, const struct rule_step *s)
{
	static const uint8_t zero[RULES_DATA_MAX];

	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, s->len);
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, s->data, s->len);
	(void)nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, s->len);
}

static void fill_cmp(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, s->reg);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, s->op);
	(void)nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, s->data, s->len);
}

static void fill_count(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	(void)nftnl_expr_set_str(e, NFTNL_EXPR_OBJREF_IMM_NAME, s->name);
}

static void fill_nat(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, s->type);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, FAMILY);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, s->reg);
	if (s->port_reg)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, s->port_reg);
	if (s->flags)
		nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, s->flags);
}

static void fill_reject(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, s->type);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)s->code);
}

static void fill_verdict(struct nftnl_expr *e, const struct rule_step *s)
{
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, s->code);
}

static const struct {
	const char *name;
	void (*fill)(struct nftnl_expr *e, const struct rule_step *s);
} step_ops[] = {
	[RULE_META] = {"meta", fill_meta},
	[RULE_CT] = {"ct", fill_ct},
	[RULE_PAYLOAD] = {"payload", fill_payload},
	[RULE_IMMEDIATE] = {"immediate", fill_immediate},
	[RULE_MASK] = {"bitwise", fill_mask},
	[RULE_CMP] = {"cmp", fill_cmp},
	[RULE_COUNT] = {"objref", fill_count},
	[RULE_NAT] = {"nat", fill_nat},
	[RULE_REJECT] = {"reject", fill_reject},
	[RULE_VERDICT] = {"immediate", fill_verdict},
};

/* As the nft command stores it, which then shows it. */
static int set_comment(struct nftnl_rule *r, const char *comment)
{
	struct nftnl_udata_buf *buf = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!buf)
		return -ENOMEM;
	(void)nftnl_udata_put_strz(buf, NFTNL_UDATA_RULE_COMMENT, comment);
	(void)nftnl_rule_set_data(r, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(buf),
				  nftnl_udata_buf_len(buf));
	nftnl_udata_buf_free(buf);
	return 0;
}

static char *next_message(struct nftnl_batch *batch)
{
	return nftnl_batch_buffer(batch);
}

static int put_table(struct nftnl_batch *batch, const struct rules *rules, uint32_t *seq)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h;

	if (!t)
		return -ENOMEM;
	(void)nftnl_table_set_str(t, NFTNL_TABLE_NAME, rules->table);
	h = nftnl_nlmsg_build_hdr(next_message(batch), NFT_MSG_NEWTABLE, FAMILY,
				  NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, (*seq)++);
	nftnl_table_nlmsg_build_payload(h, t);
	nftnl_table_free(t);
	return nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
}

static int put_counter(struct nftnl_batch *batch, const struct rules *rules, const char *name,
		       uint32_t *seq)
{
	struct nftnl_obj *o = nftnl_obj_alloc();
	struct nlmsghdr *h;

	if (!o)
		return -ENOMEM;
	nftnl_obj_set_str(o, NFTNL_OBJ_TABLE, rules->table);
	nftnl_obj_set_str(o, NFTNL_OBJ_NAME, name);
	nftnl_obj_set_u32(o, NFTNL_OBJ_TYPE, NFT_OBJECT_COUNTER);
	h = nftnl_nlmsg_build_hdr(next_message(batch), NFT_MSG_NEWOBJ, FAMILY, NLM_F_CREATE,
				  (*seq)++);
	nftnl_obj_nlmsg_build_payload(h, o);
	nftnl_obj_free(o);
	return nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
}

static int put_chain(struct nftnl_batch *batch, const struct rules *rules,
		     const struct rule_chain *chain, uint32_t *seq)
{
	struct nftnl_chain *c = nftnl_chain_alloc();
	struct nlmsghdr *h;

	if (!c)
		return -ENOMEM;
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, rules->table);
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, chain->name);
	(void)nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, chain->type);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, chain->hook);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, chain->priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
	h = nftnl_nlmsg_build_hdr(next_message(batch), NFT_MSG_NEWCHAIN, FAMILY, NLM_F_CREATE,
				  (*seq)++);
	nftnl_chain_nlmsg_build_payload(h, c);
	nftnl_chain_free(c);
	return nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
}

static int put_rule(struct nftnl_batch *batch, const struct rules *rules, const struct rule *rule,
		    uint32_t *seq)
{
	cleanup_with(free_rule) struct nftnl_rule *r = nftnl_rule_alloc();
	struct nlmsghdr *h;

	if (!r)
		return -ENOMEM;
	(void)nftnl_rule_set_str(r, NFTNL_RULE_TABLE, rules->table);
	(void)nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, rules->chains[rule->chain].name);
	if (set_comment(r, rule->comment) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < rule->n_steps; i++) {
		const struct rule_step *step = &rules->steps[rule->first_step + i];
		struct nftnl_expr *e = nftnl_expr_alloc(step_ops[step->kind].name);

		if (!e)
			return -ENOMEM;
		step_ops[step->kind].fill(e, step);
		nftnl_rule_add_expr(r, e);
	}
	h = nftnl_nlmsg_build_hdr(next_message(batch), NFT_MSG_NEWRULE, FAMILY,
				  NLM_F_CREATE | NLM_F_APPEND, (*seq)++);
	nftnl_rule_nlmsg_build_payload(h, r);
	return nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
}

/* The messages in their order; describe() below follows the same. */
static int put_all(struct nftnl_batch *batch, const struct rules *rules)
{
	uint32_t seq = SEQ_BEGIN;
	int r;

	(void)nftnl_batch_begin(next_message(batch), seq++);
	r = nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
	if (!r)
		r = put_table(batch, rules, &seq);
	for (size_t i = 0; r == 0 && i < rules->n_counters; i++)
		r = put_counter(batch, rules, rules->counters[i], &seq);
	for (size_t i = 0; r == 0 && i < rules->n_chains; i++)
		r = put_chain(batch, rules, &rules->chains[i], &seq);
	for (size_t i = 0; r == 0 && i < rules->n_rules; i++)
		r = put_rule(batch, rules, &rules->rules[i], &seq);
	if (r < 0)
		return r;
	(void)nftnl_batch_end(next_message(batch), seq);
	return nftnl_batch_update(batch) < 0 ? -ENOMEM : 0;
}

static void describe(const struct rules *rules, uint32_t seq, char *text, size_t size)
{
	size_t i = seq - SEQ_FIRST;

	if (seq < SEQ_FIRST || i >= rules->n_counters + rules->n_chains + rules->n_rules) {
		/* An answer to BATCH_BEGIN is about the whole. */
		(void)snprintf(text, size, "nft table %s", rules->table);
	} else if (i < rules->n_counters) {
		(void)snprintf(text, size, "nft counter %s", rules->counters[i]);
	} else if (i < rules->n_counters + rules->n_chains) {
		(void)snprintf(text, size, "nft chain %s",
			       rules->chains[i - rules->n_counters].name);
	} else {
		const struct rule *rule = &rules->rules[i - rules->n_counters - rules->n_chains];

		(void)snprintf(text, size, "nft chain %s, rule '%s'",
			       rules->chains[rule->chain].name, rule->comment);
	}
}

static int send_batch(struct mnl_socket *nl, struct nftnl_batch *batch, struct error *err)
{
	struct iovec iov[PAGES_MAX];
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr msg = {.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = iov};
	int pages = nftnl_batch_iovec_len(batch);

	if (pages < 0 || pages > PAGES_MAX)
		return error_set(err, EMSGSIZE, "too many nft rules for one transaction");
	nftnl_batch_iovec(batch, iov, (uint32_t)pages);
	msg.msg_iovlen = (size_t)pages;
	if (sendmsg(mnl_socket_get_fd(nl), &msg, 0) < 0)
		return error_sys(err, errno, "cannot send nft rules");
	return 0;
}

/* Every answer is in the queue by now; the first refusal is what is reported. */
static int read_answers(struct mnl_socket *nl, const struct rules *rules, struct error *err)
{
	char buf[ANSWER_BYTES] __attribute__((aligned(NLMSG_ALIGNTO)));
	char what[WHAT_MAX];
	bool acknowledged = false;
	int r = 0;

	for (;;) {
		ssize_t n = recv(mnl_socket_get_fd(nl), buf, sizeof(buf), MSG_DONTWAIT);
		int len = (int)n;

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return r < 0 ? r : error_sys(err, errno, "no answer from nftables");
		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; mnl_nlmsg_ok(h, len);
		     h = mnl_nlmsg_next(h, &len)) {
			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			acknowledged |= h->nlmsg_seq == SEQ_TABLE;
			describe(rules, h->nlmsg_seq, what, sizeof(what));
			if (r == 0)
				r = nl_answer(h, what, err);
		}
	}
	if (r == 0 && !acknowledged)
		return error_set(err, EPROTO, "nftables gave no answer");
	return r;
}

int nft_apply(int netns, const struct rules *rules, struct error *err)
{
	cleanup_with(free_batch) struct nftnl_batch *batch =
		nftnl_batch_alloc(PAGE_BYTES, OVERRUN_BYTES);
	cleanup_with(close_socket) struct mnl_socket *nl = NULL;
	int r;

	if (!batch || !rules_ok(rules) || put_all(batch, rules) < 0)
		return error_sys(err, ENOMEM, "nft table %s", rules->table);
	r = open_socket(netns, &nl, err);
	if (!r)
		r = send_batch(nl, batch, err);
	if (!r)
		r = read_answers(nl, rules, err);
	return r;
}

/* Writes the request for a counter into @buf. */
static int ask_counter(char *buf, const char *table, const char *name)
{
	struct nftnl_obj *o = nftnl_obj_alloc();
	struct nlmsghdr *h;

	if (!o)
		return -ENOMEM;
	h = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETOBJ, FAMILY, 0, 1);
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
	cleanup_with(close_socket) struct mnl_socket *nl = NULL;
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	struct nftnl_obj *o;
	char what[WHAT_MAX];
	ssize_t n;
	int r;

	(void)snprintf(what, sizeof(what), "nft counter %s", name);
	r = open_socket(netns, &nl, err);
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
