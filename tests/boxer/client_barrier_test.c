/* SPDX-License-Identifier: MIT */
/* Barriers by libboxer: programs that wait for each other. */
#include "tests/boxer/joiner.h"
#include "tests/boxer/node.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a process of its own: come to the barrier and say how it went. */
static pid_t come(uint32_t id, unsigned count, int timeout_ms)
{
	pid_t pid = fork();
	struct boxer *boxer;

	USERNS_CHECK(pid >= 0, "%m");
	if (pid > 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	boxer = joiner_open(id);
	_exit(-boxer_barrier(boxer, "start", count, timeout_ms));
}

static int outcome(pid_t pid)
{
	int status;

	USERNS_CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "%m, %d", status);
	return WEXITSTATUS(status);
}

CLUSTER_TEST(client, waits_at_a_barrier_until_all_have_come)
{
	struct boxer *a, *b;
	struct cluster c;
	pid_t first, second;
	int status;

	cluster_start(&c, NULL);
	a = joiner_join(&c, "fn-a");
	b = joiner_join(&c, "fn-b");
	first = come(0, 3, -1);
	second = come(0, 3, -1);
	/* Time for what must not happen. */
	(void)poll(NULL, 0, 50);
	USERNS_CHECK(waitpid(first, &status, WNOHANG) == 0, "two of three are not all");
	USERNS_CHECK(boxer_barrier(b, "start", 3, CHILD_PATIENCE_MS) == 0, "%s", boxer_reason());
	USERNS_CHECK(outcome(first) == 0 && outcome(second) == 0, "the others");
	/* And once more under the same name. */
	first = come(0, 2, -1);
	USERNS_CHECK(boxer_barrier(b, "start", 2, CHILD_PATIENCE_MS) == 0, "%s", boxer_reason());
	USERNS_CHECK(outcome(first) == 0, "again");
	boxer_close(b);
	boxer_close(a);
	cluster_stop(&c);
}

CLUSTER_TEST(client, takes_its_arrival_back)
{
	struct boxer *a, *b;
	struct cluster c;
	pid_t pid;

	cluster_start(&c, NULL);
	a = joiner_join(&c, "fn-a");
	b = joiner_join(&c, "fn-b");
	/* By giving up, and by dying. */
	USERNS_CHECK(boxer_barrier(a, "start", 2, 50) == -ETIMEDOUT, "%s", boxer_reason());
	pid = come(0, 2, -1);
	/* Nothing tells when it has come; too early would only prove less. */
	(void)poll(NULL, 0, 50);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	/* When the seed has answered this, it has heard of that. */
	USERNS_CHECK(boxer_barrier(a, "fence", 1, CHILD_PATIENCE_MS) == 0, "%s", boxer_reason());
	USERNS_CHECK(boxer_barrier(b, "start", 2, 200) == -ETIMEDOUT, "a dead one was counted");
	USERNS_CHECK(boxer_barrier(b, "a.b", 2, 200) == -EINVAL, "a.b");
	USERNS_CHECK(boxer_barrier(b, "start", 0, 200) == -EINVAL, "0");
	USERNS_CHECK(boxer_barrier(b, "start", 100000, 200) == -EINVAL, "100000");
	boxer_close(b);
	boxer_close(a);
	cluster_stop(&c);
}

CLUSTER_TEST(client, is_told_when_others_expect_another_count)
{
	struct boxer *a, *b;
	struct cluster c;
	pid_t pid;
	int r, other;

	cluster_start(&c, NULL);
	a = joiner_join(&c, "fn-a");
	b = joiner_join(&c, "fn-b");
	pid = come(0, 3, 1000);
	r = boxer_barrier(b, "start", 2, 1000);
	if (r == -EPROTO)
		USERNS_CHECK(strcmp(boxer_reason(), "protocol-violation") == 0, "%s",
			     boxer_reason());
	other = outcome(pid);
	/* Whoever came second. */
	USERNS_CHECK((r == -EPROTO && other == ETIMEDOUT) || (r == -ETIMEDOUT && other == EPROTO),
		     "%d and %d", -r, other);
	boxer_close(b);
	boxer_close(a);
	cluster_stop(&c);
}

CLUSTER_TEST(client, learns_at_a_barrier_that_its_node_died)
{
	struct child node;
	struct cluster c;
	pid_t pid;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	pid = come(0, 2, -1);
	(void)poll(NULL, 0, 50);
	child_signal(&node, SIGKILL);
	(void)child_end(&node);
	USERNS_CHECK(outcome(pid) == ECONNRESET, "a dead node");
	cluster_stop(&c);
}

/* A seed that is started again is told who waits. */
CLUSTER_TEST(client, still_waits_at_its_barrier_when_the_seed_comes_back)
{
	static const char *again[] = {"--listen", NULL, NULL};
	struct child node;
	struct boxer *b;
	struct cluster c;
	pid_t pid;

	cluster_start(&c, NULL);
	node_start(&node, &c, "node", "fn-a", NULL);
	child_await(&node, "ready");
	pid = come(0, 2, -1);
	(void)poll(NULL, 0, 50);
	child_signal(&c.seed, SIGKILL);
	(void)child_end(&c.seed);
	again[1] = c.text;
	cluster_start_seed(&c, again, NULL);
	child_await(&node, "seed-back");
	b = joiner_join(&c, "fn-b");
	USERNS_CHECK(boxer_barrier(b, "start", 2, CHILD_PATIENCE_MS) == 0, "%s", boxer_reason());
	USERNS_CHECK(outcome(pid) == 0, "who waited all the time");
	boxer_close(b);
	node_stop(&node);
	cluster_stop(&c);
}
