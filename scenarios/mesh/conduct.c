/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "scenarios/command.h"
#include "scenarios/mesh/mesh.h"
#include "scenarios/sample.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_MAX 10 /* that are told one by one */
#define AGAIN_NS     (20 * 1000000L)

/** struct verdict - what came of all calls */
struct verdict {
	unsigned called, answered, lost, mixed_up, told;
	uint64_t *ns;
};

static int read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Return: a connection that has been told @op, or -errno. */
static int order(const struct mesh_order *order, unsigned number, const void *op, size_t len)
{
	struct sockaddr_in to;
	int r = mesh_resolve(order->prefix, number, order->port, &to);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (r == 0 && (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		       send(fd, op, len, MSG_NOSIGNAL) != (ssize_t)len))
		r = -errno;
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

/* Return: its number, or -errno. */
static int64_t make_ready(const struct mesh_order *o, unsigned number)
{
	uint32_t self = 0;
	int fd = order(o, number, o, sizeof(*o));
	int r = fd < 0 ? fd : read_all(fd, &self, sizeof(self));

	if (fd >= 0)
		(void)close(fd);
	return r < 0 ? r : (int64_t)self;
}

/* They may have to be started yet. */
static int await(const struct mesh_order *o)
{
	const struct timespec pause = {.tv_nsec = AGAIN_NS};
	uint64_t deadline = clock_now() + o->timeout_s * NS_PER_S;

	for (unsigned i = 0; i < o->count; i++) {
		int64_t r;

		while ((r = make_ready(o, i)) < 0) {
			if (clock_now() >= deadline)
				return command_fail("%s%u: %s", o->prefix, i, strerror((int)-r));
			(void)nanosleep(&pause, NULL);
		}
		if (r != i)
			return command_fail("%s%u says that it is number %d", o->prefix, i, (int)r);
	}
	return 0;
}

/* ---- judging ---- */

static void tell_failure(struct verdict *v, const struct mesh_order *o, unsigned from, unsigned to,
			 const char *what)
{
	if (v->told++ < FAILURES_MAX)
		(void)fprintf(stderr, "%s%u to %s%u: %s\n", o->prefix, from, o->prefix, to, what);
}

static void judge(struct verdict *v, const struct mesh_order *o, unsigned from, unsigned to,
		  const struct mesh_call *call, const struct mesh_visit *visit)
{
	v->called++;
	if (call->error) {
		v->lost++;
		tell_failure(v, o, from, to, strerror(call->error));
	} else if (call->heard.caller != from || call->heard.callee != to ||
		   call->heard.nonce != call->sent.nonce) {
		v->mixed_up++;
		tell_failure(v, o, from, to, "it reached another one");
	} else if (visit->times != 1 || visit->nonce != call->sent.nonce) {
		v->mixed_up++;
		tell_failure(v, o, from, to,
			     visit->times ? "the other side has seen another connection"
					  : "the other side has seen none");
	} else {
		v->ns[v->answered++] = call->ns;
	}
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static int report(struct verdict *v, const struct mesh_order *o, uint64_t took_ns)
{
	unsigned n = v->answered, pairs = o->count * (o->count - 1);

	sample_sort(v->ns, n);
	(void)printf("{\"functions\": %u, \"pairs\": %u, \"connected\": %u, \"lost\": %u, "
		     "\"mixed_up\": %u, \"all_ms\": %.3f, \"min_ms\": %.3f, "
		     "\"median_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
		     o->count, pairs, n, v->lost, v->mixed_up, ms(took_ns), n ? ms(v->ns[0]) : 0,
		     n ? ms(v->ns[n / 2]) : 0, n ? ms(v->ns[n * 99 / 100]) : 0,
		     n ? ms(v->ns[n - 1]) : 0);
	return n == pairs ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the whole ---- */

static int go(const struct mesh_order *o, struct mesh_call (*calls)[MESH_MAX])
{
	const uint32_t op = ORDER_GO;
	int fds[MESH_MAX];
	int r = 0;

	for (unsigned i = 0; i < o->count; i++) {
		fds[i] = order(o, i, &op, sizeof(op));
		if (fds[i] < 0)
			r = command_fail("%s%u: %s", o->prefix, i, strerror(-fds[i]));
	}
	for (unsigned i = 0; i < o->count; i++) {
		int e = fds[i] < 0 ? 0 : read_all(fds[i], calls[i], o->count * sizeof(**calls));

		if (e < 0)
			r = command_fail("%s%u has ended: %s", o->prefix, i, strerror(-e));
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	return r;
}

static int tell(const struct mesh_order *o, struct mesh_visit (*visits)[MESH_MAX])
{
	const uint32_t op = ORDER_TELL;

	for (unsigned i = 0; i < o->count; i++) {
		int fd = order(o, i, &op, sizeof(op));
		int r = fd < 0 ? fd : read_all(fd, visits[i], o->count * sizeof(**visits));

		if (fd >= 0)
			(void)close(fd);
		if (r < 0)
			return command_fail("%s%u: %s", o->prefix, i, strerror(-r));
	}
	return 0;
}

int mesh_conduct(const struct mesh_order *o)
{
	static struct mesh_call calls[MESH_MAX][MESH_MAX];
	static struct mesh_visit visits[MESH_MAX][MESH_MAX];
	static uint64_t ns[MESH_MAX * MESH_MAX];
	struct verdict v = {.ns = ns};
	uint64_t began;
	int r = await(o);

	began = clock_now();
	if (r == 0)
		r = go(o, calls);
	began = clock_now() - began;
	if (r == 0)
		r = tell(o, visits);
	if (r)
		return r;
	for (unsigned i = 0; i < o->count; i++)
		for (unsigned k = 0; k < o->count; k++)
			if (i != k)
				judge(&v, o, i, k, &calls[i][k], &visits[k][i]);
	return report(&v, o, began);
}
