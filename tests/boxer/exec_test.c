/* SPDX-License-Identifier: MIT */
/* boxer exec: which node it finds, and what it makes of the program. */
#include "base/cleanup.h"
#include "boxer/local.h"
#include "boxer/sock.h"
#include "boxer/watch.h"
#include "tests/base/random.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>

#define GUEST GUEST_PATH

static char output[65536];
static const struct child *asked; /* the node that the local API's tests are about */

CLUSTER_TEST(exec, finds_the_only_node)
{
	struct child node, n;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	node_exec(&n, "--", GUEST, "show", NULL);
	child_hear_all(&n, output, sizeof(output));
	node_check_end(&n, 0, "");
	USERNS_CHECK(strstr(output, "\nBOXER_ID=0\n") && strstr(output, "\nBOXER_NAME=fn-a\n") &&
			     strstr(output, "\nBOXER_SIZE=1\n") && strstr(output, "\nBOXER_DIR=") &&
			     strstr(output, c.text) && strstr(output, "/libboxer-shim.so\n"),
		     "%s", output);
	node_stop(&node);
	cluster_stop(&c);
}

CLUSTER_TEST(exec, says_that_no_node_runs)
{
	struct child node, n;
	struct cluster c;

	cluster_start(&c, NULL);
	node_exec(&n, "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 125, "no node runs here");
	node_exec(&n, "--id", "0", "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 125, "no node answers at @boxer/0");
	/* Nothing stays of one that was killed. */
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	child_signal(&node, SIGKILL);
	(void)child_end(&node);
	node_exec(&n, "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 125, "no node runs here");
	cluster_stop(&c);
}

static void pretend_to_be_in_node_1(void)
{
	(void)setenv("BOXER_ID", "1", 1);
}

static void check_shows_id(struct child *n, const char *id)
{
	char line[32];

	child_hear_all(n, output, sizeof(output));
	node_check_end(n, 0, "");
	(void)snprintf(line, sizeof(line), "BOXER_ID=%s\n", id);
	USERNS_CHECK(strstr(output, line), "not in node %s:\n%s", id, output);
}

CLUSTER_TEST(exec, must_be_told_which_of_several_nodes)
{
	static const char *const ids[] = {"0", "1"};
	struct child nodes[2], n;
	struct cluster c;

	cluster_start(&c, NULL);
	for (int i = 0; i < 2; i++) {
		node_start(&nodes[i], &c, "node", i ? "b" : "a", NULL);
		child_await(&nodes[i], "ready");
	}
	node_exec(&n, "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 125, "several nodes run here; say --id (0, 1)");
	for (int i = 0; i < 2; i++) {
		node_exec(&n, "--id", ids[i], "--", GUEST, "show", NULL);
		check_shows_id(&n, ids[i]);
	}
	child_start(&n, (const char *[]){BOXER_PATH, "exec", "--", GUEST, "show", NULL},
		    pretend_to_be_in_node_1);
	check_shows_id(&n, "1");
	/* What is said goes before what is inherited. */
	child_start(&n,
		    (const char *[]){BOXER_PATH, "exec", "--id", "0", "--", GUEST, "show", NULL},
		    pretend_to_be_in_node_1);
	check_shows_id(&n, "0");
	node_exec(&n, "--id", "7", "--", GUEST, "end", "0", NULL);
	node_check_end(&n, 125, "no node answers at @boxer/7");
	for (int i = 0; i < 2; i++)
		node_stop(&nodes[i]);
	cluster_stop(&c);
}

static const struct {
	const char *argv[3];
	int status;
	const char *words;
} ends[] = {
	{{GUEST, "end", "0"}, 0, ""},
	{{GUEST, "end", "9"}, 9, ""},
	{{GUEST, "die", "11"}, -SIGSEGV, ""}, /* it has become the program */
	{{"/mnt/missing"}, 127, "/mnt/missing: No such file"},
	{{"boxer-there-is-no-such-program"}, 127, "No such file"},
	{{"/mnt/key"}, 126, "/mnt/key: Permission denied"},
};

CLUSTER_TEST(exec, ends_as_its_program_does)
{
	struct child node;
	struct cluster c;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "a", NULL);
	child_await(&node, "ready");
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		struct child n;

		node_exec(&n, "--", ends[i].argv[0], ends[i].argv[1], ends[i].argv[2], NULL);
		node_check_end(&n, ends[i].status, ends[i].words);
		(void)close(n.errors);
	}
	node_stop(&node);
	cluster_stop(&c);
}

/*
 * The local API, as programs of the function see it.
 */

struct api_reply {
	struct local_reply reply;
	int fds[4];
	size_t n_fds;
};

/* Return: the number of bytes of the reply; 0 when the node has hung up. */
static size_t ask(const void *request, size_t len, const int *fds, size_t n_fds,
		  struct api_reply *ret)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(ret->fds))];
	} control;
	struct iovec iov = {.iov_base = &ret->reply, .iov_len = sizeof(ret->reply)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	cleanup_close int fd = sock_connect_local("boxer/0");
	ssize_t n;

	USERNS_CHECK(fd >= 0, "%s\n%s", strerror(-fd), child_errors(asked));
	/* It may have been cut off by then. */
	(void)sock_send_fds(fd, request, len, fds, n_fds);
	ret->n_fds = 0;
	n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	if (n > 0 && CMSG_FIRSTHDR(&msg)) {
		ret->n_fds = (CMSG_FIRSTHDR(&msg)->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		(void)memcpy(ret->fds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), ret->n_fds * sizeof(int));
	}
	return n > 0 ? (size_t)n : 0;
}

static void start_node_0(struct cluster *c, struct child *node)
{
	cluster_start(c, NULL);
	node_start(node, c, "node", "fn-a", NULL);
	child_await(node, "ready");
	asked = node;
}

CLUSTER_TEST(api, gives_the_table_of_members_to_read_and_the_cursor_to_write)
{
	const struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_TABLE};
	struct table *table;
	struct api_reply a;
	struct child node;
	struct cluster c;
	struct stat st;
	void *p;

	start_node_0(&c, &node);
	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) == sizeof(a.reply), "no reply");
	USERNS_CHECK(a.reply.error == 0 && a.n_fds == 2, "%d, %zu", a.reply.error, a.n_fds);
	USERNS_CHECK(fstat(a.fds[0], &st) == 0 && st.st_size == sizeof(*table), "%ld",
		     (long)st.st_size);
	p = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, a.fds[0], 0);
	USERNS_CHECK(p == MAP_FAILED, "any program may write the table");
	table = mmap(NULL, sizeof(*table), PROT_READ, MAP_SHARED, a.fds[0], 0);
	USERNS_CHECK(table != MAP_FAILED, "%m");
	USERNS_CHECK(table->magic == TABLE_MAGIC && table->n == 1, "%u rows", table->n);
	USERNS_CHECK(strcmp(table->rows[0].name, "fn-a") == 0 && table->rows[0].flags == TABLE_SELF,
		     "%s", table->rows[0].name);
	p = mmap(NULL, sizeof(struct cursor), PROT_READ | PROT_WRITE, MAP_SHARED, a.fds[1], 0);
	USERNS_CHECK(p != MAP_FAILED, "the cursor: %m");
	node_stop(&node);
	cluster_stop(&c);
}

static void check_unharmed(struct child *node, size_t descriptors)
{
	const struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_RESULT};
	struct api_reply a;

	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) == sizeof(a.reply), "no reply");
	USERNS_CHECK(a.reply.error == 0, "%d", a.reply.error);
	child_await_descriptors(node, descriptors);
}

/* Found by it: descriptors beside the one that is expected were kept for ever. */
CLUSTER_TEST(api, keeps_no_descriptor_that_was_sent_to_it)
{
	struct local_request request = {.version = LOCAL_VERSION};
	struct child node;
	struct cluster c;
	size_t before;

	start_node_0(&c, &node);
	before = child_descriptors_at_rest(&node);
	for (uint32_t op = 0; op < 10; op++)
		for (size_t n = 0; n <= 4; n++) {
			const int fds[4] = {0, 0, 0, 0};
			struct api_reply a;

			/* This one may wait for an answer that never comes. */
			if (op == LOCAL_PUNCH)
				continue;
			request.op = op;
			(void)ask(&request, sizeof(request), fds, n, &a);
			for (size_t i = 0; i < a.n_fds; i++)
				(void)close(a.fds[i]);
		}
	check_unharmed(&node, before);
	node_stop(&node);
	cluster_stop(&c);
}

CLUSTER_TEST(api, hangs_up_on_messages_of_another_size_or_version)
{
	struct {
		struct local_request request;
		char more[64];
	} message = {.request = {.version = LOCAL_VERSION, .op = LOCAL_RESULT}};
	struct child node;
	struct api_reply a;
	struct cluster c;
	size_t before;

	start_node_0(&c, &node);
	before = child_descriptors_at_rest(&node);
	for (size_t len = 1; len <= sizeof(message); len++)
		USERNS_CHECK((ask(&message, len, NULL, 0, &a) > 0) ==
				     (len == sizeof(message.request)),
			     "%zu bytes", len);
	message.request.version++;
	USERNS_CHECK(ask(&message, sizeof(message.request), NULL, 0, &a) == 0, "another version");
	check_unharmed(&node, before);
	node_stop(&node);
	cluster_stop(&c);
}

/* In a child: what becomes of a question of uid 1000? */
static void ask_as_another_uid(void)
{
	const struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_TABLE};
	const struct sockaddr_un node = {.sun_family = AF_UNIX, .sun_path = "\0boxer/0"};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	socklen_t len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen("boxer/0");
	char byte;

	if (setresuid(1000, 1000, 1000) < 0)
		_exit(77);
	if (connect(fd, (const struct sockaddr *)&node, len) < 0)
		_exit(78);
	(void)send(fd, &request, sizeof(request), MSG_NOSIGNAL);
	_exit(recv(fd, &byte, 1, 0) > 0);
}

CLUSTER_TEST(api, hangs_up_on_another_uid)
{
	struct child node, n;
	struct cluster c;
	int status;

	start_node_0(&c, &node);
	child_start(&n, (const char *[]){BOXER_PATH, NULL}, ask_as_another_uid);
	status = child_end(&n);
	if (status == 77)
		userns_say("not tried: only root may map more than one uid");
	else
		USERNS_CHECK(status == 0, "%s", status == 1 ? "it was answered" : "no connection");
	node_stop(&node);
	cluster_stop(&c);
}

CLUSTER_TEST(api, survives_random_requests)
{
	unsigned long runs = random_count(2000);
	struct child node;
	struct cluster c;
	size_t before;

	start_node_0(&c, &node);
	before = child_descriptors_at_rest(&node);
	for (unsigned long run = 0; run < runs; run++) {
		uint64_t state = random_seed(run);
		uint8_t bytes[sizeof(struct local_request)];
		struct local_request request;
		struct api_reply a;
		const int fd = 0;

		random_fill(&state, bytes, sizeof(bytes));
		(void)memcpy(&request, bytes, sizeof(request));
		request.version = LOCAL_VERSION;
		request.op = (uint32_t)random_below(&state, LOCAL_BARRIER + 2);
		(void)ask(&request, sizeof(request), &fd, random_below(&state, 2), &a);
		for (size_t i = 0; i < a.n_fds; i++)
			(void)close(a.fds[i]);
		child_drain(&node);
	}
	check_unharmed(&node, before);
	node_stop(&node);
	cluster_stop(&c);
}

static int open_watch(void)
{
	const struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_WATCH};
	int fd = sock_connect_local("boxer/0");

	USERNS_CHECK(fd >= 0 && sock_send_fds(fd, &request, sizeof(request), NULL, 0) == 0, "%s",
		     strerror(-fd));
	return fd;
}

static int watch_answer(int fd)
{
	struct local_reply reply = {0};

	USERNS_CHECK(recv(fd, &reply, sizeof(reply), 0) == sizeof(reply), "%m");
	return reply.error;
}

CLUSTER_TEST(api, has_room_for_so_many_watches_and_for_short_questions_beside_them)
{
	const struct local_request question = {.version = LOCAL_VERSION, .op = LOCAL_RESULT};
	static int fds[WATCHES_MAX];
	struct child node;
	struct api_reply a;
	struct cluster c;
	size_t before;
	int fd;

	start_node_0(&c, &node);
	before = child_descriptors_at_rest(&node);
	for (size_t i = 0; i < WATCHES_MAX; i++) {
		fds[i] = open_watch();
		USERNS_CHECK(watch_answer(fds[i]) == 0, "watch %zu", i);
	}
	fd = open_watch();
	USERNS_CHECK(watch_answer(fd) == EADDRNOTAVAIL, "one too many");
	(void)close(fd);
	USERNS_CHECK(ask(&question, sizeof(question), NULL, 0, &a) == sizeof(a.reply), "no reply");
	/* A watcher has nothing more to say. */
	USERNS_CHECK(sock_send_fds(fds[0], &question, sizeof(question), NULL, 0) == 0, "%m");
	for (size_t i = 1; i < WATCHES_MAX; i++)
		(void)close(fds[i]);
	check_unharmed(&node, before);
	(void)close(fds[0]);
	node_stop(&node);
	cluster_stop(&c);
}

CLUSTER_TEST(api, gives_a_status_that_nobody_can_change)
{
	const struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_STATUS};
	struct child node;
	struct api_reply a;
	struct cluster c;
	struct stat st;

	start_node_0(&c, &node);
	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) == sizeof(a.reply), "no reply");
	USERNS_CHECK(a.reply.error == 0 && a.n_fds == 1, "%d, %zu", a.reply.error, a.n_fds);
	USERNS_CHECK(fstat(a.fds[0], &st) == 0 && (size_t)st.st_size >= sizeof(struct local_status),
		     "%ld", st.st_size);
	USERNS_CHECK(ftruncate(a.fds[0], 0) < 0, "it shrinks under its readers");
	USERNS_CHECK(mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, a.fds[0],
			  0) == MAP_FAILED,
		     "it can be written to");
	(void)close(a.fds[0]);
	node_stop(&node);
	cluster_stop(&c);
}

CLUSTER_TEST(api, judges_the_name_and_the_count_of_a_barrier)
{
	struct local_request request = {.version = LOCAL_VERSION, .op = LOCAL_BARRIER, .count = 1};
	struct child node;
	struct api_reply a;
	struct cluster c;
	size_t before;

	start_node_0(&c, &node);
	before = child_descriptors_at_rest(&node);
	(void)memset(request.name, 'a', sizeof(request.name));
	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) == 0, "a name without an end");
	(void)memset(request.name, 0, sizeof(request.name));
	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) > 0 && a.reply.error == EINVAL,
		     "no name");
	request.name[0] = 'a';
	request.count = UINT32_MAX;
	USERNS_CHECK(ask(&request, sizeof(request), NULL, 0, &a) > 0 && a.reply.error == EINVAL,
		     "count");
	check_unharmed(&node, before);
	node_stop(&node);
	cluster_stop(&c);
}
