/* SPDX-License-Identifier: MIT */
/*
 * What programs say to their node: any message with any descriptors, read while
 * there is room for them or not. What is taken for a request has its form; no
 * descriptor stays open but the one that is handed out.
 *
 * The first byte says how: descriptors (2 bits), room for none of them, and
 * whether version and kind are made right. What follows is the message.
 */
#include "tests/fuzz/fuzz.h"

#include "boxer/request.h"
#include "boxer/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MASK  0x03
#define NO_ROOM	  0x04
#define MADE_GOOD 0x08

/* The message in memory of a fixed size, however long it says that it is. */
struct message {
	uint8_t how;
	struct local_request request;
	uint8_t more[16];
	size_t len;
};

static int conns[2];
static int something; /* to be sent */

static void set_up(void)
{
	if (something)
		return;
	something = open("/dev/null", O_RDWR | O_CLOEXEC);
	FUZZ_CHECK(something > 0);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, conns) == 0);
}

static void limit_fds(rlim_t n)
{
	struct rlimit limit;

	FUZZ_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = n < limit.rlim_max ? n : limit.rlim_max;
	FUZZ_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static struct message read_message(struct fuzz_input *in)
{
	struct message m = {.how = fuzz_u8(in)};
	uint8_t bytes[sizeof(m.request) + sizeof(m.more)];

	m.len = fuzz_left(in) < sizeof(bytes) ? fuzz_left(in) : sizeof(bytes);
	fuzz_fill(in, bytes, sizeof(bytes));
	(void)memcpy(&m.request, bytes, sizeof(m.request));
	(void)memcpy(m.more, bytes + sizeof(m.request), sizeof(m.more));
	if (m.how & MADE_GOOD) {
		m.request.version = LOCAL_VERSION;
		m.request.name[sizeof(m.request.name) - 1] = '\0';
		m.request.op = LOCAL_TABLE + m.request.op % LOCAL_BARRIER;
		m.len = sizeof(m.request);
	}
	return m;
}

static void post(const struct message *m, size_t n_fds)
{
	const int fds[FDS_MASK] = {something, something, something};
	uint8_t bytes[sizeof(m->request) + sizeof(m->more)];

	(void)memcpy(bytes, &m->request, sizeof(m->request));
	(void)memcpy(bytes + sizeof(m->request), m->more, sizeof(m->more));
	FUZZ_CHECK(sock_send_fds(conns[0], bytes, m->len, fds, n_fds) == 0);
}

static void check_result(const struct message *m, size_t n_fds, int r, int fd)
{
	bool carries = m->request.op == LOCAL_PUNCH || m->request.op == LOCAL_CONNECTING;
	bool ends = memchr(m->request.name, '\0', sizeof(m->request.name));
	bool no_room = n_fds > 0 && m->how & NO_ROOM;
	int expected = 0;

	if (m->len == 0 && (n_fds == 0 || no_room))
		expected = -ECONNRESET;
	else if (m->len != sizeof(m->request) || m->request.version != LOCAL_VERSION || !ends)
		expected = -EPROTO;
	else if (m->request.op < LOCAL_TABLE || m->request.op > LOCAL_BARRIER)
		expected = -EOPNOTSUPP;
	else if (!carries && n_fds > 0)
		expected = -EPROTO;
	else if (no_room)
		expected = -EMFILE;
	else if (n_fds > 1)
		expected = -EPROTO;
	FUZZ_CHECK(r == expected);
	FUZZ_CHECK((fd >= 0) == (r == 0 && n_fds == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, data + size};
	struct message m = read_message(&in);
	size_t n_fds = m.how & FDS_MASK;
	struct local_request request;
	int fd = -1, next, r;

	set_up();
	next = fuzz_next_fd();
	post(&m, n_fds);
	if (m.how & NO_ROOM)
		limit_fds((rlim_t)next);
	r = request_receive(conns[1], &request, &fd);
	limit_fds(RLIM_INFINITY);
	check_result(&m, n_fds, r, fd);
	if (r == 0 || r == -EMFILE)
		FUZZ_CHECK(memcmp(&request, &m.request, sizeof(request)) == 0);
	FUZZ_CHECK(r < 0 || fd < 0 || fcntl(fd, F_GETFD) == FD_CLOEXEC);
	if (fd >= 0)
		(void)close(fd);
	FUZZ_CHECK(fuzz_next_fd() == next);
	FUZZ_CHECK(request_receive(conns[1], &request, &fd) == -EAGAIN);
	return 0;
}
