/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/clock.h"
#include "topo/wire_msg.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* The loop answers between two packets; only a stopped one takes longer. */
#define PATIENCE_S 10

/* Return: 0 when there is an answer to read or the other end is gone, or -errno. */
static int wait_readable(int control, uint64_t deadline)
{
	struct pollfd p = {.fd = control, .events = POLLIN};
	uint64_t now = clock_now();
	int r = 0;

	if (now < deadline)
		r = poll(&p, 1, (int)((deadline - now) / NS_PER_MS) + 1);
	if (r < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/* Return: 0, -EAGAIN if that was none or an old one, or -errno. */
static int read_answer(int control, uint64_t serial, struct wire_answer *ret_answer)
{
	struct wire_answer answer;
	ssize_t n = recv(control, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return -EPIPE;
	if (n != sizeof(answer))
		return -EPROTO;
	if (answer.serial != serial)
		return -EAGAIN;
	*ret_answer = answer;
	return 0;
}

static int ask(int control, struct wire_request *request, struct wire_answer *ret_answer)
{
	uint64_t deadline = clock_now() + PATIENCE_S * NS_PER_S;
	ssize_t n;
	int r;

	request->serial = clock_now();
	do
		n = send(control, request, sizeof(*request), MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	do {
		r = wait_readable(control, deadline);
		if (r == 0)
			r = read_answer(control, request->serial, ret_answer);
	} while (r == -EAGAIN);
	return r < 0 ? r : (int)ret_answer->code;
}

int wires_set(int control, size_t link, int end, const struct fate_spec *spec)
{
	struct wire_request request = {.op = WIRE_OP_SET, .link = link, .end = end, .spec = *spec};
	struct wire_answer answer = {0};

	return ask(control, &request, &answer);
}

int wires_restart(int control)
{
	struct wire_request request = {.op = WIRE_OP_RESTART};
	struct wire_answer answer = {0};

	return ask(control, &request, &answer);
}

int wires_stats(int control, size_t link, int end, struct wire_stats *ret_stats)
{
	struct wire_request request = {.op = WIRE_OP_STATS, .link = link, .end = end};
	struct wire_answer answer = {0};
	int r = ask(control, &request, &answer);

	if (r == 0)
		*ret_stats = answer.stats;
	return r;
}
