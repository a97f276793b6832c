/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * One packet socket for each inner end: it receives what the outer end behind
 * it sends, and sends what comes from the other end of the wire. Direction i is
 * what socket i receives; it leaves by socket i ^ 1. Frames are passed on as the
 * kernel gave them, with a virtio header that says which checksum is still to be
 * computed and into which segments the frame is to be cut: nobody ever does either
 * as long as the frame stays on this machine.
 *
 * The stack of the inner namespace sees every frame, too, and drops it, as it is
 * addressed to somebody else. What an inner end itself would send is nobody's:
 * its namespace has no addresses.
 *
 * A frame with time to spare waits in its direction's FIFO. due[] has the deadline
 * of each FIFO's first frame, side by side, since it is searched at each wake-up.
 * One timerfd has the earliest of them: it takes absolute deadlines and, unlike
 * the timeouts of poll() and its like, knows no timer slack. A frame's time begins
 * when it is received, which is when the clock is read: were it read once per
 * wake-up, frames would be early.
 */
#include "topo/wire.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "topo/ns.h"
#include "topo/wire_msg.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* The largest frame that the kernel cuts into segments, and its headers. */
#define FRAME_MAX (65536 + 256)
#define VNET_LEN  sizeof(struct virtio_net_hdr)
/* How many frames of one direction are taken before the others have a turn. */
#define TURN_MAX   64U
#define EVENTS_MAX 64
/* As far as the machine's net.core.rmem_max lets it be so. */
#define SOCKET_BYTES (4 << 20)
#define NEVER	     UINT64_MAX

/* Event data: a direction, or one of these. */
#define EVENT_TIMER   (UINT32_MAX - 1)
#define EVENT_CONTROL UINT32_MAX

/* A frame under way, with its virtio header before it. */
struct held {
	struct held *next;
	uint64_t due;
	size_t len;
	uint8_t frame[];
};

/**
 * struct direction - what one end of a link sends
 * @stream: fate_stream()
 * @first, @last: those under way, in order
 * @bytes: of those under way
 */
struct direction {
	uint64_t stream;
	struct fate_spec spec;
	struct held *first, *last;
	size_t bytes;
	struct wire_stats stats;
};

/**
 * struct wires - all of them; the arrays but @links have one entry for each direction
 * @links: the number of each wire's link
 * @total: bytes under way
 * @armed: what the timer is set to; NEVER: not
 */
struct wires {
	size_t n;
	size_t *links;
	int *socks;
	struct direction *directions;
	uint64_t *due;
	size_t total;
	int epoll;
	int timer;
	uint64_t armed;
	uint8_t frame[FRAME_MAX];
};

/* Frames that the kernel would not give or take are counted where that happens. */
static void pass(struct wires *wires, size_t i, const uint8_t *frame, size_t len)
{
	struct wire_stats *stats = &wires->directions[i].stats;
	ssize_t n;

	do
		n = send(wires->socks[i ^ 1], frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		stats->refused++;
		return;
	}
	stats->passed++;
	stats->passed_bytes += len - VNET_LEN;
}

static bool has_room(const struct wires *wires, const struct direction *d, size_t len)
{
	return d->stats.queued < WIRE_QUEUE_PACKETS && d->bytes + len <= WIRE_QUEUE_BYTES &&
	       wires->total + len <= WIRE_TOTAL_BYTES;
}

static void hold(struct wires *wires, size_t i, uint64_t due, const uint8_t *frame, size_t len)
{
	struct direction *d = &wires->directions[i];
	struct held *held = has_room(wires, d, len) ? malloc(sizeof(*held) + len) : NULL;

	if (!held) {
		d->stats.overflowed++;
		return;
	}
	held->next = NULL;
	held->due = due;
	held->len = len;
	(void)memcpy(held->frame, frame, len);
	if (d->first)
		d->last->next = held;
	else
		d->first = held;
	d->last = held;
	if (d->first == held)
		wires->due[i] = due;
	d->stats.queued++;
	d->bytes += len;
	wires->total += len;
}

static void drop_first(struct wires *wires, size_t i)
{
	struct direction *d = &wires->directions[i];
	struct held *held = d->first;

	d->first = held->next;
	wires->due[i] = held->next ? held->next->due : NEVER;
	d->stats.queued--;
	d->bytes -= held->len;
	wires->total -= held->len;
	free(held);
}

static void judge(struct wires *wires, size_t i, const uint8_t *frame, size_t len)
{
	struct direction *d = &wires->directions[i];
	struct fate fate = fate_of(&d->spec, d->stream, d->stats.taken++);
	uint64_t now = clock_now();
	uint64_t due = now + fate.delay_ns;

	if (fate.lost) {
		d->stats.lost++;
		return;
	}
	/* None overtakes: who comes early waits behind the first of the FIFO. */
	if (!d->first && due <= now)
		pass(wires, i, frame, len);
	else
		hold(wires, i, due, frame, len);
}

/* Takes in what waits, but no more than @max frames. */
static void take(struct wires *wires, size_t i, unsigned int max)
{
	while (max--) {
		ssize_t n = recv(wires->socks[i], wires->frame, sizeof(wires->frame),
				 MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EAGAIN)
			return;
		/* ENETDOWN is no frame but news: the end went down, or went. */
		if (n < 0 && (errno == EINTR || errno == ENETDOWN))
			continue;
		if (n < (ssize_t)(VNET_LEN + ETH_HLEN) || n > (ssize_t)sizeof(wires->frame))
			wires->directions[i].stats.missed++;
		else
			judge(wires, i, wires->frame, (size_t)n);
	}
}

static void release(struct wires *wires)
{
	uint64_t now = clock_now();

	for (size_t i = 0; i < 2 * wires->n; i++) {
		while (wires->due[i] <= now) {
			struct held *held = wires->directions[i].first;

			pass(wires, i, held->frame, held->len);
			drop_first(wires, i);
		}
	}
}

/* Setting the timer also takes back that it went off. */
static int arm(struct wires *wires)
{
	struct itimerspec when = {0};
	uint64_t earliest = NEVER;

	for (size_t i = 0; i < 2 * wires->n; i++)
		if (wires->due[i] < earliest)
			earliest = wires->due[i];
	if (earliest == wires->armed)
		return 0;
	if (earliest != NEVER) {
		when.it_value.tv_sec = (time_t)(earliest / NS_PER_S);
		when.it_value.tv_nsec = (long)(earliest % NS_PER_S);
	}
	wires->armed = earliest;
	return timerfd_settime(wires->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

/* Return: the direction that a request is about, or -ENOENT. */
static int find(const struct wires *wires, const struct wire_request *request)
{
	if (request->end != 0 && request->end != 1)
		return -ENOENT;
	for (size_t i = 0; i < wires->n; i++)
		if (wires->links[i] == request->link)
			return (int)(2 * i) + request->end;
	return -ENOENT;
}

static int set_spec(struct wires *wires, size_t i, const struct fate_spec *spec)
{
	int r = fate_check(spec, NULL);

	if (r < 0)
		return r;
	/* What was sent before the request is under the old one. */
	take(wires, i, WIRE_QUEUE_PACKETS);
	wires->directions[i].spec = *spec;
	return 0;
}

/* What the kernel's socket had no room for, from one reading to the next. */
static uint64_t drops_of(const struct wires *wires, size_t i)
{
	struct tpacket_stats kernels = {0};
	socklen_t len = sizeof(kernels);

	if (getsockopt(wires->socks[i], SOL_PACKET, PACKET_STATISTICS, &kernels, &len) < 0)
		return 0;
	return kernels.tp_drops;
}

static struct wire_stats read_stats(struct wires *wires, size_t i)
{
	/* What was sent before the request counts. */
	take(wires, i, WIRE_QUEUE_PACKETS);
	wires->directions[i].stats.missed += drops_of(wires, i);
	return wires->directions[i].stats;
}

/* Nothing is passed on: one wire's last frame would be the first one of another. */
static void restart(struct wires *wires)
{
	for (size_t i = 0; i < 2 * wires->n; i++) {
		for (unsigned int k = 0; k < WIRE_QUEUE_PACKETS; k++)
			if (recv(wires->socks[i], wires->frame, 1, MSG_DONTWAIT) < 0 &&
			    errno == EAGAIN)
				break;
		while (wires->directions[i].first)
			drop_first(wires, i);
		(void)drops_of(wires, i);
		wires->directions[i].stats = (struct wire_stats){0};
	}
}

static struct wire_answer answer(struct wires *wires, const struct wire_request *request)
{
	struct wire_answer said = {.serial = request->serial};
	int i = find(wires, request);

	if (request->op == WIRE_OP_RESTART)
		restart(wires);
	else if (i < 0)
		said.code = i;
	else if (request->op == WIRE_OP_SET)
		said.code = set_spec(wires, (size_t)i, &request->spec);
	else if (request->op == WIRE_OP_STATS)
		said.stats = read_stats(wires, (size_t)i);
	else
		said.code = -EINVAL;
	return said;
}

/* Return: 1, 0 when the other end is closed, or -errno. */
static int serve(struct wires *wires, int control)
{
	struct wire_request request;
	struct wire_answer said;
	ssize_t n = recv(control, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	if (n != sizeof(request))
		return -EPROTO;
	said = answer(wires, &request);
	/* One who does not read the answers does not get more of them. */
	(void)send(control, &said, sizeof(said), MSG_DONTWAIT | MSG_NOSIGNAL);
	return 1;
}

static int watch(struct wires *wires, int fd, uint32_t what, struct error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};

	if (epoll_ctl(wires->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return error_sys(err, errno, "cannot watch a wire");
	return 0;
}

int wires_run(struct wires *wires, int control)
{
	struct epoll_event events[EVENTS_MAX];
	int r = watch(wires, control, EVENT_CONTROL, NULL);

	if (r < 0)
		return r;
	for (r = 1; r > 0;) {
		bool asked = false;
		int n = epoll_wait(wires->epoll, events, EVENTS_MAX, -1);
		int armed;

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == EVENT_CONTROL)
				asked = true;
			else if (events[i].data.u32 != EVENT_TIMER)
				take(wires, events[i].data.u32, TURN_MAX);
		}
		if (asked)
			r = serve(wires, control);
		release(wires);
		armed = arm(wires);
		if (armed < 0)
			return armed;
	}
	return r;
}

static int set_option(int fd, int option, struct error *err, const char *name)
{
	int on = 1;

	if (setsockopt(fd, SOL_PACKET, option, &on, sizeof(on)) < 0)
		return error_sys(err, errno, "packet sockets: %s", name);
	return 0;
}

static int set_options(int fd, struct error *err)
{
	int on = 1, bytes = SOCKET_BYTES;
	int r = set_option(fd, PACKET_VNET_HDR, err, "PACKET_VNET_HDR");

	if (!r)
		r = set_option(fd, PACKET_QDISC_BYPASS, err, "PACKET_QDISC_BYPASS");
	/* Since Linux 4.20; frames that bypass the qdisc are not shown as outgoing ones
	 * anyway, and there are no others. */
	(void)setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	/* Only the machine's root may pass net.core.rmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return r;
}

static int open_end(struct wires *wires, size_t i, int netns, int ifindex, struct error *err)
{
	/* Nothing is received before bind() says from where: the protocol is 0. */
	int fd = ns_socket(netns, AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0, err);
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int r;

	if (fd < 0)
		return fd;
	wires->socks[i] = fd;
	r = set_options(fd, err);
	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)&ll, sizeof(ll)) < 0)
		return error_sys(err, errno, "packet socket of interface %d", ifindex);
	return watch(wires, fd, (uint32_t)i, err);
}

static int open_wire(struct wires *wires, size_t i, int netns, const struct wire *wire,
		     uint64_t seed, struct error *err)
{
	wires->links[i] = wire->link;
	for (unsigned int end = 0; end < 2; end++) {
		struct direction *d = &wires->directions[2 * i + end];
		int r = open_end(wires, 2 * i + end, netns, wire->ifindex[end], err);

		if (r < 0 && err)
			return error_wrap(err, "wire of link %zu", wire->link);
		if (r < 0)
			return r;
		d->spec = wire->from[end];
		d->stream = fate_stream(seed, wire->link, end);
	}
	return 0;
}

static struct wires *wires_new(size_t n)
{
	struct wires *wires = calloc(1, sizeof(*wires));

	if (!wires)
		return NULL;
	wires->epoll = epoll_create1(EPOLL_CLOEXEC);
	wires->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	wires->armed = NEVER;
	wires->links = calloc(n + 1, sizeof(*wires->links));
	wires->socks = calloc(2 * n + 1, sizeof(*wires->socks));
	wires->directions = calloc(2 * n + 1, sizeof(*wires->directions));
	wires->due = calloc(2 * n + 1, sizeof(*wires->due));
	if (wires->links && wires->socks && wires->directions && wires->due) {
		wires->n = n;
		for (size_t i = 0; i < 2 * n; i++) {
			wires->socks[i] = -1;
			wires->due[i] = NEVER;
		}
		return wires;
	}
	wires_free(wires);
	return NULL;
}

int wires_open(int netns, const struct wire *wires, size_t n, uint64_t seed,
	       struct wires **ret_wires, struct error *err)
{
	struct wires *made = wires_new(n);
	int r = 0;

	if (!made)
		return error_sys(err, ENOMEM, "wires");
	if (made->epoll < 0 || made->timer < 0)
		r = error_sys(err, EMFILE, "wires");
	if (!r)
		r = watch(made, made->timer, EVENT_TIMER, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = open_wire(made, i, netns, &wires[i], seed, err);
	if (r < 0)
		wires_free(made);
	else
		*ret_wires = made;
	return r;
}

static int compare_fds(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void wires_close_others(const struct wires *wires, int control)
{
	size_t n = 2 * wires->n + 3;
	cleanup_free int *kept = calloc(n, sizeof(*kept));
	unsigned int from = STDERR_FILENO + 1;

	if (!kept)
		return;
	(void)memcpy(kept, wires->socks, 2 * wires->n * sizeof(*kept));
	kept[n - 3] = wires->epoll;
	kept[n - 2] = wires->timer;
	kept[n - 1] = control;
	qsort(kept, n, sizeof(*kept), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (kept[i] < (int)from)
			continue;
		if (kept[i] > (int)from)
			(void)close_range(from, (unsigned int)kept[i] - 1, 0);
		from = (unsigned int)kept[i] + 1;
	}
	(void)close_range(from, ~0U, 0);
}

void wires_free(struct wires *wires)
{
	if (!wires)
		return;
	for (size_t i = 0; i < 2 * wires->n; i++) {
		while (wires->directions[i].first)
			drop_first(wires, i);
		if (wires->socks[i] >= 0)
			(void)close(wires->socks[i]);
	}
	if (wires->epoll >= 0)
		(void)close(wires->epoll);
	if (wires->timer >= 0)
		(void)close(wires->timer);
	free(wires->links);
	free(wires->socks);
	free(wires->directions);
	free(wires->due);
	free(wires);
}
