/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * The seed answers a JOIN with the flag "visit" with the visitor's own record,
 * which has the mapping in it. Then a probe asks it to dial in; the record comes
 * again when that tells something. A visit is over when all is known, when the
 * probe is over, when the seed goes, or when its time is up, with what is known by then.
 */
#include "boxer/visit.h"

#include "base/clock.h"
#include "boxer/channel.h"
#include "boxer/probe.h"
#include "boxer/uplink.h"

#include <sodium.h>
#include <string.h>

/** struct visit - one under way; @measured: the record has come */
struct visit {
	const struct visit_config *config;
	struct ev_loop *loop;
	struct uplink *uplink;
	struct probe *probe;
	struct ev_timer deadline;
	uint8_t token[FRAME_TOKEN_LEN];
	struct visit_result result;
	bool measured;
	enum reason reason;
};

static void end(const struct visit *v)
{
	ev_break(v->loop, EVBREAK_ALL);
}

static void on_deadline(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct visit *v = w->data;

	(void)loop;
	(void)revents;
	v->reason = REASON_TIMEOUT;
	end(v);
}

static void on_joined(void *arg, const struct frame_joined *joined, const struct addr *local)
{
	struct visit *v = arg;

	v->result.inside = *local;
	v->result.outside = joined->observed;
	ev_timer_start(v->loop, &v->deadline);
}

static void on_ask(void *arg, uint16_t external_port)
{
	const struct visit *v = arg;

	uplink_ask_probe(v->uplink, external_port);
}

static void on_over(void *arg)
{
	end(arg);
}

static void start_probe(struct visit *v)
{
	const struct probe_config config = {
		.loop = v->loop,
		.inside = v->result.inside,
		.observer = v->config->seed[0],
		.key = v->config->key,
		.ask = on_ask,
		.over = on_over,
		.arg = v,
	};

	v->probe = probe_start(&config);
}

static void on_member(void *arg, const struct frame_member *member)
{
	struct visit *v = arg;
	const struct profile *p = &member->profile;
	bool all = profile_is_public(p) || (p->filtering != PROFILE_FILTERING_UNKNOWN &&
					    p->refusal != PROFILE_REFUSAL_UNKNOWN);

	v->measured = true;
	v->result.profile = *p;
	if (!all && !v->probe)
		start_probe(v);
	if (all || !v->probe)
		end(v);
}

static void on_gone(void *arg, const struct frame_gone *gone)
{
	(void)arg;
	(void)gone;
}

static void on_frame(void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	(void)arg;
	(void)type;
	(void)body;
	(void)len;
}

static void on_lost(void *arg, enum reason reason)
{
	struct visit *v = arg;

	v->reason = reason;
	end(v);
}

static const struct uplink_ops uplink_ops = {on_joined, on_member, on_gone, on_frame,
					     on_lost,	on_lost,   on_lost};

static void run(struct visit *v)
{
	struct uplink_config config = {
		.loop = v->loop,
		.n_seed = v->config->n_seed,
		.key = v->config->key,
		.name = v->config->name,
		.flags = FRAME_FLAG_VISIT,
		.deadline = clock_now() + v->config->timeout_ns,
		.silence_ns = CHANNEL_SILENCE_NS,
		.ops = &uplink_ops,
		.arg = v,
	};

	(void)memcpy(config.seed, v->config->seed, sizeof(config.seed));
	(void)memcpy(config.token, v->token, sizeof(config.token));
	ev_timer_init(&v->deadline, on_deadline, 1e-9 * (double)VISIT_NS, 0.);
	v->deadline.data = v;
	v->uplink = uplink_new(&config);
	if (v->uplink)
		ev_run(v->loop, 0);
	else
		v->reason = REASON_LOCAL;
	ev_timer_stop(v->loop, &v->deadline);
	probe_free(v->probe);
	uplink_free(v->uplink);
}

enum reason visit(const struct visit_config *config, struct visit_result *ret_result)
{
	struct visit v = {.config = config, .loop = ev_loop_new(0)};

	if (!v.loop)
		return REASON_LOCAL;
	randombytes_buf(v.token, sizeof(v.token));
	run(&v);
	ev_loop_destroy(v.loop);
	/* Once it has told us something, its going is no loss. */
	if (!v.measured)
		return v.reason;
	*ret_result = v.result;
	return REASON_NONE;
}
