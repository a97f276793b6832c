/* SPDX-License-Identifier: MIT */
/* Watches, against sockets that are read when the test says so. */
#include "boxer/watch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SELF 1

/** struct reader - one who watches: @fd is his end */
struct reader {
	struct watch *watch;
	int fd, node_fd;
	int ended;
};

static struct ev_loop *loop;
static struct members members;
static struct watches *set;

static void begin(void)
{
	loop = ev_loop_new(0);
	set = watches_new(loop, &members, SELF);
}

static void end(void)
{
	watches_free(set);
	members_free(&members);
	ev_loop_destroy(loop);
}

TestSuite(watch, .init = begin, .fini = end);

static void on_ended(void *arg)
{
	struct reader *r = arg;

	r->ended++;
	watch_free(r->watch);
	r->watch = NULL;
	(void)close(r->node_fd);
}

static bool start(struct reader *r)
{
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	*r = (struct reader){.fd = fds[0], .node_fd = fds[1]};
	r->watch = watch_new(set, r->node_fd, on_ended, r);
	return r->watch != NULL;
}

static void stop(struct reader *r)
{
	watch_free(r->watch);
	(void)close(r->fd);
	if (!r->ended)
		(void)close(r->node_fd);
}

static void turn(void)
{
	ev_run(loop, EVRUN_NOWAIT);
}

/* Return: false when there is nothing to read now. */
static bool next(struct reader *r, struct local_change *ret)
{
	ssize_t n = recv(r->fd, ret, sizeof(*ret), 0);

	if (n <= 0)
		return false;
	cr_assert_eq(n, sizeof(*ret));
	cr_assert_eq(ret->version, LOCAL_VERSION);
	return true;
}

static void expect_next(struct reader *r, enum local_change_kind kind, uint32_t id, int line)
{
	struct local_change c;

	cr_assert(next(r, &c), "line %d: nothing to read", line);
	cr_assert_eq(c.kind, kind, "line %d: kind %u of %u, not %d", line, c.kind, c.member.id,
		     kind);
	if (kind != LOCAL_CHANGE_SYNCED)
		cr_assert_eq(c.member.id, id, "line %d: member %u", line, c.member.id);
}

#define EXPECT(r, kind, id) expect_next((r), LOCAL_CHANGE_##kind, (id), __LINE__)

static struct frame_member member(uint32_t id)
{
	struct frame_member m = {.id = id, .overlay = overlay_addr(id)};

	(void)snprintf(m.name, sizeof(m.name), "fn-%u", id);
	return m;
}

static void put(uint32_t id)
{
	struct frame_member m = member(id);
	bool is_new = members_put(&members, &m) == 1;

	members.version++;
	watches_put(set, &m, is_new);
}

static void gone(uint32_t id, enum reason reason)
{
	struct frame_member m = *members_by_id(&members, id);

	(void)members_remove(&members, id);
	members.version++;
	watches_gone(set, &m, reason);
}

static void expect_nothing(struct reader *r)
{
	struct local_change c;

	cr_expect_not(next(r, &c), "kind %u", c.kind);
}

Test(watch, shows_all_members_and_then_every_change)
{
	struct local_change c;
	struct reader r;

	put(SELF);
	put(5);
	cr_assert(start(&r));
	turn();
	cr_assert(next(&r, &c));
	cr_expect_eq(c.kind, LOCAL_CHANGE_HERE);
	cr_expect_eq(c.membership, 2);
	cr_expect_eq(c.member.flags, TABLE_SELF);
	cr_expect_str_eq(c.member.name, "fn-1");
	EXPECT(&r, HERE, 5);
	EXPECT(&r, SYNCED, 0);
	expect_nothing(&r);
	put(3);
	put(5);
	gone(5, REASON_LEFT);
	gone(3, REASON_TIMEOUT);
	EXPECT(&r, JOINED, 3);
	EXPECT(&r, UPDATED, 5);
	cr_assert(next(&r, &c));
	cr_expect_eq(c.kind, LOCAL_CHANGE_LEFT);
	cr_expect_eq(c.reason, REASON_LEFT);
	cr_expect_eq(c.membership, 5);
	cr_expect_str_eq(c.member.name, "fn-5");
	cr_assert(next(&r, &c));
	cr_expect_eq(c.kind, LOCAL_CHANGE_LOST);
	cr_expect_eq(c.reason, REASON_TIMEOUT);
	cr_expect_eq(c.membership, 6);
	expect_nothing(&r);
	stop(&r);
}

/* What it ends up with must be the membership, whenever it reads. */
Test(watch, is_exact_while_it_is_still_being_shown_the_members)
{
	enum { MANY = 2000 };
	bool known[MANY + 10] = {false};
	bool synced = false;
	struct local_change c;
	struct reader r;

	for (uint32_t id = 0; id < MANY; id++)
		put(id);
	cr_assert(start(&r));
	turn();
	/* The socket is full now, somewhere in the middle. */
	gone(0, REASON_LEFT);
	gone(MANY - 1, REASON_LEFT);
	put(MANY + 1);
	put(1);
	put(MANY - 2);
	while (!synced) {
		if (!next(&r, &c)) {
			turn();
			continue;
		}
		synced = c.kind == LOCAL_CHANGE_SYNCED;
		if (synced)
			break;
		if (c.kind == LOCAL_CHANGE_HERE || c.kind == LOCAL_CHANGE_JOINED)
			cr_assert_not(known[c.member.id], "%u comes twice", c.member.id);
		else
			cr_assert(known[c.member.id], "%u is not known", c.member.id);
		known[c.member.id] = c.kind != LOCAL_CHANGE_LEFT && c.kind != LOCAL_CHANGE_LOST;
	}
	for (uint32_t id = 0; id < MANY + 10; id++)
		cr_expect_eq(known[id], members_by_id(&members, id) != NULL, "%u", id);
	expect_nothing(&r);
	stop(&r);
}

Test(watch, cuts_off_who_is_too_slow_and_nobody_else)
{
	struct reader slow, quick;
	struct local_change c;
	size_t heard = 0, all = 0;

	cr_assert(start(&slow) && start(&quick));
	turn();
	while (!slow.ended) {
		put(7);
		all++;
		turn();
		while (next(&quick, &c))
			heard += c.kind != LOCAL_CHANGE_SYNCED;
		cr_assert_lt(all, 100000, "nothing bounds a slow reader");
	}
	cr_expect_eq(heard, all);
	cr_expect_not(quick.ended);
	/* It gets what had been sent to it, and then the end. */
	while (next(&slow, &c))
		;
	cr_expect_eq(recv(slow.fd, &c, sizeof(c), 0), 0);
	stop(&slow);
	stop(&quick);
}

Test(watch, goes_on_when_a_full_socket_is_read_again)
{
	struct local_change c;
	size_t heard = 0;
	struct reader r;

	cr_assert(start(&r));
	for (int i = 0; i < WATCH_LOG_MAX; i++)
		put(7);
	for (int i = 0; i < 100 && heard < WATCH_LOG_MAX; i++) {
		turn();
		while (next(&r, &c))
			heard += c.kind == LOCAL_CHANGE_JOINED || c.kind == LOCAL_CHANGE_UPDATED ||
				 c.kind == LOCAL_CHANGE_HERE;
	}
	cr_expect_not(r.ended);
	cr_expect_geq(heard, 1);
	for (int i = 0; i < WATCH_LOG_MAX; i++)
		put(7);
	heard = 0;
	for (int i = 0; i < 100 && heard < WATCH_LOG_MAX; i++) {
		turn();
		while (next(&r, &c))
			heard++;
	}
	cr_expect_eq(heard, WATCH_LOG_MAX);
	stop(&r);
}

Test(watch, ends_with_its_reader)
{
	struct reader r;

	cr_assert(start(&r));
	turn();
	(void)close(r.fd);
	r.fd = -1;
	put(7);
	cr_expect_eq(r.ended, 1);
	stop(&r);
}

Test(watch, is_bounded_in_number)
{
	static struct reader readers[WATCHES_MAX];
	struct reader one_more;

	for (int i = 0; i < WATCHES_MAX; i++)
		cr_assert(start(&readers[i]));
	cr_expect_not(start(&one_more));
	/* A turn of the loop serves some of them. */
	for (int i = 0; i < WATCHES_MAX; i++)
		turn();
	put(7);
	for (int i = 0; i < WATCHES_MAX; i++) {
		EXPECT(&readers[i], SYNCED, 0);
		EXPECT(&readers[i], JOINED, 7);
		stop(&readers[i]);
	}
}
