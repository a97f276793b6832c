/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	joining		the uplink tries to reach the seed until the deadline
 *	gathering	admitted: the local API is there, links are being punched
 *			to all members. The start gate opens when enough members
 *			are there and each has a link; the deadline still runs
 *	open		the guest runs (or, without one, we wait for a signal). A
 *			lost seed or link no longer ends anything
 *	ending		the guest has ended, or a signal came
 */
#include "boxer/node.h"

#include "base/clock.h"
#include "boxer/answer.h"
#include "boxer/api.h"
#include "boxer/dial.h"
#include "boxer/guest.h"
#include "boxer/handoff.h"
#include "boxer/sock.h"
#include "boxer/uplink.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void node_fail(struct node *node, enum reason reason, const char *fmt, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)error_set(node->err, reason_errno(reason), "%s (%s)", text, reason_name(reason));
	EMIT(&node->options->events, "failed", EV_TEXT("reason", reason_name(reason)),
	     EV_TEXT("text", text));
	node->exit_status = NODE_EXIT_FAILED;
	ev_break(node->loop, EVBREAK_ALL);
}

static size_t wanted(const struct node *node)
{
	return node->options->wait > 1 ? node->options->wait : 1;
}

/*
 * The gate counts whom it has met, not who is there now: a fast member may have
 * done its work and left before a slow one sees it. And one member too many that
 * can't be reached does not hold the others.
 */
static void meet(struct node *node, uint32_t id)
{
	for (size_t i = 0; i < node->n_met; i++)
		if (node->met[i] == id)
			return;
	if (!node->open && node->n_met < MEMBERS_MAX)
		node->met[node->n_met++] = id;
}

static void try_gate(struct node *node)
{
	int status;

	if (!node->joined || node->open || node->n_met + 1 < wanted(node))
		return;
	node->open = true;
	ev_timer_stop(node->loop, &node->gate_timer);
	EMIT(&node->options->events, "ready", EV_NUMBER("members", node->members.n),
	     EV_NUMBER("links", peers_linked(node->peers)));
	if (!node->options->guest)
		return;
	status = guest_start(node);
	if (status == 0)
		return;
	EMIT(&node->options->events, "failed", EV_TEXT("reason", reason_name(REASON_LOCAL)),
	     EV_TEXT("text", node->err->text));
	node->exit_status = status;
	ev_break(node->loop, EVBREAK_ALL);
}

static void show_members(struct node *node)
{
	int r;

	api_show_members(node->api);
	r = members_write_file(&node->members, node->id, node->dir);
	if (r < 0)
		(void)fprintf(stderr, "boxer: cannot write %s/members: %s, ignoring\n", node->dir,
			      strerror(-r));
}

static void on_link_up(void *arg, const struct peer_link *link)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, link->id);

	EMIT(&node->options->events, "link", EV_NUMBER("id", link->id),
	     EV_TEXT("name", m ? m->name : ""), EV_ADDR("local", &link->local),
	     EV_ADDR("remote", &link->remote), EV_TEXT("strategy", "parallel"),
	     EV_MS("ms", link->took_ns));
	dial_link_up(node->dials, link->id);
	meet(node, link->id);
	try_gate(node);
}

static void on_link_lost(void *arg, uint32_t id, enum reason reason)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, id);

	EMIT(&node->options->events, "link-lost", EV_NUMBER("id", id),
	     EV_TEXT("name", m ? m->name : ""), EV_TEXT("reason", reason_name(reason)));
	dial_link_lost(node->dials, id);
}

static void on_link_frame(void *arg, uint32_t id, uint8_t type, const uint8_t *body, size_t len)
{
	struct node *node = arg;
	struct frame_punched punched;
	struct frame_punch punch;

	/* Frames of a newer version of the protocol are none of our business. */
	if (type == FRAME_PUNCH && frame_decode_punch(body, len, &punch) == 0)
		answer_punch(node->answers, id, &punch);
	else if (type == FRAME_PUNCHED && frame_decode_punched(body, len, &punched) == 0)
		dial_answered(node->dials, id, &punched);
}

static const struct peer_ops link_ops = {on_link_up, on_link_lost, on_link_frame};

/* In a directory that others may write to the name could be a trap. */
static int own_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) && st.st_uid == geteuid() ? 0 : -EPERM;
}

/* BOXER_DIR: the caller's, or one that this user's node of that id always has. */
static int make_dir(struct node *node)
{
	const char *tmp = getenv("TMPDIR");
	int n, r;

	if (node->options->dir)
		n = snprintf(node->dir, sizeof(node->dir), "%s", node->options->dir);
	else
		n = snprintf(node->dir, sizeof(node->dir), "%s/boxer-%u-%u",
			     tmp && *tmp ? tmp : "/tmp", (unsigned)geteuid(), node->id);
	r = n < 0 || (size_t)n >= sizeof(node->dir) ? -ENAMETOOLONG : own_dir(node->dir);
	/* What is not ours is not tidied up either. */
	if (r < 0)
		node->dir[0] = '\0';
	return r;
}

static int open_rooms(struct node *node, const struct addr *external)
{
	struct peers_config config = {
		.loop = node->loop,
		.key = node->options->key,
		.self = node->id,
		.inside = node->inside,
		.external = *external,
		.ops = &link_ops,
		.arg = node,
	};
	int r;

	node->dials = dials_new(node);
	node->answers = answers_new(node);
	node->handoff = handoff_new(node->loop, &node->inside);
	if (!node->dials || !node->answers || !node->handoff)
		return -ENOMEM;
	r = peers_new(&config, &node->peers);
	if (r == 0)
		r = api_new(node, &node->api);
	/* Only now is the id ours on this machine, and with it the directory. */
	return r < 0 ? r : make_dir(node);
}

static void on_joined(void *arg, const struct frame_joined *joined, const struct addr *local)
{
	struct node *node = arg;
	int r;

	node->id = joined->id;
	node->overlay = joined->overlay;
	node->inside = *local;
	profile_observe(&node->profile, local, &joined->observed);
	r = open_rooms(node, &joined->observed);
	if (r < 0) {
		node_fail(node, REASON_LOCAL, "cannot serve this function as member %u: %s",
			  node->id, strerror(-r));
		return;
	}
	r = guest_locate_shim(node);
	if (r < 0) {
		node_fail(node, REASON_LOCAL, "cannot load libboxer-shim.so into programs: %s",
			  r == -EINVAL ? "its path has a space or a colon, and BOXER_DIR's too"
				       : strerror(-r));
		return;
	}
	EMIT(&node->options->events, "joined", EV_NUMBER("id", node->id),
	     EV_TEXT("name", node->options->name), EV_ADDR("overlay", &node->overlay),
	     EV_ADDR("external", &joined->observed), EV_ADDR("local", local),
	     EV_MS("ms", clock_now() - node->started_at));
}

static void on_member(void *arg, const struct frame_member *member)
{
	struct node *node = arg;

	if (!node->api || members_put(&node->members, member) < 0)
		return;
	node->members.version = member->version;
	/* The seed sends our own record last: now the membership is whole. */
	if (member->id == node->id)
		node->joined = true;
	EMIT(&node->options->events, "member", EV_NUMBER("id", member->id),
	     EV_TEXT("name", member->name), EV_ADDR("overlay", &member->overlay),
	     EV_ADDR("external", &member->external));
	if (node->joined)
		show_members(node);
	if (member->id != node->id)
		(void)peers_add(node->peers, member);
	try_gate(node);
}

static void on_gone(void *arg, const struct frame_gone *gone)
{
	struct node *node = arg;
	const struct frame_member *m = members_by_id(&node->members, gone->id);

	if (!m || gone->id == node->id)
		return;
	EMIT(&node->options->events, "member-left", EV_NUMBER("id", gone->id),
	     EV_TEXT("name", m->name), EV_TEXT("reason", reason_name((enum reason)gone->reason)));
	(void)members_remove(&node->members, gone->id);
	node->members.version = gone->version;
	peers_remove(node->peers, gone->id);
	dial_member_gone(node->dials, gone->id);
	show_members(node);
	if (gone->reason == REASON_LEFT)
		meet(node, gone->id);
	try_gate(node);
}

static void on_uplink_ended(void *arg, enum reason reason)
{
	struct node *node = arg;
	char text[ADDR_TEXT_MAX];

	if (node->open) {
		EMIT(&node->options->events, "seed-lost", EV_TEXT("reason", reason_name(reason)));
		(void)fprintf(stderr, "boxer: the seed is lost (%s), going on without it\n",
			      reason_name(reason));
		return;
	}
	node_fail(node, reason, "cannot join the seed at %s",
		  addr_format(&node->options->seed, text));
}

static const struct uplink_ops uplink_ops = {on_joined, on_member, on_gone, on_uplink_ended};

static void on_gate_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct node *node = w->data;

	(void)loop;
	(void)revents;
	/* Before it is admitted the uplink keeps the deadline and knows the better reason. */
	if (node->api)
		node_fail(node, REASON_TIMEOUT, "waited for %zu members: %zu are there, %zu linked",
			  wanted(node), node->members.n,
			  node->peers ? peers_linked(node->peers) : 0);
}

static void on_signal(struct ev_loop *loop, struct ev_signal *w, int revents)
{
	struct node *node = w->data;

	(void)revents;
	if (!node->guest) {
		node->exit_status = node->options->guest ? 128 + w->signum : 0;
		ev_break(loop, EVBREAK_ALL);
		return;
	}
	/* A terminal sends ^C and ^\\ to the guest as well. */
	if ((w->signum == SIGINT || w->signum == SIGQUIT) && tcgetpgrp(STDIN_FILENO) == getpgrp())
		return;
	guest_signal(node->guest, w->signum);
}

static void watch_signals(struct node *node)
{
	/* Servers take the last three as orders, too: reopen the log, dump, stop gracefully. */
	static const int watched[NODE_SIGNALS] = {SIGTERM, SIGINT,  SIGHUP,
						  SIGQUIT, SIGUSR1, SIGUSR2};

	for (size_t i = 0; i < NODE_SIGNALS; i++) {
		ev_signal_init(&node->signals[i], on_signal, watched[i]);
		node->signals[i].data = node;
		ev_signal_start(node->loop, &node->signals[i]);
	}
	(void)signal(SIGPIPE, SIG_IGN);
}

static void remove_dir(const struct node *node)
{
	char path[sizeof(node->dir) + 16];

	if (!node->dir[0])
		return;
	(void)snprintf(path, sizeof(path), "%s/members", node->dir);
	(void)unlink(path);
	guest_forget_shim(node);
	if (!node->options->dir)
		(void)rmdir(node->dir);
}

static void tear_down(struct node *node)
{
	guest_free(node->guest);
	api_free(node->api);
	handoff_free(node->handoff);
	answers_free(node->answers);
	dials_free(node->dials);
	peers_free(node->peers);
	uplink_free(node->uplink);
	members_free(&node->members);
	remove_dir(node);
	ev_loop_destroy(node->loop);
}

int node_run(const struct node_options *options, struct error *err)
{
	struct node node = {.options = options, .err = err, .loop = ev_default_loop(0)};
	uint64_t deadline;

	if (!node.loop) {
		(void)error_set(err, ENOMEM, "cannot make an event loop");
		return NODE_EXIT_FAILED;
	}
	node.started_at = clock_now();
	deadline = node.started_at + options->timeout_ns;
	watch_signals(&node);
	ev_timer_init(&node.gate_timer, on_gate_deadline, 1e-9 * (double)options->timeout_ns, 0.);
	node.gate_timer.data = &node;
	ev_timer_start(node.loop, &node.gate_timer);
	node.uplink = uplink_new(node.loop, &options->seed, options->key, options->name, deadline,
				 &uplink_ops, &node);
	if (node.uplink)
		ev_run(node.loop, 0);
	else
		node.exit_status = NODE_EXIT_FAILED;
	tear_down(&node);
	return node.exit_status;
}
