/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/door_client.h"

#include "base/cleanup.h"
#include "lab/fdmsg.h"
#include "lab/lab_name.h"
#include "lab/terminal.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define PATIENCE_MS 2000 /* of door_list() and door_end() */

int door_open(const char *id, struct door_lab *ret_lab, struct error *err)
{
	int sock = lab_name_connect(id, ret_lab->id, err);

	if (sock < 0)
		return sock;
	ret_lab->sock = sock;
	return 0;
}

static int lost(const struct door_lab *lab, struct error *err)
{
	return error_set(err, ECONNRESET, "the lab \"%s\" has ended", lab->id);
}

static int send_request(const struct door_lab *lab, const struct fdmsg *msg, struct error *err)
{
	int r = fdmsg_send(lab->sock, msg, 0);

	if (r == -EPIPE || r == -ECONNRESET)
		return lost(lab, err);
	return r < 0 ? error_sys(err, -r, "cannot talk to the lab \"%s\"", lab->id) : 0;
}

/** get_reply() - Return: 0, or -errno; also when the lab refuses */
static int get_reply(const struct door_lab *lab, struct door_reply *reply, int *ret_fd,
		     struct error *err)
{
	struct fdmsg msg = {.data = reply, .size = sizeof(*reply)};
	ssize_t len = fdmsg_recv(lab->sock, &msg, 0);
	cleanup_close int fd = fdmsg_take(&msg, 0);

	fdmsg_close(&msg);
	if (len == 0 || len == -ECONNRESET)
		return lost(lab, err);
	if (len < 0)
		return error_sys(err, (int)-len, "the lab \"%s\"", lab->id);
	if (len != (ssize_t)sizeof(*reply) || reply->version != DOOR_VERSION)
		return error_set(err, EPROTO, "the lab \"%s\" runs another version of boxlab",
				 lab->id);
	if (reply->what == DOOR_REFUSED) {
		reply->text[sizeof(reply->text) - 1] = '\0';
		return error_set(err, reply->error ? reply->error : EPROTO, "%s", reply->text);
	}
	if (ret_fd)
		*ret_fd = take_fd(&fd);
	return 0;
}

/** ask() - a request without strings or descriptors, and its reply; @ret_fd: NULL: it has none */
static int ask(const struct door_lab *lab, struct door_head *head, struct door_reply *ret_reply,
	       int *ret_fd, struct error *err)
{
	const struct fdmsg msg = {.data = head, .size = sizeof(*head)};
	struct pollfd fd = {.fd = lab->sock, .events = POLLIN};
	int r;

	head->version = DOOR_VERSION;
	r = send_request(lab, &msg, err);
	if (r < 0)
		return r;
	if (poll(&fd, 1, PATIENCE_MS) == 0)
		return error_set(err, EAGAIN, "the lab \"%s\" does not answer: it is busy",
				 lab->id);
	return get_reply(lab, ret_reply, ret_fd, err);
}

int door_list(const struct door_lab *lab, size_t first, struct door_node nodes[DOOR_NODES_MAX],
	      struct error *err)
{
	struct door_head head = {.op = DOOR_LIST, .first = (uint32_t)first};
	struct door_reply reply = {0};
	int r = ask(lab, &head, &reply, NULL, err);

	if (r < 0)
		return r;
	if (reply.what != DOOR_NODES || reply.n > DOOR_NODES_MAX)
		return error_sys(err, EPROTO, "the lab \"%s\"", lab->id);
	(void)memcpy(nodes, reply.nodes, reply.n * sizeof(*nodes));
	return (int)reply.n;
}

int door_state(const struct door_lab *lab, const char *nat, struct error *err)
{
	struct door_head head = {.op = DOOR_STATE};
	struct door_reply reply;
	int fd = -1;
	int r;

	if (nat && strlen(nat) >= sizeof(head.node))
		return error_set(err, ENOENT, "no NAT \"%s\" is here", nat);
	(void)snprintf(head.node, sizeof(head.node), "%s", nat ? nat : "");
	r = ask(lab, &head, &reply, &fd, err);
	if (r < 0)
		return r;
	if (reply.what != DOOR_TEXT || fd < 0)
		return error_sys(err, EPROTO, "the lab \"%s\"", lab->id);
	return fd;
}

int door_end(const struct door_lab *lab, struct error *err)
{
	struct door_head head = {.op = DOOR_END};
	struct door_reply reply;

	return ask(lab, &head, &reply, NULL, err);
}

/**
 * struct stay - staying with a program
 * @signals: signalfd
 * @mask: the caller's signal mask
 * @master: far side of the program's terminal, or -1
 * @terminal: while @master is shown
 * @ended: DOOR_ENDED has come, in @reply
 */
struct stay {
	const struct door_lab *lab;
	int signals;
	sigset_t mask;
	int master;
	struct terminal terminal;
	bool ended;
	struct door_reply reply;
};

static int request_exec(const struct door_lab *lab, const struct door_order *order,
			struct error *err)
{
	cleanup_free struct door_request *request = calloc(1, sizeof(*request));
	const char *term = getenv("TERM");
	struct winsize size = terminal_size();
	struct fdmsg msg = {.data = request, .fds = {0, 1, 2}, .n_fds = order->tty ? 0 : 3};

	if (!request)
		return error_sys(err, ENOMEM, "%s", order->argv[0]);
	request->head = (struct door_head){
		.version = DOOR_VERSION,
		.op = DOOR_EXEC,
		.tty = order->tty,
		.rows = size.ws_row,
		.columns = size.ws_col,
	};
	if (strlen(order->node) >= sizeof(request->head.node))
		return error_set(err, ENOENT, "no machine \"%s\" is here", order->node);
	(void)snprintf(request->head.node, sizeof(request->head.node), "%s", order->node);
	if (term && strlen(term) < sizeof(request->head.term))
		(void)snprintf(request->head.term, sizeof(request->head.term), "%s", term);
	for (char *const *arg = order->argv; *arg; arg++) {
		size_t len = strlen(*arg) + 1;

		if (len > sizeof(request->strings) - request->head.size)
			return error_set(err, E2BIG, "%s: over %d bytes of arguments",
					 order->argv[0], DOOR_STRINGS_MAX);
		(void)memcpy(request->strings + request->head.size, *arg, len);
		request->head.size += (uint32_t)len;
		request->head.argc++;
	}
	msg.size = sizeof(request->head) + request->head.size;
	return send_request(lab, &msg, err);
}

static int hear_signals(struct stay *stay, bool tty, struct error *err)
{
	static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
	sigset_t mask;

	(void)sigemptyset(&mask);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
		(void)sigaddset(&mask, forwarded[i]);
	if (tty)
		(void)sigaddset(&mask, SIGWINCH);
	stay->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	/* A closed stdout shall be an error, not the end. */
	(void)sigaddset(&mask, SIGPIPE);
	if (stay->signals < 0 || sigprocmask(SIG_BLOCK, &mask, &stay->mask) < 0)
		return error_sys(err, errno, "cannot wait for signals");
	return 0;
}

static void take_signals(struct stay *stay)
{
	struct door_head head = {.version = DOOR_VERSION, .op = DOOR_SIGNAL};
	const struct fdmsg msg = {.data = &head, .size = sizeof(head)};
	struct signalfd_siginfo info;

	while (read(stay->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGWINCH) {
			terminal_resize(&stay->terminal);
			continue;
		}
		head.signal = (int32_t)info.ssi_signo;
		(void)fdmsg_send(stay->lab->sock, &msg, 0);
	}
}

/** turn() - wait once, and do what has come up */
static int turn(struct stay *stay, struct error *err)
{
	struct pollfd fds[] = {
		{.fd = stay->lab->sock, .events = POLLIN},
		{.fd = stay->signals, .events = POLLIN},
		{.fd = -1},
		{.fd = -1},
	};
	int r = 0;

	if (stay->master >= 0)
		terminal_poll(&stay->terminal, &fds[2]);
	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : error_sys(err, errno, "poll");
	if (fds[1].revents)
		take_signals(stay);
	if (fds[3].revents)
		terminal_take_input(&stay->terminal);
	if (fds[2].revents & POLLOUT)
		terminal_write_typed(&stay->terminal);
	if (fds[2].revents & (POLLIN | POLLHUP))
		r = terminal_show(&stay->terminal);
	if (r == -EIO)
		(void)close(take_fd(&stay->master));
	else if (r < 0)
		return error_sys(err, -r, "cannot print");
	if (fds[0].revents) {
		r = get_reply(stay->lab, &stay->reply, NULL, err);
		if (r < 0)
			return r;
		stay->ended = stay->reply.what == DOOR_ENDED;
	}
	return 0;
}

static int stay_with(struct stay *stay, const struct door_order *order, struct error *err)
{
	int r;

	r = hear_signals(stay, order->tty, err);
	if (!r)
		r = request_exec(stay->lab, order, err);
	if (!r)
		r = get_reply(stay->lab, &stay->reply, &stay->master, err);
	if (r < 0)
		return r;
	if (stay->master >= 0)
		r = terminal_enter(&stay->terminal, stay->master, err);
	while (!r && !stay->ended)
		r = turn(stay, err);
	/* What it printed last. */
	if (!r && stay->master >= 0)
		(void)terminal_show(&stay->terminal);
	terminal_leave(&stay->terminal);
	return r;
}

int door_exec(const struct door_lab *lab, const struct door_order *order, int *ret_exec_error,
	      int *ret_status, struct error *err)
{
	struct stay stay = {.lab = lab, .signals = -1, .master = -1};
	int r;

	(void)sigprocmask(SIG_BLOCK, NULL, &stay.mask);
	r = stay_with(&stay, order, err);
	if (stay.master >= 0)
		(void)close(stay.master);
	if (stay.signals >= 0)
		(void)close(stay.signals);
	(void)sigprocmask(SIG_SETMASK, &stay.mask, NULL);
	if (r < 0)
		return r;
	*ret_exec_error = stay.reply.error;
	*ret_status = stay.reply.status;
	return 0;
}
