/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Per port there is a queue of connections and a list of signals. There are
 * never more signals on the way than the listener's accept queue has room for:
 * the kernel would drop the SYN of one too many, and it would come a second
 * later, out of order. A fetched signal makes room for the next one.
 *
 * A signal lives from its connect() to its fetch. When it breaks before that,
 * its listener was closed or its program has died: if nobody listens on the
 * port any more the connections that wait for it are reset, as the kernel does
 * with a listener's queue; else (another process of the program still listens)
 * a fresh signal is sent, after a pause that grows. A listener that takes signals
 * and never fetches does not run under the shim: after HANDOFF_BREAKS_MAX of them
 * in a row it is given up, and what waits for it is reset.
 */
#include "boxer/handoff.h"

#include "base/cleanup.h"
#include "boxer/local.h"
#include "boxer/sock.h"

#include <stdbool.h>
#include <sys/queue.h>

struct waiting {
	TAILQ_ENTRY(waiting) link;
	int fd;
	struct addr remote;
};

struct signal {
	LIST_ENTRY(signal) link;
	struct port *port;
	struct ev_io io;
	struct addr from;
	bool sent; /* its one byte is out */
};

struct port {
	LIST_ENTRY(port) link;
	struct handoff *set;
	uint16_t number;
	TAILQ_HEAD(, waiting) queue;
	LIST_HEAD(, signal) signals;
	size_t n_queued, n_signals;
	unsigned breaks; /* signals in a row that broke unfetched */
	struct ev_timer timer;
};

struct handoff {
	struct ev_loop *loop;
	struct addr inside;
	LIST_HEAD(, port) ports;
	size_t pending;
	uint16_t next_source;
};

static void signal_free(struct signal *s)
{
	ev_io_stop(s->port->set->loop, &s->io);
	/* A reset leaves no TIME_WAIT entry, and the shim has replaced its end. */
	sock_reset(s->io.fd);
	LIST_REMOVE(s, link);
	s->port->n_signals--;
	free(s);
}

static void waiting_free(struct port *p, struct waiting *w)
{
	TAILQ_REMOVE(&p->queue, w, link);
	p->n_queued--;
	p->set->pending--;
	if (w->fd >= 0)
		sock_reset(w->fd);
	free(w);
}

static void port_free(struct port *p)
{
	while (!TAILQ_EMPTY(&p->queue))
		waiting_free(p, TAILQ_FIRST(&p->queue));
	while (!LIST_EMPTY(&p->signals))
		signal_free(LIST_FIRST(&p->signals));
	ev_timer_stop(p->set->loop, &p->timer);
	LIST_REMOVE(p, link);
	free(p);
}

static void tend(struct port *p);

static void on_pause_over(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	tend(w->data);
}

/* Something went wrong that may be right in a moment; at last, give the port up. */
static void tend_later(struct port *p)
{
	if (++p->breaks > HANDOFF_BREAKS_MAX) {
		port_free(p);
		return;
	}
	if (ev_is_active(&p->timer))
		return;
	ev_timer_set(&p->timer, 1e-9 * (double)(HANDOFF_PAUSE_NS << (p->breaks - 1)), 0.);
	ev_timer_start(p->set->loop, &p->timer);
}

static void on_signal(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct signal *s = w->data;
	struct port *p = s->port;
	int r = sock_error(w->fd);

	if (r == 0 && revents & EV_WRITE && !s->sent) {
		/* A listener with TCP_DEFER_ACCEPT wakes for data only. */
		if (send(w->fd, "", 1, MSG_NOSIGNAL) == 1) {
			s->sent = true;
			ev_io_stop(loop, w);
			ev_io_set(w, w->fd, EV_READ);
			ev_io_start(loop, w);
			return;
		}
		r = -errno;
	}
	/* Nobody ever sends on a signal: readable means its other end has gone. */
	(void)r;
	signal_free(s);
	tend_later(p);
}

static int connect_signal(struct handoff *h, const struct sock_listener *l, int fd,
			  struct addr *ret_from)
{
	struct addr from = addr_v4(LOCAL_SIGNAL_NET | h->next_source, 0);
	struct addr to = addr_is_any(&l->bound) ? addr_v4(INADDR_LOOPBACK, 0) : l->bound;
	struct sockaddr_storage ss;
	const int one = 1;
	int len, r;

	/* 127.77.0.0 itself is a network address; stay off both ends. */
	h->next_source = h->next_source >= 0xfffe ? 1 : (uint16_t)(h->next_source + 1);
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	len = addr_to_sockaddr(&from, AF_INET, &ss);
	if (bind(fd, (struct sockaddr *)&ss, (socklen_t)len) < 0)
		return -errno;
	to.port = l->bound.port;
	r = sock_connect(fd, &to, AF_INET);
	return r < 0 ? r : sock_local(fd, ret_from);
}

static int send_signal(struct port *p, const struct sock_listener *l)
{
	struct handoff *h = p->set;
	cleanup_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct signal *s;
	struct addr from;
	int r;

	if (fd < 0)
		return -errno;
	r = connect_signal(h, l, fd, &from);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->port = p;
	s->from = from;
	ev_io_init(&s->io, on_signal, take_fd(&fd), EV_WRITE);
	s->io.data = s;
	ev_io_start(h->loop, &s->io);
	LIST_INSERT_HEAD(&p->signals, s, link);
	p->n_signals++;
	return 0;
}

/* Send as many signals as there are connections and room; drop a port without either. */
static void tend(struct port *p)
{
	struct sock_listener l;
	size_t room;
	int r;

	if (p->n_queued == 0 && p->n_signals == 0) {
		port_free(p);
		return;
	}
	if (p->n_queued <= p->n_signals || ev_is_active(&p->timer))
		return;
	r = sock_find_listener(p->number, &p->set->inside, &l);
	if (r == -ENOENT) {
		port_free(p);
		return;
	}
	if (r < 0) {
		tend_later(p);
		return;
	}
	/* Our own signals in the accept queue are counted in .queued already. */
	room = l.backlog > l.queued ? l.backlog - l.queued : 0;
	if (p->n_signals == 0 && room == 0)
		room = 1;
	for (r = 0; r == 0 && p->n_queued > p->n_signals && room > 0; room--)
		r = send_signal(p, &l);
	if (r < 0)
		tend_later(p);
}

static struct port *port_find(const struct handoff *h, uint16_t number)
{
	struct port *p;

	LIST_FOREACH(p, &h->ports, link)
		if (p->number == number)
			return p;
	return NULL;
}

static struct port *port_get(struct handoff *h, uint16_t number)
{
	struct port *p = port_find(h, number);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->set = h;
	p->number = number;
	ev_timer_init(&p->timer, on_pause_over, 0., 0.);
	p->timer.data = p;
	TAILQ_INIT(&p->queue);
	LIST_INIT(&p->signals);
	LIST_INSERT_HEAD(&h->ports, p, link);
	return p;
}

int handoff_give(struct handoff *h, uint16_t port, int fd, const struct addr *remote)
{
	struct port *p = h->pending < HANDOFF_PENDING_MAX ? port_get(h, port) : NULL;
	struct waiting *w = p && p->n_queued < HANDOFF_PORT_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (!w) {
		sock_reset(fd);
		if (p)
			tend(p);
		return -ENOBUFS;
	}
	w->fd = fd;
	w->remote = *remote;
	TAILQ_INSERT_TAIL(&p->queue, w, link);
	p->n_queued++;
	h->pending++;
	tend(p);
	/* The listener has gone meanwhile: what waited for it has been reset. */
	return port_find(h, port) ? 0 : -ECONNABORTED;
}

int handoff_fetch(struct handoff *h, const struct addr *from, uint16_t port,
		  struct addr *ret_remote)
{
	struct signal *s = NULL;
	struct waiting *w;
	struct port *p;
	int fd;

	LIST_FOREACH(p, &h->ports, link) {
		if (p->number != port)
			continue;
		LIST_FOREACH(s, &p->signals, link)
			if (addr_equal(&s->from, from))
				break;
		break;
	}
	if (!p || !s)
		return -ENOENT;
	signal_free(s);
	p->breaks = 0;
	w = TAILQ_FIRST(&p->queue);
	if (!w) {
		tend(p);
		return -ECONNABORTED;
	}
	fd = take_fd(&w->fd);
	*ret_remote = w->remote;
	waiting_free(p, w);
	tend(p);
	return fd;
}

size_t handoff_pending(const struct handoff *h)
{
	return h->pending;
}

size_t handoff_pending_on(const struct handoff *h, uint16_t port)
{
	const struct port *p = port_find(h, port);

	return p ? p->n_queued : 0;
}

struct handoff *handoff_new(struct ev_loop *loop, const struct addr *inside)
{
	struct handoff *h = calloc(1, sizeof(*h));

	if (h) {
		h->loop = loop;
		h->inside = *inside;
		h->next_source = 1;
		LIST_INIT(&h->ports);
	}
	return h;
}

void handoff_free(struct handoff *h)
{
	if (!h)
		return;
	while (!LIST_EMPTY(&h->ports))
		port_free(LIST_FIRST(&h->ports));
	free(h);
}
