/* SPDX-License-Identifier: MIT */
/*
 * What a node says to programs: any answer with any descriptors, and then pages
 * of members of any content and size. A program that reads it never looks beyond
 * a page, never waits for ever, and is told of members whose names have an end.
 */
#include "tests/fuzz/fuzz.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/shim/agent.h"
#include "boxer/shim/table.h"
#include "boxer/sock.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX	 3
#define ROWS_MAX 16 /* that are not empty */

/* How right an answer is made, so that what lies behind it is reached. */
#define RIGHT_ANSWER 0x01
#define RIGHT_SIZES  0x02
#define RIGHT_MAGIC  0x04
#define RIGHT_SEQ    0x08

static int conns[2];

static void fill_row(struct fuzz_input *in, struct table_row *row)
{
	struct addr *const addrs[] = {&row->overlay, &row->external, &row->inside};

	row->id = fuzz_u8(in);
	row->flags = fuzz_u8(in);
	for (size_t i = 0; i < ARRAY_SIZE(addrs); i++) {
		addrs[i]->family = fuzz_u8(in) & 1 ? AF_INET : fuzz_u16(in);
		fuzz_fill(in, addrs[i]->bytes, 4);
	}
	if (fuzz_u8(in) & 1)
		(void)memset(row->name, 'a', sizeof(row->name));
	else
		fuzz_fill(in, row->name, fuzz_below(in, sizeof(row->name) + 1));
}

static void fill_table(struct fuzz_input *in, uint8_t how, struct table *table)
{
	size_t n_rows = fuzz_below(in, ROWS_MAX + 1);

	table->magic = how & RIGHT_MAGIC ? TABLE_MAGIC : fuzz_u32(in);
	table->version = how & RIGHT_MAGIC ? LOCAL_VERSION : fuzz_u32(in);
	atomic_store(&table->seq, how & RIGHT_SEQ ? 2 : fuzz_u32(in));
	table->n = fuzz_u8(in) & 1 ? fuzz_u8(in) : fuzz_u32(in);
	for (size_t i = 0; i < n_rows; i++) {
		size_t last = TABLE_ROWS_MAX - 1 - i;

		fill_row(in, &table->rows[fuzz_u8(in) & 1 ? i : last]);
	}
}

/* The member page, or one that is too small for it. */
static int make_table(struct fuzz_input *in, uint8_t how)
{
	size_t size = how & RIGHT_SIZES ? sizeof(struct table) : (size_t)fuzz_u16(in) * 16;
	int fd = memfd_create("table", MFD_CLOEXEC);
	struct table *table;

	FUZZ_CHECK(fd >= 0 && ftruncate(fd, sizeof(struct table)) == 0);
	table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FUZZ_CHECK(table != MAP_FAILED);
	fill_table(in, how, table);
	(void)munmap(table, sizeof(*table));
	FUZZ_CHECK(ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static int make_cursor(struct fuzz_input *in, uint8_t how)
{
	size_t size = how & RIGHT_SIZES ? sizeof(struct cursor) : fuzz_u8(in);
	int fd = memfd_create("cursor", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	return fd;
}

static void post(struct fuzz_input *in, uint8_t how)
{
	struct local_reply reply = {.version = LOCAL_VERSION};
	uint8_t bytes[sizeof(reply) + 8] = {0};
	size_t n_fds = how & RIGHT_ANSWER ? 2 : fuzz_below(in, FDS_MAX + 1);
	size_t len = how & RIGHT_ANSWER ? sizeof(reply) : fuzz_below(in, sizeof(bytes) + 1);
	int fds[FDS_MAX] = {-1, -1, -1};

	if (how & RIGHT_ANSWER)
		(void)memcpy(bytes, &reply, sizeof(reply));
	else
		fuzz_fill(in, bytes, sizeof(bytes));
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = i % 2 ? make_cursor(in, how) : make_table(in, how);
	FUZZ_CHECK(sock_send_fds(conns[0], bytes, len, fds, n_fds) == 0);
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
}

static void check_row(const struct table_row *row)
{
	FUZZ_CHECK(memchr(row->name, '\0', sizeof(row->name)));
}

static void take_row(const struct table_row *row, size_t i, void *arg)
{
	size_t *n = arg;

	FUZZ_CHECK(i == *n && i < TABLE_ROWS_MAX);
	check_row(row);
	++*n;
}

static void look_up(struct fuzz_input *in, const struct table *table)
{
	char name[TABLE_NAME_MAX + 8] = {0};
	struct addr host = {.family = AF_INET};
	struct table_row row;
	size_t n = 0;
	int r = table_each(table, take_row, &n);

	FUZZ_CHECK(r == -ETIMEDOUT || (r >= 0 && (size_t)r == n));
	fuzz_fill(in, host.bytes, 4);
	fuzz_fill(in, name, fuzz_below(in, sizeof(name)));
	if (table_find_self(table, &row))
		check_row(&row);
	if (table_find_host(table, &host, &row)) {
		check_row(&row);
		FUZZ_CHECK(addr_same_host(&row.overlay, &host) ||
			   addr_same_host(&row.external, &host));
	}
	if (table_find_name(table, name, &row))
		check_row(&row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, data + size};
	uint8_t how = fuzz_u8(&in);
	struct agent_talk talk;
	struct agent_answer answer;
	struct agent agent = {0};
	int next, r;

	if (!conns[1])
		FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, conns) == 0);
	next = fuzz_next_fd();
	talk = (struct agent_talk){.conn = conns[1], .outer_conn = -1};
	post(&in, how);
	r = agent_receive(&talk, clock_now() + NS_PER_S, AGENT_STEADY, &answer);
	FUZZ_CHECK(r == 0 || r == -EPROTO || r == -ECONNRESET || r == -EMFILE);
	if (r == 0 && agent_take_pages(&agent, &answer) == 0)
		look_up(&in, atomic_load(&agent.table));
	FUZZ_CHECK(r == 0 || !(how & RIGHT_ANSWER));
	agent_unmap(&agent);
	FUZZ_CHECK(fuzz_next_fd() == next);
	return 0;
}
