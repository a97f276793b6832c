/* SPDX-License-Identifier: MIT */
/* The seed dials in: what it makes of what it finds, and whom it dials. */
#include "base/cleanup.h"
#include "boxer/seed/prober.h"
#include "boxer/sock.h"
#include "tests/boxer/asker.h"

#include <criterion/criterion.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>

static const struct {
	enum probe_outcome port, host;
	struct probe_finding finding;
} judgements[] = {
#define FINDING(f, r)                                      \
	{                                                  \
		PROFILE_FILTERING_##f, PROFILE_REFUSAL_##r \
	}
	{PROBE_CONNECTED, PROBE_CONNECTED, FINDING(EIF, UNKNOWN)},
	{PROBE_CONNECTED, PROBE_SILENT, FINDING(ADF, NONE)},
	{PROBE_CONNECTED, PROBE_REFUSED, FINDING(ADF, REFUSES)},
	{PROBE_CONNECTED, PROBE_FAILED, FINDING(NOT_APDF, UNKNOWN)},
	{PROBE_SILENT, PROBE_SILENT, FINDING(APDF, NONE)},
	{PROBE_SILENT, PROBE_REFUSED, FINDING(APDF, REFUSES)},
	{PROBE_REFUSED, PROBE_SILENT, FINDING(APDF, REFUSES)},
	{PROBE_SILENT, PROBE_FAILED, FINDING(APDF, NONE)},
	{PROBE_REFUSED, PROBE_FAILED, FINDING(APDF, REFUSES)},
	{PROBE_SILENT, PROBE_CONNECTED, FINDING(EIF, NONE)},
	{PROBE_FAILED, PROBE_CONNECTED, FINDING(EIF, UNKNOWN)},
	{PROBE_FAILED, PROBE_SILENT, FINDING(UNKNOWN, NONE)},
	{PROBE_FAILED, PROBE_FAILED, FINDING(UNKNOWN, UNKNOWN)},
};

Test(probe, is_judged)
{
	for (size_t i = 0; i < ARRAY_SIZE(judgements); i++) {
		struct probe_finding f = probe_judge(judgements[i].port, judgements[i].host);

		cr_expect_eq(f.filtering, judgements[i].finding.filtering, "row %zu", i);
		cr_expect_eq(f.refusal, judgements[i].finding.refusal, "row %zu", i);
	}
}

#define MEMBER_HOST (INADDR_LOOPBACK + 9)
#define SECOND_HOST (INADDR_LOOPBACK + 1)

/* What stands for the NAT is a listening socket. */
enum nat { OPEN, CLOSED, FULL, FILTERED };

/* A queue with room for one, which is taken: further SYNs are dropped. */
static void fill_queue(const struct addr *at)
{
	struct pollfd p = {.events = POLLOUT};

	for (int i = 0; i < 8; i++) {
		struct addr any = {.family = AF_INET};

		p.fd = sock_shared(&any, AF_INET);
		USERNS_CHECK(p.fd >= 0 && sock_connect(p.fd, at, AF_INET) == 0, "connect");
		if (poll(&p, 1, 200) == 0)
			return;
	}
	userns_fail(__FILE__, __LINE__, "the queue never fills");
}

/* As a NAT with address-dependent filtering: nothing from the second address. */
static void filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_NET_OFF + 12)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECOND_HOST, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {.len = ARRAY_SIZE(code), .filter = code};

	USERNS_CHECK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0,
		     "%m");
}

static uint16_t put_up(enum nat nat, int *ret_fd)
{
	struct addr at = addr_v4(MEMBER_HOST, 0);
	int fd = sock_shared(&at, AF_INET);

	USERNS_CHECK(fd >= 0 && sock_local(fd, &at) == 0, "%m");
	if (nat != CLOSED)
		USERNS_CHECK(sock_listen(fd, nat == FULL ? 0 : 16) == 0, "%m");
	if (nat == FULL)
		fill_queue(&at);
	if (nat == FILTERED)
		filter(fd);
	*ret_fd = fd;
	return at.port;
}

static void probe(struct speaker *s, uint16_t port)
{
	uint8_t body[2];
	int len = frame_encode_probe(&(struct frame_probe){.port = port}, body, sizeof(body));

	USERNS_CHECK(speaker_send(s, FRAME_PROBE, body, (size_t)len) == 0, "PROBE");
}

static uint32_t join_from_host(struct cluster *c, struct speaker *s, const char *name)
{
	struct frame_joined joined;
	struct frame_member m;
	struct speaker_frame f;

	cluster_ask_to_join(c, s, name, "127.0.0.10");
	USERNS_CHECK(speaker_receive_type(s, FRAME_JOINED, &f) == 0 &&
			     frame_decode_joined(f.body, f.len, &joined) == 0,
		     "JOINED");
	do
		m = cluster_next_member(s);
	while (m.id != joined.id);
	return joined.id;
}

static const struct {
	enum nat nat;
	bool second;
	struct probe_finding finding;
} cases[] = {
	{OPEN, true, FINDING(EIF, UNKNOWN)},	{OPEN, false, FINDING(NOT_APDF, UNKNOWN)},
	{CLOSED, true, FINDING(APDF, REFUSES)}, {CLOSED, false, FINDING(APDF, REFUSES)},
	{FULL, true, FINDING(APDF, NONE)},	{FULL, false, FINDING(APDF, NONE)},
	{FILTERED, true, FINDING(ADF, NONE)},	{FILTERED, false, FINDING(NOT_APDF, UNKNOWN)},
};

CLUSTER_TEST(prober, finds_out_whom_a_nat_lets_in_and_what_it_says_to_others)
{
	static const char *const with_second[] = {"--second", "127.0.0.2", NULL};

	cluster_prepare();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_close int fd = -1;
		uint16_t port = put_up(cases[i].nat, &fd);
		struct frame_member m;
		struct cluster c;
		struct speaker s;
		uint32_t id;

		cluster_start_seed(&c, cases[i].second ? with_second : NULL, NULL);
		id = join_from_host(&c, &s, "a");
		probe(&s, port);
		m = cluster_next_member(&s);
		USERNS_CHECK(m.id == id, "case %zu: id %u", i, m.id);
		USERNS_CHECK(m.profile.filtering == cases[i].finding.filtering, "case %zu: %s", i,
			     profile_filtering_names[m.profile.filtering]);
		USERNS_CHECK(m.profile.refusal == cases[i].finding.refusal, "case %zu: %s", i,
			     profile_refusal_names[m.profile.refusal]);
		speaker_close(&s);
		cluster_stop(&c);
	}
}

/* So that nobody can make a seed dial without end. */
CLUSTER_TEST(prober, dials_one_member_only_now_and_then)
{
	cleanup_close int fd = -1;
	struct pollfd p = {.events = POLLIN};
	struct frame_member m;
	struct speaker s, other;
	struct cluster c;
	uint16_t port;
	unsigned came = 0;

	cluster_start(&c, NULL);
	port = put_up(OPEN, &fd);
	(void)join_from_host(&c, &s, "a");
	for (int i = 0; i < 100; i++)
		probe(&s, port);
	m = cluster_next_member(&s);
	USERNS_CHECK(m.profile.filtering == PROFILE_FILTERING_NOT_APDF, "%s",
		     profile_filtering_names[m.profile.filtering]);
	/* All hundred have been read when this one has joined. */
	(void)cluster_joins(&c, &other, "b");
	for (p.fd = fd; poll(&p, 1, 100) == 1; came++)
		(void)close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	USERNS_CHECK(came == 1, "%u dial-ins", came);
	probe(&other, 0);
	USERNS_CHECK(speaker_hear_end(&other) == 0, "port 0");
	cluster_stop(&c);
}

static void count_found(void *arg, void *who, const struct probe_finding *finding)
{
	unsigned *found = arg;

	(void)finding;
	found[who == &found[1]]++;
}

/* Its port is closed by then, perhaps, and that would be taken for the NAT's doing. */
CLUSTER_TEST(prober, does_not_answer_a_question_that_is_old)
{
	struct ev_loop *loop = ev_loop_new(0);
	unsigned found[2] = {0}; /* of the crowd, of the one who is late */
	struct prober *p = prober_new(loop, count_found, found);
	const struct addr here = addr_v4(INADDR_LOOPBACK, 0);
	struct addr silent = addr_v4(MEMBER_HOST, 0), open = silent;
	static char crowd[PROBER_MAX];
	int fds[2];

	cluster_prepare();
	silent.port = put_up(FULL, &fds[0]);
	open.port = put_up(OPEN, &fds[1]);
	for (size_t i = 0; i < PROBER_MAX; i++)
		USERNS_CHECK(prober_ask(p, &crowd[i], &silent, &here, NULL) == 0, "%zu", i);
	USERNS_CHECK(prober_ask(p, &found[1], &open, &here, NULL) == 0, "late");
	while (found[0] < PROBER_MAX)
		ev_run(loop, EVRUN_ONCE);
	USERNS_CHECK(ev_run(loop, EVRUN_NOWAIT) == 0 && found[1] == 0, "it was dialled");
	USERNS_CHECK(poll(&(struct pollfd){.fd = fds[1], .events = POLLIN}, 1, 0) == 0, "to");
	/* Who asks again is dialled. */
	USERNS_CHECK(prober_ask(p, &found[1], &open, &here, NULL) == 0, "again");
	while (found[1] == 0)
		ev_run(loop, EVRUN_ONCE);
	prober_free(p);
	ev_loop_destroy(loop);
}

CLUSTER_TEST(prober, forgets_members_that_leave_meanwhile)
{
	cleanup_close int fd = -1;
	struct speaker s[200];
	struct cluster c;
	uint16_t port;
	size_t before;

	cluster_start(&c, NULL);
	before = child_descriptors_at_rest(&c.seed);
	port = put_up(FULL, &fd);
	/* More than may be under way. */
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++) {
		(void)join_from_host(&c, &s[i], cluster_name(i));
		probe(&s[i], port);
		child_drain(&c.seed);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		speaker_close(&s[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(s); i++)
		child_await(&c.seed, "leave");
	child_await_descriptors(&c.seed, before);
	cluster_check_serves(&c);
	cluster_stop(&c);
}
