/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 *	CHANNEL_HELLO	our hello is sent; waits for the other one. A hello from
 *			the wrong id, or from our own, ends it.
 *	CHANNEL_PROOF	our proof is sent; waits for the other one.
 *	CHANNEL_READY	frames flow, each with its code. Three pings in each span of
 *			silence that would end it.
 *	CHANNEL_OVER	@closed was called; nothing happens any more.
 *
 * What is sent leaves at the end of the loop's iteration, in one piece: a seed may
 * have many frames for each of its members in one. Only an owner who sends more
 * than SEND_SOON bytes, or frees the channel, makes it leave at once.
 *
 * Callbacks may free the channel. Every entry from the loop holds it by
 * @entered, and channel_free() inside one only marks it @orphaned; the entry
 * releases it when it leaves.
 */
#include "boxer/channel.h"

#include "base/clock.h"
#include "boxer/sock.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAME_MAX    (FRAME_HEADER_LEN + FRAME_BODY_MAX + FRAME_MAC_LEN)
#define SEND_SOON    (64UL * 1024)
#define OUT_KEPT_MAX (2 * FRAME_MAX)
#define BUFFER_FIRST 256UL /* a link says little, and there may be thousands */

enum channel_state { CHANNEL_HELLO, CHANNEL_PROOF, CHANNEL_READY, CHANNEL_OVER };

struct channel {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer timer;
	struct ev_prepare flusher; /* never started: fed when there is something to send */
	const struct channel_ops *ops;
	void *arg;
	const uint8_t *key;
	enum channel_state state;
	uint32_t expected; /* the peer's id, or FRAME_ID_JOINING */
	struct frame_hello mine, theirs;
	struct auth_session session;
	struct channel_pace pace;
	uint64_t heard_at;
	uint64_t check_from, check_until; /* 0: not under suspicion */
	unsigned entered;
	bool orphaned;
	bool broken; /* a send failed; the flusher tells the owner */
	uint8_t *in; /* grows with what comes, up to FRAME_MAX */
	size_t in_len, in_size;
	uint8_t *out;
	size_t out_len, out_size, out_sent;
};

static int write_out(struct channel *ch);

static void release(struct channel *ch)
{
	/* A last word, like why it is over. */
	(void)write_out(ch);
	ev_io_stop(ch->loop, &ch->io);
	ev_timer_stop(ch->loop, &ch->timer);
	(void)ev_clear_pending(ch->loop, &ch->flusher);
	(void)close(ch->io.fd);
	sodium_memzero(&ch->session, sizeof(ch->session));
	free(ch->in);
	free(ch->out);
	free(ch);
}

static void arm(struct channel *ch, uint64_t after_ns)
{
	ev_timer_stop(ch->loop, &ch->timer);
	ev_timer_set(&ch->timer, 1e-9 * (double)after_ns, 0.);
	ev_timer_start(ch->loop, &ch->timer);
}

static void enter(struct channel *ch)
{
	ch->entered++;
}

static void leave(struct channel *ch)
{
	if (--ch->entered == 0 && ch->orphaned)
		release(ch);
}

static void over(struct channel *ch, enum reason reason)
{
	if (ch->state == CHANNEL_OVER)
		return;
	ch->state = CHANNEL_OVER;
	ev_io_stop(ch->loop, &ch->io);
	ev_timer_stop(ch->loop, &ch->timer);
	(void)ev_clear_pending(ch->loop, &ch->flusher);
	if (!ch->orphaned)
		ch->ops->closed(ch, ch->arg, reason);
}

static void watch(struct channel *ch)
{
	int events = EV_READ | (ch->out_len > ch->out_sent ? EV_WRITE : 0);

	if ((ch->io.events & (EV_READ | EV_WRITE)) == events && ev_is_active(&ch->io))
		return;
	ev_io_stop(ch->loop, &ch->io);
	ev_io_set(&ch->io, ch->io.fd, events);
	ev_io_start(ch->loop, &ch->io);
}

static int write_out(struct channel *ch)
{
	while (ch->out_sent < ch->out_len) {
		ssize_t n = send(ch->io.fd, ch->out + ch->out_sent, ch->out_len - ch->out_sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		ch->out_sent += (size_t)n;
	}
	if (ch->out_sent == ch->out_len) {
		ch->out_sent = 0;
		ch->out_len = 0;
		/* A crowd that joined leaves some hundred KiB behind, for each channel. */
		if (ch->out_size > OUT_KEPT_MAX) {
			free(ch->out);
			ch->out = NULL;
			ch->out_size = 0;
		}
	}
	return 0;
}

static int flush(struct channel *ch)
{
	int r = write_out(ch);

	if (r == 0)
		watch(ch);
	return r;
}

static int reserve(struct channel *ch, size_t more)
{
	size_t need = ch->out_len + more;
	uint8_t *bigger;

	if (need - ch->out_sent > CHANNEL_QUEUE_MAX)
		return -ENOBUFS;
	if (need <= ch->out_size)
		return 0;
	if (ch->out_sent > 0) {
		(void)memmove(ch->out, ch->out + ch->out_sent, ch->out_len - ch->out_sent);
		ch->out_len -= ch->out_sent;
		ch->out_sent = 0;
		need = ch->out_len + more;
	}
	need += need / 2;
	need = need < BUFFER_FIRST ? BUFFER_FIRST : need;
	bigger = realloc(ch->out, need);
	if (!bigger)
		return -ENOBUFS;
	ch->out = bigger;
	ch->out_size = need;
	return 0;
}

static int put(struct channel *ch, uint8_t type, const uint8_t *body, size_t len)
{
	uint8_t header[FRAME_HEADER_LEN], mac[FRAME_MAC_LEN];
	bool sealed = ch->state == CHANNEL_READY;
	int r = reserve(ch, FRAME_HEADER_LEN + len + FRAME_MAC_LEN);

	if (r < 0)
		return r;
	frame_put_header(header, type, (uint32_t)len);
	(void)memcpy(ch->out + ch->out_len, header, sizeof(header));
	ch->out_len += sizeof(header);
	if (len > 0)
		(void)memcpy(ch->out + ch->out_len, body, len);
	ch->out_len += len;
	if (sealed) {
		auth_seal(&ch->session, header, body, len, mac);
		(void)memcpy(ch->out + ch->out_len, mac, sizeof(mac));
		ch->out_len += sizeof(mac);
	}
	return 0;
}

int channel_send(struct channel *ch, uint8_t type, const uint8_t *body, size_t len)
{
	int r;

	if (ch->state != CHANNEL_READY)
		return -ENOTCONN;
	if (len > FRAME_BODY_MAX)
		return -EMSGSIZE;
	r = put(ch, type, body, len);
	if (r == 0 && ch->out_len - ch->out_sent >= SEND_SOON)
		r = flush(ch);
	/* The owner may be in the middle of a loop over its channels: tell it later. */
	if (r < 0)
		ch->broken = true;
	ev_feed_event(ch->loop, &ch->flusher, EV_CUSTOM);
	return r;
}

static void send_proof(struct channel *ch)
{
	uint8_t proof[FRAME_PROOF_LEN];

	auth_prove(ch->key, &ch->mine, &ch->theirs, ch->mine.from, proof);
	(void)put(ch, FRAME_PROOF, proof, sizeof(proof));
}

static enum reason on_hello(struct channel *ch, const uint8_t *body, size_t len)
{
	if (frame_decode_hello(body, len, &ch->theirs) < 0)
		return REASON_PROTOCOL;
	/* Our own hello reflected, or somebody else than we meant to reach. */
	if (ch->theirs.from == ch->mine.from)
		return REASON_PROTOCOL;
	if (ch->expected != FRAME_ID_JOINING && ch->theirs.from != ch->expected)
		return REASON_PROTOCOL;
	/* An acceptor does not know yet whom it talks to. */
	if (ch->theirs.to != ch->mine.from && ch->theirs.to != FRAME_ID_JOINING)
		return REASON_PROTOCOL;
	send_proof(ch);
	ch->state = CHANNEL_PROOF;
	return REASON_NONE;
}

static enum reason on_proof(struct channel *ch, const uint8_t *body, size_t len)
{
	if (len != FRAME_PROOF_LEN)
		return REASON_PROTOCOL;
	if (auth_verify(ch->key, &ch->mine, &ch->theirs, body) < 0)
		return REASON_WRONG_KEY;
	auth_start(ch->key, &ch->mine, &ch->theirs, &ch->session);
	ch->state = CHANNEL_READY;
	arm(ch, ch->pace.ping);
	ch->ops->ready(ch, ch->arg);
	return REASON_NONE;
}

static enum reason on_frame(struct channel *ch, uint8_t type, const uint8_t *body, size_t len)
{
	uint16_t reason;

	/* Nobody has proven anything yet: only what a handshake can fail by is believed. */
	if (type == FRAME_REFUSE && ch->state != CHANNEL_READY &&
	    frame_decode_reason(body, len, &reason) == 0)
		return reason == REASON_WRONG_KEY || reason == REASON_WRONG_VERSION
			       ? (enum reason)reason
			       : REASON_PROTOCOL;
	switch (ch->state) {
	case CHANNEL_HELLO:
		return type == FRAME_HELLO ? on_hello(ch, body, len) : REASON_PROTOCOL;
	case CHANNEL_PROOF:
		return type == FRAME_PROOF ? on_proof(ch, body, len) : REASON_PROTOCOL;
	case CHANNEL_READY:
		if (type == FRAME_PING)
			(void)channel_send(ch, FRAME_PONG, body, len);
		else if (type != FRAME_PONG)
			ch->ops->frame(ch, ch->arg, type, body, len);
		return REASON_NONE;
	case CHANNEL_OVER:
		break;
	}
	return REASON_NONE;
}

/* Tell the other side why, once, if it will still listen. */
static void refuse(struct channel *ch, enum reason reason)
{
	uint8_t body[2];

	if (ch->state == CHANNEL_READY || ch->state == CHANNEL_OVER)
		return;
	(void)frame_encode_reason((uint16_t)reason, body, sizeof(body));
	if (put(ch, FRAME_REFUSE, body, sizeof(body)) == 0)
		(void)flush(ch);
}

/* Take whole frames off the input. Return: REASON_NONE, or why to end. */
static enum reason consume(struct channel *ch)
{
	size_t at = 0;

	while (ch->state != CHANNEL_OVER && !ch->orphaned) {
		struct frame_header h;
		bool sealed = ch->state == CHANNEL_READY;
		size_t whole;
		enum reason reason;
		int r;

		if (ch->in_len - at < FRAME_HEADER_LEN)
			break;
		r = frame_get_header(ch->in + at, &h);
		if (r < 0)
			return r == -EPROTONOSUPPORT ? REASON_WRONG_VERSION : REASON_PROTOCOL;
		whole = FRAME_HEADER_LEN + h.length + (sealed ? FRAME_MAC_LEN : 0);
		if (ch->in_len - at < whole)
			break;
		if (sealed && auth_open(&ch->session, ch->in + at, ch->in + at + FRAME_HEADER_LEN,
					h.length, ch->in + at + whole - FRAME_MAC_LEN) < 0)
			return REASON_WRONG_KEY;
		reason = on_frame(ch, h.type, ch->in + at + FRAME_HEADER_LEN, h.length);
		if (reason != REASON_NONE)
			return reason;
		at += whole;
	}
	(void)memmove(ch->in, ch->in + at, ch->in_len - at);
	ch->in_len -= at;
	return REASON_NONE;
}

static enum reason reason_of(int error)
{
	switch (error) {
	case ECONNRESET: /* its process ended: nodes close links by a reset */
	case EPIPE:
		return REASON_LEFT;
	case ETIMEDOUT:
		return REASON_TIMEOUT;
	default:
		return REASON_UNREACHABLE;
	}
}

/* No frame is larger than FRAME_MAX, and a whole one has always been taken off. */
static int make_room(struct channel *ch)
{
	size_t size = ch->in_size ? 2 * ch->in_size : BUFFER_FIRST;
	uint8_t *bigger;

	if (ch->in_len < ch->in_size)
		return 0;
	if (size > FRAME_MAX)
		size = FRAME_MAX;
	bigger = realloc(ch->in, size);
	if (!bigger)
		return -ENOMEM;
	ch->in = bigger;
	ch->in_size = size;
	return 0;
}

static void on_readable(struct channel *ch)
{
	enum reason reason;
	ssize_t n;

	if (make_room(ch) < 0) {
		over(ch, REASON_LOCAL);
		return;
	}
	n = recv(ch->io.fd, ch->in + ch->in_len, ch->in_size - ch->in_len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		over(ch, n == 0 ? REASON_LEFT : reason_of(errno));
		return;
	}
	ch->in_len += (size_t)n;
	ch->heard_at = clock_now();
	reason = consume(ch);
	if (reason != REASON_NONE) {
		refuse(ch, reason);
		over(ch, reason);
	}
}

static void flush_or_end(struct channel *ch)
{
	int r = ch->broken ? -ECONNABORTED : flush(ch);

	if (r == 0)
		return;
	/* It may have said why it goes. */
	on_readable(ch);
	if (ch->state != CHANNEL_OVER && !ch->orphaned)
		over(ch, reason_of(-r));
}

static void on_flush(struct ev_loop *loop, struct ev_prepare *w, int revents)
{
	struct channel *ch = w->data;

	(void)loop;
	(void)revents;
	enter(ch);
	flush_or_end(ch);
	leave(ch);
}

static void on_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct channel *ch = w->data;

	(void)loop;
	enter(ch);
	if (revents & EV_READ)
		on_readable(ch);
	if ((ch->out_len > ch->out_sent || revents & EV_WRITE) && ch->state != CHANNEL_OVER &&
	    !ch->orphaned)
		flush_or_end(ch);
	leave(ch);
}

static bool is_silent(const struct channel *ch, uint64_t now)
{
	return now >= ch->heard_at + ch->pace.silence ||
	       (ch->check_until != 0 && now >= ch->check_until && ch->heard_at < ch->check_from);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct channel *ch = w->data;
	uint64_t now = clock_now();

	(void)loop;
	(void)revents;
	enter(ch);
	/* After a pause of the whole process what was said meanwhile still waits unread. */
	if (ch->state == CHANNEL_READY && is_silent(ch, now))
		on_readable(ch);
	if (ch->state == CHANNEL_OVER || ch->orphaned) {
		leave(ch);
		return;
	}
	if (ch->state != CHANNEL_READY || is_silent(ch, now)) {
		over(ch, REASON_TIMEOUT);
	} else {
		ch->check_until = 0;
		(void)channel_send(ch, FRAME_PING, NULL, 0);
		arm(ch, ch->pace.ping);
	}
	leave(ch);
}

struct channel_pace channel_pace_of(uint64_t silence_ns)
{
	return (struct channel_pace){
		.handshake = CHANNEL_HANDSHAKE_NS,
		.ping = silence_ns / 3,
		.silence = silence_ns,
	};
}

void channel_set_pace(struct channel *ch, const struct channel_pace *pace)
{
	ch->pace = *pace;
	sock_tune_control(ch->io.fd, (unsigned)(pace->silence / NS_PER_MS));
	arm(ch, ch->state == CHANNEL_READY ? pace->ping : pace->handshake);
}

void channel_check(struct channel *ch, uint64_t patience_ns)
{
	if (ch->state != CHANNEL_READY || ch->broken || ch->check_until != 0)
		return;
	ch->check_from = clock_now();
	ch->check_until = ch->check_from + patience_ns;
	(void)channel_send(ch, FRAME_PING, NULL, 0);
	arm(ch, patience_ns);
}

struct channel *channel_new(struct ev_loop *loop, int fd, const uint8_t *key, uint32_t self,
			    uint32_t peer, const struct channel_ops *ops, void *arg)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	struct channel_pace pace;
	uint8_t body[64];
	int len;

	if (!ch) {
		(void)close(fd);
		return NULL;
	}
	ch->loop = loop;
	ch->ops = ops;
	ch->arg = arg;
	ch->key = key;
	ch->expected = peer;
	ch->heard_at = clock_now();
	ch->mine.from = self;
	ch->mine.to = peer;
	randombytes_buf(ch->mine.nonce, sizeof(ch->mine.nonce));
	ev_io_init(&ch->io, on_io, fd, EV_READ);
	ch->io.data = ch;
	ev_init(&ch->flusher, on_flush);
	/* After everything else that has happened in this iteration. */
	ev_set_priority(&ch->flusher, EV_MINPRI);
	ch->flusher.data = ch;
	ev_timer_init(&ch->timer, on_timer, 0., 0.);
	ch->timer.data = ch;
	pace = channel_pace_of(CHANNEL_SILENCE_NS);
	channel_set_pace(ch, &pace);
	len = frame_encode_hello(&ch->mine, body, sizeof(body));
	if (len < 0 || put(ch, FRAME_HELLO, body, (size_t)len) < 0) {
		release(ch);
		return NULL;
	}
	/* A send error shows again when the loop reads. */
	if (flush(ch) < 0)
		watch(ch);
	return ch;
}

void channel_free(struct channel *ch)
{
	if (!ch)
		return;
	ch->orphaned = true;
	ch->state = CHANNEL_OVER;
	if (ch->entered == 0)
		release(ch);
}

void channel_own(struct channel *ch, const struct channel_ops *ops, void *arg)
{
	ch->ops = ops;
	ch->arg = arg;
}

uint32_t channel_peer(const struct channel *ch)
{
	return ch->theirs.from;
}

int channel_fd(const struct channel *ch)
{
	return ch->io.fd;
}

size_t channel_queued(const struct channel *ch)
{
	return ch->out_len - ch->out_sent;
}
