/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * A client is a row of a table. Events carry its row and the row's generation,
 * so that one of a client who has just been sent away meets nobody.
 *
 *	FREE ----serve----> IDLE ----DOOR_EXEC----> RUNNING --hang-up--> LEAVING
 *	  ^		     |			      |			   |
 *	  +----hang-up-------+			      |			   |
 *	  +----the program ended, or its sandbox------+--------------------+
 *
 * A LEAVING client has no socket any more, only a program that was asked to end;
 * at its deadline the program is killed, and its end frees the row. Each reply
 * but one answers a request, so there is never more than the socket holds; a
 * client to whom one can't be sent is sent away.
 */
#include "lab/door.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "lab/fdmsg.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <termios.h>

#define GRACE	  (2 * NS_PER_S) /* between SIGTERM and SIGKILL */
#define TIMER_KEY UINT64_MAX
#define ARGS_MAX  1024

/** enum client_state - see above */
enum client_state {
	CLIENT_FREE,	/* by release(); everything below is unused */
	CLIENT_IDLE,	/* by door_serve(); may ask anything */
	CLIENT_RUNNING, /* by start(); .sandbox and .handle are set; may send signals */
	CLIENT_LEAVING, /* by leave(); .deadline is set, .sock is -1 */
};

/**
 * struct client - a row of the table
 * @generation: goes up with each use of the row
 * @deadline: CLOCK_MONOTONIC, ns; when the program is killed; 0: it was
 */
struct client {
	enum client_state state;
	uint32_t generation;
	int sock;
	struct sandbox *sandbox;
	uint32_t handle;
	uint64_t deadline;
};

struct door {
	const struct door_ops *ops;
	void *arg;
	int epoll;
	int timer;
	struct client clients[DOOR_CLIENTS_MAX];
	struct door_request request; /* the one being served */
	char *argv[ARGS_MAX + 1];
};

int door_new(const struct door_ops *ops, void *arg, struct door **ret_door)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER_KEY};
	struct door *door = calloc(1, sizeof(*door));
	int r;

	if (!door)
		return -ENOMEM;
	door->ops = ops;
	door->arg = arg;
	door->epoll = epoll_create1(EPOLL_CLOEXEC);
	door->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (door->epoll < 0 || door->timer < 0 ||
	    epoll_ctl(door->epoll, EPOLL_CTL_ADD, door->timer, &event) < 0) {
		r = -errno;
		door_free(door);
		return r;
	}
	*ret_door = door;
	return 0;
}

static void release(struct client *client)
{
	cleanup_close int sock = client->state == CLIENT_FREE ? -1 : client->sock;

	*client = (struct client){.generation = client->generation + 1, .sock = -1};
}

void door_free(struct door *door)
{
	if (!door)
		return;
	for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++)
		release(&door->clients[i]);
	if (door->epoll >= 0)
		(void)close(door->epoll);
	if (door->timer >= 0)
		(void)close(door->timer);
	free(door);
}

int door_fd(const struct door *door)
{
	return door->epoll;
}

/** admit() - give it the first free place; -1 in @sock says that it has one */
static void admit(struct door *door, int *sock)
{
	struct epoll_event event = {.events = EPOLLIN};

	for (uint32_t i = 0; *sock >= 0 && i < DOOR_CLIENTS_MAX; i++) {
		struct client *client = &door->clients[i];

		if (client->state != CLIENT_FREE)
			continue;
		event.data.u64 = (uint64_t)client->generation << 32 | i;
		if (epoll_ctl(door->epoll, EPOLL_CTL_ADD, *sock, &event) < 0)
			return;
		client->state = CLIENT_IDLE;
		client->sock = take_fd(sock);
	}
}

void door_serve(struct door *door, int client_sock)
{
	cleanup_close int sock = client_sock;

	admit(door, &sock);
	if (sock < 0)
		return;
	/* Some may have hung up, and nobody has looked yet. */
	door_dispatch(door);
	admit(door, &sock);
}

/** arm() - wake up for the earliest deadline */
static void arm(struct door *door)
{
	struct itimerspec when = {0};
	uint64_t earliest = 0;

	for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++) {
		const struct client *client = &door->clients[i];

		if (client->state == CLIENT_LEAVING && client->deadline &&
		    (!earliest || client->deadline < earliest))
			earliest = client->deadline;
	}
	when.it_value.tv_sec = (time_t)(earliest / NS_PER_S);
	when.it_value.tv_nsec = (long)(earliest % NS_PER_S);
	(void)timerfd_settime(door->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/** leave() - the client has hung up */
static void leave(struct door *door, struct client *client)
{
	if (client->state != CLIENT_RUNNING) {
		release(client);
		return;
	}
	(void)close(take_fd(&client->sock));
	client->state = CLIENT_LEAVING;
	client->deadline = clock_now() + GRACE;
	(void)sandbox_signal(client->sandbox, client->handle, SIGHUP);
	(void)sandbox_signal(client->sandbox, client->handle, SIGTERM);
	/* A stopped one would not see them. */
	(void)sandbox_signal(client->sandbox, client->handle, SIGCONT);
	arm(door);
}

/** reply() - @reply with a descriptor, or -1 */
static void reply(struct door *door, struct client *client, struct door_reply *rep, int fd)
{
	struct fdmsg msg = {.data = rep, .size = sizeof(*rep)};

	rep->version = DOOR_VERSION;
	if (fd >= 0)
		msg.fds[msg.n_fds++] = fd;
	if (fdmsg_send(client->sock, &msg, MSG_DONTWAIT) < 0)
		leave(door, client);
}

static void refuse(struct door *door, struct client *client, const struct error *err)
{
	struct door_reply rep = {.what = DOOR_REFUSED, .error = err->code};

	(void)snprintf(rep.text, sizeof(rep.text), "%s", err->text);
	reply(door, client, &rep, -1);
}

static void list(struct door *door, struct client *client)
{
	struct door_reply rep = {.what = DOOR_NODES};

	while (rep.n < DOOR_NODES_MAX &&
	       door->ops->node(door->arg, (size_t)door->request.head.first + rep.n,
			       &rep.nodes[rep.n]))
		rep.n++;
	reply(door, client, &rep, -1);
}

/** no_such_node() - with those that there are */
static int no_such_node(struct door *door, const char *name, struct error *err)
{
	struct door_node node;
	char names[512] = "none";
	size_t used = 0;

	for (size_t i = 0; used < sizeof(names) && door->ops->node(door->arg, i, &node); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "",
					 node.name);
	return error_set(err, ENOENT, "no machine \"%s\" is here; there is: %s%s", name, names,
			 used < sizeof(names) ? "" : " ...");
}

/** parse_argv() - the request's strings as an argument vector */
static int parse_argv(struct door *door, struct error *err)
{
	const struct door_head *head = &door->request.head;
	char *at = door->request.strings;
	char *end = at + head->size;

	if (!head->argc || head->argc > ARGS_MAX)
		return error_set(err, E2BIG, "between 1 and %d arguments", ARGS_MAX);
	if (!head->size || end[-1])
		return error_sys(err, EBADMSG, "arguments");
	for (uint32_t i = 0; i < head->argc; i++) {
		if (at == end)
			return error_sys(err, EBADMSG, "arguments");
		door->argv[i] = at;
		at += strlen(at) + 1;
	}
	door->argv[head->argc] = NULL;
	return 0;
}

/** start_in() - spawn; with a terminal, its far side is returned in @ret_master */
static int start_in(struct door *door, struct client *client, struct sandbox *sandbox,
		    const struct fdmsg *msg, int *ret_master, struct error *err)
{
	const struct door_head *head = &door->request.head;
	const struct winsize size = {.ws_row = head->rows, .ws_col = head->columns};
	char term[sizeof("TERM=") + DOOR_TERM_MAX];
	char *const env[] = {term, NULL};
	struct sandbox_program program = {
		.argv = door->argv, .n_fds = 3, .cpu = -1, .tty = head->tty};
	cleanup_close int master = -1;
	cleanup_close int tty = -1;
	int r;

	if (head->tty) {
		r = sandbox_open_tty(sandbox, &master, &tty, err);
		if (r < 0)
			return r;
		(void)ioctl(master, TIOCSWINSZ, &size);
		(void)snprintf(term, sizeof(term), "TERM=%s", head->term);
		if (*head->term)
			program.env = env;
	} else if (msg->n_fds != 3) {
		return error_set(err, EBADMSG, "a program needs three descriptors");
	}
	for (size_t i = 0; i < 3; i++)
		program.fds[i] = head->tty ? tty : msg->fds[i];
	r = sandbox_spawn(sandbox, &program, &client->handle, err);
	if (r < 0)
		return r;
	client->state = CLIENT_RUNNING;
	client->sandbox = sandbox;
	*ret_master = take_fd(&master);
	return 0;
}

static void start(struct door *door, struct client *client, const struct fdmsg *msg)
{
	struct door_reply rep = {.what = DOOR_STARTED};
	const char *name = door->request.head.node;
	cleanup_close int master = -1;
	struct sandbox *sandbox;
	struct error err;
	int r;

	r = parse_argv(door, &err);
	sandbox = r < 0 ? NULL : door->ops->sandbox(door->arg, name);
	if (!r && !sandbox)
		r = no_such_node(door, name, &err);
	if (!r)
		r = start_in(door, client, sandbox, msg, &master, &err);
	if (r < 0)
		refuse(door, client, &err);
	else
		reply(door, client, &rep, master);
}

static void end_lab(struct door *door, struct client *client)
{
	struct door_reply rep = {.what = DOOR_DONE};

	reply(door, client, &rep, -1);
	door->ops->end(door->arg);
}

static void tell_state(struct door *door, struct client *client)
{
	struct door_reply rep = {.what = DOOR_TEXT};
	struct error err = {.code = EOPNOTSUPP, .text = "this lab has no NATs"};
	cleanup_close int fd = -1;

	if (door->ops->state)
		fd = door->ops->state(door->arg, door->request.head.node, &err);
	if (fd < 0)
		refuse(door, client, &err);
	else
		reply(door, client, &rep, fd);
}

/** request_is_sound() - does what was received hold what it says? */
static bool request_is_sound(struct door_request *request, size_t len)
{
	struct door_head *head = &request->head;

	if (len < sizeof(*head) || head->version != DOOR_VERSION ||
	    head->size != len - sizeof(*head))
		return false;
	head->node[sizeof(head->node) - 1] = '\0';
	head->term[sizeof(head->term) - 1] = '\0';
	return true;
}

static void serve(struct door *door, struct client *client)
{
	struct fdmsg msg = {.data = &door->request, .size = sizeof(door->request)};
	ssize_t len = fdmsg_recv(client->sock, &msg, MSG_DONTWAIT);
	const struct door_head *head = &door->request.head;
	bool idle = client->state == CLIENT_IDLE;
	struct error err;

	if (len == -EAGAIN)
		return;
	if (len <= 0) {
		leave(door, client);
		return;
	}
	if (!request_is_sound(&door->request, (size_t)len)) {
		(void)error_set(&err, EPROTO, "the lab runs another version of boxlab");
		refuse(door, client, &err);
	} else if (head->op == DOOR_SIGNAL && !idle) {
		(void)sandbox_signal(client->sandbox, client->handle, head->signal);
	} else if (head->op == DOOR_LIST && idle) {
		list(door, client);
	} else if (head->op == DOOR_EXEC && idle) {
		start(door, client, &msg);
	} else if (head->op == DOOR_STATE && idle) {
		tell_state(door, client);
	} else if (head->op == DOOR_END && idle) {
		end_lab(door, client);
	} else {
		(void)error_set(&err, EPROTO, "not now");
		refuse(door, client, &err);
	}
	fdmsg_close(&msg);
}

/** look_at_deadlines() - those who did not end when asked */
static void look_at_deadlines(struct door *door, uint64_t now)
{
	uint64_t expirations;

	if (read(door->timer, &expirations, sizeof(expirations)) != sizeof(expirations))
		return;
	for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++) {
		struct client *client = &door->clients[i];

		if (client->state != CLIENT_LEAVING || !client->deadline || client->deadline > now)
			continue;
		client->deadline = 0;
		(void)sandbox_signal(client->sandbox, client->handle, SIGKILL);
	}
	arm(door);
}

void door_dispatch(struct door *door)
{
	struct epoll_event events[DOOR_CLIENTS_MAX + 1];
	int n = epoll_wait(door->epoll, events, ARRAY_SIZE(events), 0);

	for (int i = 0; i < n; i++) {
		uint64_t key = events[i].data.u64;
		struct client *client = &door->clients[(uint32_t)key % DOOR_CLIENTS_MAX];

		if (key == TIMER_KEY)
			look_at_deadlines(door, clock_now());
		else if (client->generation == key >> 32 && client->sock >= 0)
			serve(door, client);
	}
}

/** ended() - tell the client, if it is still there, and forget both */
static void ended(struct door *door, struct client *client, const struct sandbox_event *event)
{
	struct door_reply rep = {
		.what = DOOR_ENDED,
		.error = event->exec_error,
		.status = event->status,
	};

	/* Whatever reply() makes of it, there is no program to wait for. */
	if (client->state == CLIENT_RUNNING) {
		client->state = CLIENT_IDLE;
		reply(door, client, &rep, -1);
	}
	if (client->state != CLIENT_FREE)
		release(client);
}

bool door_event(struct door *door, const struct sandbox_event *event)
{
	for (size_t i = 0; event->handle && i < DOOR_CLIENTS_MAX; i++) {
		struct client *client = &door->clients[i];

		if (client->handle != event->handle)
			continue;
		ended(door, client, event);
		return true;
	}
	return false;
}

void door_forget(struct door *door, const struct sandbox *sandbox)
{
	const struct sandbox_event killed = {.status = W_EXITCODE(0, SIGKILL)};

	for (size_t i = 0; i < DOOR_CLIENTS_MAX; i++) {
		struct client *client = &door->clients[i];

		if (client->state != CLIENT_FREE && client->sandbox == sandbox)
			ended(door, client, &killed);
	}
}
