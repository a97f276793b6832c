/* SPDX-License-Identifier: MIT */
/* Membership: the table, the page that programs read, and the file. */
#include "boxer/members.h"
#include "boxer/shown.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/base/random.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define DEADLINE_NS (20 * NS_PER_S)

static struct frame_member member(uint32_t id)
{
	struct frame_member m = {
		.version = id + 1,
		.id = id,
		.overlay = overlay_addr(id),
		.external = addr_v4(0xcb007100 + id, 4000),
		.inside = addr_v4(0x0a000000 + id, 5000),
	};

	(void)snprintf(m.name, sizeof(m.name), "fn-%u", id);
	return m;
}

static void put(struct members *m, uint32_t id)
{
	struct frame_member x = member(id);

	cr_assert_geq(members_put(m, &x), 0);
}

Test(members, are_kept_by_id_whatever_the_order_of_arrival)
{
	unsigned long runs = random_count(200);

	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		bool there[64] = {false};
		struct members m = {0};

		for (int i = 0; i < 200; i++) {
			uint32_t id = (uint32_t)random_below(&state, ARRAY_SIZE(there));
			struct frame_member x = member(id);

			if (random_chance(&state, 60))
				cr_assert_eq(members_put(&m, &x), !there[id], "run %lu", run);
			else
				cr_assert_eq(members_remove(&m, id), there[id] ? 0 : -ENOENT);
			there[id] = members_by_id(&m, id) != NULL;
		}
		for (uint32_t id = 0; id < ARRAY_SIZE(there); id++)
			cr_assert(!there[id] || members_by_id(&m, id)->id == id, "run %lu", run);
		for (size_t i = 1; i < m.n; i++)
			cr_assert_lt(m.list[i - 1].id, m.list[i].id, "run %lu", run);
		members_free(&m);
	}
}

Test(members, are_replaced_by_a_newer_record)
{
	struct frame_member x = member(3);
	struct members m = {0};

	put(&m, 3);
	(void)strcpy(x.name, "other");
	cr_expect_eq(members_put(&m, &x), 0);
	cr_expect_eq(m.n, 1);
	cr_expect_str_eq(members_by_id(&m, 3)->name, "other");
	members_free(&m);
}

Test(members, are_not_more_than_the_table_holds)
{
	struct frame_member x;
	struct members m = {0};

	for (uint32_t id = 0; id < MEMBERS_MAX; id++)
		put(&m, id);
	x = member(MEMBERS_MAX);
	cr_expect_eq(members_put(&m, &x), -ENOSPC);
	x = member(7);
	cr_expect_eq(members_put(&m, &x), 0, "an old one may still be replaced");
	cr_expect_eq(m.n, MEMBERS_MAX);
	members_free(&m);
	cr_expect_eq(m.n, 0);
}

Test(members, are_found_by_name_as_dns_does)
{
	struct members m = {0};

	put(&m, 1);
	put(&m, 2);
	cr_assert(members_by_name(&m, "FN-2"));
	cr_expect_eq(members_by_name(&m, "FN-2")->id, 2);
	cr_expect_null(members_by_name(&m, "fn-"));
	cr_expect_null(members_by_name(&m, ""));
	members_free(&m);
}

Test(members, are_found_by_external_host_unless_several_share_it)
{
	struct frame_member x = member(2);
	struct addr host = addr_v4(0xcb007101, 0), nobody = addr_v4(0xcb007199, 0);
	struct members m = {0};

	put(&m, 1);
	cr_assert(members_by_external(&m, &host));
	cr_expect_eq(members_by_external(&m, &host)->id, 1);
	cr_expect_null(members_by_external(&m, &nobody));
	x.external = addr_v4(0xcb007101, 4001);
	(void)members_put(&m, &x);
	cr_expect_null(members_by_external(&m, &host), "whom of the two is meant?");
	(void)members_remove(&m, 1);
	cr_assert(members_by_external(&m, &host));
	cr_expect_eq(members_by_external(&m, &host)->id, 2);
	members_free(&m);
}

static bool shares(const struct members *m, uint32_t id)
{
	return members_share_address(m, members_by_id(m, id));
}

static void see_at(struct members *m, uint32_t id, uint32_t host)
{
	struct frame_member x = member(id);

	x.external = addr_v4(host, (uint16_t)(4000 + id));
	cr_assert(members_put(m, &x) >= 0);
}

Test(members, know_who_shares_an_address)
{
	struct members m = {0};

	see_at(&m, 5, 1);
	see_at(&m, 3, 2);
	cr_expect(!shares(&m, 5) && !shares(&m, 3));
	see_at(&m, 4, 1);
	cr_expect(shares(&m, 5) && shares(&m, 4) && !shares(&m, 3));
	see_at(&m, 1, 1);
	see_at(&m, 3, 2);
	cr_expect(shares(&m, 1) && shares(&m, 4) && shares(&m, 5) && !shares(&m, 3));
	(void)members_remove(&m, 4);
	cr_expect(shares(&m, 1) && shares(&m, 5) && !shares(&m, 3));
	see_at(&m, 5, 2);
	cr_expect(!shares(&m, 1) && shares(&m, 5) && shares(&m, 3));
	(void)members_remove(&m, 3);
	cr_expect(!shares(&m, 1) && !shares(&m, 5));
	members_free(&m);
}

static const struct {
	const char *target;
	int id; /* -1: nobody */
} targets[] = {
	{"198.18.0.1:80", 0},	{"198.18.0.2:80", 1},	{"198.18.0.0:80", -1},
	{"198.18.0.3:80", -1},	{"198.19.255.255", -1}, {"198.20.0.1:80", -1},
	{"198.17.255.255", -1}, {"203.0.113.0:80", 0},	{"203.0.113.1:1", 1},
	{"203.0.113.2:80", -1}, {"10.0.0.1:80", -1},	{"0.0.0.0", -1},
	{"[::1]:80", -1},
};

Test(members, are_meant_by_overlay_and_external_addresses)
{
	struct members m = {0};

	put(&m, 0);
	put(&m, 1);
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		const struct frame_member *found;
		struct addr target;

		cr_assert_eq(addr_parse(targets[i].target, &target), 0);
		found = members_by_target(&m, &target);
		cr_expect_eq(found ? (int)found->id : -1, targets[i].id, "%s", targets[i].target);
	}
	members_free(&m);
}

Test(members, have_overlay_addresses_of_their_own)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = overlay_addr(0), b = overlay_addr(254), c = overlay_addr(65535);

	cr_expect_str_eq(addr_format(&a, text), "198.18.0.1");
	cr_expect_str_eq(addr_format(&b, text), "198.18.0.255");
	cr_expect_str_eq(addr_format(&c, text), "198.19.0.0");
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

static uint32_t flags_of(void *arg, const struct frame_member *m)
{
	const uint32_t *self = arg;

	return m->id == *self ? TABLE_SELF : m->id % 2 ? TABLE_EARLY : 0;
}

static void show(const struct members *m, uint32_t self, struct table *page)
{
	members_write_page(m, flags_of, &self, page);
}

Test(members, are_shown_in_the_page)
{
	struct table *page = shared(sizeof(*page));
	struct members m = {0};
	char text[ADDR_TEXT_MAX];

	put(&m, 5);
	put(&m, 2);
	show(&m, 5, page);
	cr_expect_eq(page->magic, TABLE_MAGIC);
	cr_expect_eq(page->version, LOCAL_VERSION);
	cr_expect_eq(atomic_load(&page->seq) % 2, 0);
	cr_assert_eq(page->n, 2);
	cr_expect_eq(page->rows[0].id, 2);
	cr_expect_eq(page->rows[0].flags, 0);
	cr_expect_eq(page->rows[1].flags, TABLE_SELF);
	cr_expect_str_eq(page->rows[1].name, "fn-5");
	cr_expect_str_eq(addr_format(&page->rows[1].overlay, text), "198.18.0.6");
	cr_expect_str_eq(addr_format(&page->rows[1].external, text), "203.0.113.5");
	cr_expect_str_eq(addr_format(&page->rows[1].inside, text), "10.0.0.5");
	(void)members_remove(&m, 2);
	show(&m, 5, page);
	cr_expect_eq(page->n, 1);
	cr_expect_eq(page->rows[0].id, 5);
	members_free(&m);
}

/*
 * The page under a busy writer. All that one generation writes is made from its
 * number, so a row that mixes two of them shows.
 */
#define ROWS 40

static void fill_generation(struct members *m, uint32_t generation)
{
	for (uint32_t id = 0; id < ROWS - generation % 2; id++) {
		struct frame_member x = member(id);

		x.overlay = addr_v4(generation, 0);
		x.external = addr_v4(generation, 0);
		x.inside = addr_v4(generation, 0);
		(void)snprintf(x.name, sizeof(x.name), "x%u-%u-with-a-long-end-that-may-be-torn",
			       generation, id);
		cr_assert_geq(members_put(m, &x), 0);
	}
	if (generation % 2)
		(void)members_remove(m, ROWS - 1);
}

/* By the protocol of boxer/local.h. */
static bool read_row(const struct table *page, size_t i, struct table_row *ret_row, uint32_t *ret_n)
{
	uint32_t before = atomic_load_explicit(&page->seq, memory_order_acquire);

	if (before % 2)
		return false;
	*ret_n = page->n;
	*ret_row = page->rows[i];
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&page->seq, memory_order_relaxed) == before;
}

static bool is_whole(const struct table_row *row, size_t i, uint32_t n)
{
	uint32_t generation = addr_v4_value(&row->overlay);
	char name[TABLE_NAME_MAX];

	(void)snprintf(name, sizeof(name), "x%u-%zu-with-a-long-end-that-may-be-torn", generation,
		       i);
	return row->id == i && n == ROWS - generation % 2 &&
	       addr_v4_value(&row->external) == generation &&
	       addr_v4_value(&row->inside) == generation && strcmp(row->name, name) == 0;
}

enum { READER_FINE, READER_TORN, READER_STARVED };

/* In a child: it tells by its exit status. */
static void read_until_content(const struct table *page, uint64_t wanted)
{
	uint64_t deadline = clock_now() + DEADLINE_NS, state = random_seed(1);
	uint32_t seen = 0, changes = 0;

	for (uint64_t whole = 0; whole < wanted || changes < 100;) {
		size_t i = random_below(&state, ROWS - 1);
		struct table_row row;
		uint32_t n;

		if (clock_now() > deadline)
			_exit(READER_STARVED);
		if (!read_row(page, i, &row, &n))
			continue;
		if (!is_whole(&row, i, n))
			_exit(READER_TORN);
		whole++;
		changes += addr_v4_value(&row.overlay) != seen;
		seen = addr_v4_value(&row.overlay);
	}
	_exit(READER_FINE);
}

static pid_t fork_reader(void)
{
	pid_t parent = getpid(), pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(READER_STARVED);
	return pid;
}

static bool has_ended(pid_t pid, int *ret_status)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	cr_assert(WIFEXITED(status), "the reader has crashed");
	*ret_status = WEXITSTATUS(status);
	return true;
}

Test(members, page_is_never_read_torn_while_it_is_written)
{
	struct table *page = shared(sizeof(*page));
	struct members m = {0};
	uint32_t generation = 0;
	int status;
	pid_t pid;

	fill_generation(&m, generation);
	show(&m, 0, page);
	pid = fork_reader();
	if (pid == 0)
		read_until_content(page, random_count(50000));
	while (!has_ended(pid, &status)) {
		fill_generation(&m, ++generation);
		show(&m, 0, page);
	}
	cr_expect_neq(status, READER_TORN, "a row of two generations was read as one");
	cr_expect_neq(status, READER_STARVED, "the reader came to nothing");
	members_free(&m);
}

static void temporary(char ret_dir[static 64])
{
	(void)snprintf(ret_dir, 64, "/tmp/boxer-members-test-XXXXXX");
	cr_assert(mkdtemp(ret_dir), "%m");
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = {"members", "names", "ids", "id"};
	char path[128];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	cr_expect_eq(rmdir(dir), 0, "something else was left in it: %m");
}

static size_t read_named(const char *dir, const char *name, char *buf, size_t size)
{
	char path[128];
	cleanup_close int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	buf[n < 0 ? 0 : n] = '\0';
	return n < 0 ? 0 : (size_t)n;
}

static size_t read_file(const char *dir, char *buf, size_t size)
{
	return read_named(dir, "members", buf, size);
}

Test(members, files_have_a_line_for_each)
{
	struct members m = {0};
	char dir[64], text[1024];

	temporary(dir);
	put(&m, 1);
	put(&m, 0);
	m.list[1].external = (struct addr){0};
	(void)strcpy(m.list[0].role, "worker");
	cr_assert_eq(shown_write_files(&m, 1, dir), 0);
	(void)read_file(dir, text, sizeof(text));
	cr_expect_str_eq(text, "0\tfn-0\t198.18.0.1\t203.0.113.0:4000\tworker\n"
			       "1\tfn-1\t198.18.0.2\t-\t-\n");
	(void)read_named(dir, "names", text, sizeof(text));
	cr_expect_str_eq(text, "fn-0\nfn-1\n");
	(void)read_named(dir, "ids", text, sizeof(text));
	cr_expect_str_eq(text, "0\n1\n");
	(void)read_named(dir, "id", text, sizeof(text));
	cr_expect_str_eq(text, "1\n");
	members_free(&m);
	remove_dir(dir);
}

Test(members, file_that_cannot_be_written_leaves_nothing_behind)
{
	struct members m = {0};
	char dir[64], path[128], target[4096 + 16];

	temporary(dir);
	put(&m, 0);
	(void)snprintf(path, sizeof(path), "%s/missing", dir);
	cr_expect_eq(shown_write_files(&m, 0, path), -ENOENT);
	(void)memset(target, 'x', sizeof(target) - 1);
	target[sizeof(target) - 1] = '\0';
	cr_expect_eq(shown_write_files(&m, 0, target), -ENAMETOOLONG);
	/* A directory in its place: the rename fails, the fresh file must go. */
	(void)snprintf(path, sizeof(path), "%s/members", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	cr_expect_eq(shown_write_files(&m, 0, dir), -EISDIR);
	cr_expect_eq(rmdir(path), 0);
	members_free(&m);
	remove_dir(dir);
}

Test(members, file_is_not_written_through_a_link)
{
	struct members m = {0};
	char dir[64], fresh[128], target[128];

	temporary(dir);
	put(&m, 0);
	(void)snprintf(fresh, sizeof(fresh), "%s/members.new", dir);
	(void)snprintf(target, sizeof(target), "%s/target", dir);
	cr_assert_eq(symlink(target, fresh), 0);
	cr_expect_eq(shown_write_files(&m, 0, dir), -ELOOP);
	cr_expect_lt(access(target, F_OK), 0, "somebody else's file was made");
	(void)unlink(fresh);
	members_free(&m);
	remove_dir(dir);
}

/* In a child: every look at the file must find one of the two memberships. */
static void read_files(const char *dir, const char *one, const char *other, uint64_t wanted)
{
	uint64_t deadline = clock_now() + DEADLINE_NS;
	static char text[65536];

	for (uint64_t i = 0; i < wanted; i++) {
		if (clock_now() > deadline)
			_exit(READER_STARVED);
		(void)read_file(dir, text, sizeof(text));
		if (strcmp(text, one) != 0 && strcmp(text, other) != 0)
			_exit(READER_TORN);
	}
	_exit(READER_FINE);
}

Test(members, file_is_replaced_at_once)
{
	static char one[65536], other[65536];
	struct members few = {0}, many = {0};
	char dir[64];
	int status;
	pid_t pid;

	temporary(dir);
	put(&few, 0);
	for (uint32_t id = 0; id < 500; id++)
		put(&many, id);
	cr_assert_eq(shown_write_files(&few, 0, dir), 0);
	(void)read_file(dir, one, sizeof(one));
	cr_assert_eq(shown_write_files(&many, 0, dir), 0);
	(void)read_file(dir, other, sizeof(other));
	pid = fork_reader();
	if (pid == 0)
		read_files(dir, one, other, random_count(2000));
	while (!has_ended(pid, &status)) {
		cr_assert_eq(shown_write_files(&few, 0, dir), 0);
		cr_assert_eq(shown_write_files(&many, 0, dir), 0);
	}
	cr_expect_neq(status, READER_TORN, "half a file, or none");
	cr_expect_neq(status, READER_STARVED, "the reader came to nothing");
	members_free(&few);
	members_free(&many);
	remove_dir(dir);
}
