/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * What was learned of a port is an entry, and an entry lives as long as its
 * observation: the connection that asked stays open, so the NAT keeps the mapping.
 * When it breaks, the NAT may have forgotten everything, or the seed may just have
 * gone: what was known goes on being used while the port is asked for again.
 *
 *	ENTRY_LISTENING	asked for by an answer. Goes when nobody listens there any
 *			more, for the program may want its port back
 *	ENTRY_POOL	an outgoing port, learned ahead
 *	ENTRY_TAKEN	a connection is being made from there. Goes with ports_release()
 *	ENTRY_ONCE	asked for only to know what follows; goes with its answer
 *
 * Of several members behind one address two may listen on one port. A NAT that
 * overloads ports shows both of them under the same number, except to one and the
 * same endpoint: each asks another observer, so as not to be told of a conflict
 * that there is only towards the observer.
 */
#include "boxer/ports.h"

#include "base/clock.h"
#include "boxer/local.h"
#include "boxer/node.h"
#include "boxer/observation.h"
#include "boxer/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/queue.h>
#include <unistd.h>

#define SWEEP_S 1.
#define FILL_S	1. /* after a port of the pool could not be learned */

enum entry_use { ENTRY_LISTENING, ENTRY_POOL, ENTRY_TAKEN, ENTRY_ONCE };

LIST_HEAD(questions, ports_question);

struct ports_question {
	LIST_ENTRY(ports_question) link;
	struct ev_loop *loop;
	struct entry *entry; /* NULL: it has gone */
	struct ev_timer timer;
	ports_answer *answer;
	void *arg;
};

struct entry {
	TAILQ_ENTRY(entry) link;
	struct ports *set;
	enum entry_use use;
	uint16_t local_port;
	int step; /* from what is seen to what is asked for */
	bool known;
	struct addr external;
	struct observation *observation;
	uint64_t pause;	       /* before it is asked for again */
	struct ev_timer timer; /* then */
	struct questions questions;
};

struct ports {
	struct node *node;
	struct cursor *cursor;
	int cursor_fd;
	TAILQ_HEAD(, entry) entries; /* the one asked for last comes last */
	size_t n;
	struct questions orphans; /* of entries that have gone */
	struct ev_timer sweeper, filler;
};

static const struct observation_ops observation_ops;

static void move(struct questions *from, struct questions *to)
{
	struct ports_question *q;

	while ((q = LIST_FIRST(from))) {
		LIST_REMOVE(q, link);
		q->entry = NULL;
		LIST_INSERT_HEAD(to, q, link);
	}
}

static void entry_free(struct entry *e)
{
	/* Those who still ask will be told by their own deadline. */
	move(&e->questions, &e->set->orphans);
	ev_timer_stop(e->set->node->loop, &e->timer);
	observation_free(e->observation);
	TAILQ_REMOVE(&e->set->entries, e, link);
	e->set->n--;
	free(e);
}

static struct entry *find(const struct ports *set, uint16_t local_port)
{
	struct entry *e;

	TAILQ_FOREACH(e, &set->entries, link)
		if (e->local_port == local_port)
			return e;
	return NULL;
}

/* How many members are seen under our address, and how many of them have a lower id. */
static size_t sharers(const struct node *node, size_t *ret_rank)
{
	size_t n = 0;

	*ret_rank = 0;
	for (size_t i = 0; i < node->members.n; i++) {
		const struct frame_member *m = &node->members.list[i];

		if (!addr_same_host(&m->external, &node->external) ||
		    profile_is_public(&m->profile))
			continue;
		n++;
		*ret_rank += m->id < node->id;
	}
	return n;
}

static bool observe(struct entry *e)
{
	const struct node *node = e->set->node;
	struct addr local = node->inside;
	size_t rank;

	if (node->n_observers == 0)
		return false;
	(void)sharers(node, &rank);
	local.port = e->local_port;
	e->observation =
		observation_start(node->loop, &local, &node->observers[rank % node->n_observers],
				  node->options->key, NULL, &observation_ops, e);
	return e->observation != NULL;
}

static void make_room(struct ports *set)
{
	struct entry *e;

	if (set->n < PORTS_MAX)
		return;
	TAILQ_FOREACH(e, &set->entries, link)
		if (LIST_EMPTY(&e->questions) && e->use != ENTRY_TAKEN)
			break;
	entry_free(e ? e : TAILQ_FIRST(&set->entries));
}

/* Answers may do anything to the entries, so nothing of this one is used by then. */
static void answer_all(struct questions *questions, enum reason reason, const struct addr *external)
{
	struct ports_question *q;

	while ((q = LIST_FIRST(questions))) {
		ports_answer *answer = q->answer;
		void *arg = q->arg;

		ports_cancel(q);
		answer(arg, reason, external);
	}
}

static void on_ask_again(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct entry *e = w->data;
	struct questions questions = LIST_HEAD_INITIALIZER(questions);
	const struct addr none = {0};

	(void)loop;
	(void)revents;
	if (observe(e))
		return;
	move(&e->questions, &questions);
	entry_free(e);
	answer_all(&questions, REASON_LOCAL, &none);
}

static struct entry *entry_new(struct ports *set, uint16_t local_port, enum entry_use use)
{
	struct entry *e;

	make_room(set);
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->set = set;
	e->use = use;
	e->local_port = local_port;
	e->pause = PORTS_RELEARN_NS;
	LIST_INIT(&e->questions);
	ev_timer_init(&e->timer, on_ask_again, 0., 0.);
	e->timer.data = e;
	TAILQ_INSERT_TAIL(&set->entries, e, link);
	set->n++;
	if (observe(e))
		return e;
	entry_free(e);
	return NULL;
}

static void on_seen(void *arg, const struct addr *seen)
{
	struct entry *e = arg;
	struct addr external = *seen;
	struct questions questions = LIST_HEAD_INITIALIZER(questions);

	external.port = (uint16_t)(seen->port + e->step);
	e->known = true;
	e->external = external;
	e->pause = PORTS_RELEARN_NS;
	move(&e->questions, &questions);
	if (e->use == ENTRY_ONCE)
		entry_free(e);
	answer_all(&questions, REASON_NONE, &external);
}

/* Is it to be asked for again? Who asked in vain, for packets were lost, will ask once more. */
static bool is_needed(const struct entry *e, enum reason reason)
{
	return (e->use == ENTRY_LISTENING || e->use == ENTRY_TAKEN) &&
	       (e->known || reason == REASON_TIMEOUT);
}

/* The seed may have gone, for all that have ports to ask for. */
static void ask_later(struct entry *e)
{
	uint64_t pause = e->pause / 2 + randombytes_uniform((uint32_t)(e->pause / 2));

	ev_timer_set(&e->timer, 1e-9 * (double)pause, 0.);
	ev_timer_start(e->set->node->loop, &e->timer);
	if (e->pause < PORTS_RELEARN_MAX_NS)
		e->pause *= 2;
}

/* Somebody waits for it. */
static void ask_now(struct entry *e)
{
	ev_timer_stop(e->set->node->loop, &e->timer);
	ev_timer_set(&e->timer, 0., 0.);
	ev_timer_start(e->set->node->loop, &e->timer);
}

static void on_ended(void *arg, enum reason reason)
{
	struct entry *e = arg;
	struct ports *set = e->set;
	struct questions questions = LIST_HEAD_INITIALIZER(questions);
	const struct addr none = {0};

	observation_free(e->observation);
	e->observation = NULL;
	if (is_needed(e, reason)) {
		ask_later(e);
		return;
	}
	if (e->use == ENTRY_POOL && !ev_is_active(&set->filler)) {
		ev_timer_set(&set->filler, FILL_S, 0.);
		ev_timer_start(set->node->loop, &set->filler);
	}
	move(&e->questions, &questions);
	entry_free(e);
	answer_all(&questions, reason == REASON_NONE ? REASON_PORT_UNKNOWN : reason, &none);
}

static const struct observation_ops observation_ops = {on_seen, on_ended};

/* A program that stopped listening may start again, and wants its port for itself. */
static void on_sweep(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct ports *set = w->data;
	struct entry *e, *next;
	struct sock_listener listener;

	(void)loop;
	(void)revents;
	for (e = TAILQ_FIRST(&set->entries); e; e = next) {
		next = TAILQ_NEXT(e, link);
		if (e->use == ENTRY_LISTENING && LIST_EMPTY(&e->questions) &&
		    sock_find_listener(e->local_port, &set->node->inside, &listener) == -ENOENT)
			entry_free(e);
	}
}

bool ports_are_kept(const struct ports *set)
{
	return set->node->profile.ports == PROFILE_PORTS_KEPT &&
	       (profile_is_stable(&set->node->profile) ||
		set->node->profile.mapping == PROFILE_MAPPING_UNKNOWN);
}

int ports_external(struct ports *set, uint16_t local_port, struct addr *ret)
{
	const struct node *node = set->node;
	struct entry *e = find(set, local_port);
	size_t rank;

	if (e && e->known) {
		*ret = e->external;
		return 0;
	}
	if (!profile_is_stable(&node->profile) && node->profile.mapping != PROFILE_MAPPING_UNKNOWN)
		return -ENODATA;
	/* Another member behind our address may have taken it; but not one of our range. */
	if (!ports_are_kept(set) ||
	    (!profile_is_public(&node->profile) && sharers(node, &rank) > 1 &&
	     local_port - CURSOR_PORT_FIRST >= CURSOR_PORT_COUNT))
		return node->n_observers > 0 ? -EAGAIN : -ENODATA;
	*ret = node->external;
	ret->port = local_port;
	return 0;
}

static void on_question_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct ports_question *q = w->data;
	struct entry *e = q->entry;
	bool known = e && e->known;
	const struct addr external = known ? e->external : (struct addr){0};
	ports_answer *answer = q->answer;
	void *arg = q->arg;

	(void)loop;
	(void)revents;
	ports_cancel(q);
	if (e && !known && e->use == ENTRY_ONCE)
		entry_free(e);
	answer(arg, known ? REASON_NONE : REASON_PORT_UNKNOWN, &external);
}

static struct ports_question *question_new(struct entry *e, ports_answer *answer, void *arg)
{
	struct ports_question *q = e ? calloc(1, sizeof(*q)) : NULL;

	if (!q)
		return NULL;
	q->loop = e->set->node->loop;
	q->entry = e;
	q->answer = answer;
	q->arg = arg;
	ev_timer_init(&q->timer, on_question_over, e->known ? 0. : 1e-9 * (double)PORTS_LEARN_NS,
		      0.);
	q->timer.data = q;
	ev_timer_start(e->set->node->loop, &q->timer);
	LIST_INSERT_HEAD(&e->questions, q, link);
	return q;
}

struct ports_question *ports_ask(struct ports *set, uint16_t local_port, ports_answer *answer,
				 void *arg)
{
	struct entry *e = find(set, local_port);
	struct sock_listener listener;

	if (!e)
		e = entry_new(set, local_port,
			      sock_find_listener(local_port, &set->node->inside, &listener) == 0
				      ? ENTRY_LISTENING
				      : ENTRY_TAKEN);
	if (e) {
		TAILQ_REMOVE(&set->entries, e, link);
		TAILQ_INSERT_TAIL(&set->entries, e, link);
		if (!e->known && !e->observation)
			ask_now(e);
	}
	return question_new(e, answer, arg);
}

int ports_foretell(const struct ports *set, uint16_t local_port, struct addr *ret)
{
	/* The first mapping of a port keeps it; so nobody may be asked from there. */
	if (set->node->profile.ports != PROFILE_PORTS_KEPT)
		return -EAGAIN;
	*ret = set->node->external;
	ret->port = local_port;
	return 0;
}

struct ports_question *ports_ask_next(struct ports *set, ports_answer *answer, void *arg)
{
	struct entry *e = entry_new(set, ports_next(set), ENTRY_ONCE);

	if (e)
		e->step = set->node->profile.step;
	return question_new(e, answer, arg);
}

void ports_cancel(struct ports_question *q)
{
	if (!q)
		return;
	ev_timer_stop(q->loop, &q->timer);
	LIST_REMOVE(q, link);
	free(q);
}

int ports_take(struct ports *set, uint16_t *ret_port, struct addr *ret_external)
{
	const struct node *node = set->node;
	struct entry *e;

	if (!profile_is_stable(&node->profile) && node->profile.mapping != PROFILE_MAPPING_UNKNOWN)
		return -ENODATA;
	if (ports_are_kept(set)) {
		*ret_port = ports_next(set);
		return ports_external(set, *ret_port, ret_external);
	}
	TAILQ_FOREACH(e, &set->entries, link)
		if (e->use == ENTRY_POOL && e->known)
			break;
	if (!e)
		return node->n_observers > 0 ? -EAGAIN : -ENODATA;
	e->use = ENTRY_TAKEN;
	*ret_port = e->local_port;
	*ret_external = e->external;
	ports_refill(set);
	return 0;
}

void ports_release(struct ports *set, uint16_t local_port)
{
	struct entry *e = find(set, local_port);

	if (e && e->use == ENTRY_TAKEN)
		entry_free(e);
}

void ports_refill(struct ports *set)
{
	const struct node *node = set->node;
	struct entry *e;
	size_t n = 0;

	if (!profile_is_stable(&node->profile) || ports_are_kept(set) || ev_is_active(&set->filler))
		return;
	TAILQ_FOREACH(e, &set->entries, link)
		n += e->use == ENTRY_POOL;
	while (n++ < PORTS_POOL)
		if (!entry_new(set, ports_next(set), ENTRY_POOL))
			return;
}

static void on_fill(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	ports_refill(w->data);
}

void ports_rebound(struct ports *set)
{
	struct entry *e, *next;

	for (e = TAILQ_FIRST(&set->entries); e; e = next) {
		next = TAILQ_NEXT(e, link);
		/* Who waits for the first answer gets the new one; what was known is void. */
		if (e->known || LIST_EMPTY(&e->questions))
			entry_free(e);
	}
	ports_refill(set);
}

uint16_t ports_next(struct ports *set)
{
	uint32_t n = atomic_fetch_add_explicit(&set->cursor->next, 1, memory_order_relaxed);

	return (uint16_t)(CURSOR_PORT_FIRST + n % CURSOR_PORT_COUNT);
}

int ports_cursor_fd(const struct ports *set)
{
	return set->cursor_fd;
}

static int make_cursor(struct ports *set)
{
	void *page = MAP_FAILED;

	set->cursor_fd = memfd_create("boxer-cursor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (set->cursor_fd < 0)
		return -errno;
	if (ftruncate(set->cursor_fd, sizeof(*set->cursor)) == 0)
		page = mmap(NULL, sizeof(*set->cursor), PROT_READ | PROT_WRITE, MAP_SHARED,
			    set->cursor_fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	set->cursor = page;
	/*
	 * A node that starts again should not begin where the last one did; and two
	 * behind one NAT must not use the same port towards the same peer, for the
	 * NAT can't keep it for both: the golden ratio keeps all ids apart.
	 */
	atomic_store(&set->cursor->next, (uint32_t)(clock_now() / NS_PER_MS) +
						 set->node->id * (CURSOR_PORT_COUNT * 618 / 1000));
	return 0;
}

struct ports *ports_new(struct node *node)
{
	struct ports *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->node = node;
	TAILQ_INIT(&set->entries);
	LIST_INIT(&set->orphans);
	ev_timer_init(&set->filler, on_fill, 0., 0.);
	set->filler.data = set;
	ev_timer_init(&set->sweeper, on_sweep, SWEEP_S, SWEEP_S);
	set->sweeper.data = set;
	if (make_cursor(set) < 0) {
		ports_free(set);
		return NULL;
	}
	ev_timer_start(node->loop, &set->sweeper);
	return set;
}

void ports_free(struct ports *set)
{
	if (!set)
		return;
	while (!TAILQ_EMPTY(&set->entries))
		entry_free(TAILQ_FIRST(&set->entries));
	while (!LIST_EMPTY(&set->orphans))
		ports_cancel(LIST_FIRST(&set->orphans));
	ev_timer_stop(set->node->loop, &set->sweeper);
	ev_timer_stop(set->node->loop, &set->filler);
	if (set->cursor)
		(void)munmap(set->cursor, sizeof(*set->cursor));
	if (set->cursor_fd >= 0)
		(void)close(set->cursor_fd);
	free(set);
}
