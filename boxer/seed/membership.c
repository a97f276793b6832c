/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * A client's .record is what is known of it, seed->members what was told of it. A
 * join is told at once. What becomes known later makes the record stale, and a
 * timer that runs only then tells all that is stale: a few observations of each of
 * some hundred members would else be as many frames to each of them.
 */
#include "boxer/seed/membership.h"

#include "base/clock.h"
#include "boxer/seed/admission.h"
#include "boxer/seed/grace.h"
#include "boxer/seed/seed.h"

#include <errno.h>
#include <string.h>

static void reject(struct client *c, const char *name, enum reason reason)
{
	uint8_t body[2];
	int len = frame_encode_reason((uint16_t)reason, body, sizeof(body));

	EMIT(&c->seed->options->events, "reject", EV_TEXT("name", name), EV_ADDR("from", &c->from),
	     EV_TEXT("reason", reason_name(reason)));
	if (len > 0)
		(void)channel_send(c->channel, FRAME_REJECT, body, (size_t)len);
	client_free(c);
}

static void send_joined(struct client *c)
{
	struct frame_joined joined = {
		.id = c->record.id,
		.overlay = c->record.overlay,
		.observed = c->record.external,
		.flags = c->seed->options->relay ? FRAME_FLAG_RELAY : 0,
	};
	uint8_t body[192];
	int len;

	joined.n_observers = listeners_observers(&c->seed->listeners, &c->at, joined.observers);
	len = frame_encode_joined(&joined, body, sizeof(body));
	if (len > 0)
		(void)channel_send(c->channel, FRAME_JOINED, body, (size_t)len);
}

/* The views in the order of the observers, for that is the order in which a node connects. */
static struct profile measure(const struct client *c)
{
	struct profile_view views[LISTENERS_MAX] = {{.observer = c->at, .seen = c->from}};
	struct profile profile = c->record.profile;
	struct addr observers[LISTENERS_MAX];
	size_t of = listeners_observers(&c->seed->listeners, &c->at, observers), n = 1;

	for (size_t i = 1; i < of; i++)
		for (size_t j = 0; j < c->seen.n; j++)
			if (addr_equal(&c->seen.views[j].observer, &observers[i]))
				views[n++] = c->seen.views[j];
	profile_measure(&profile, &c->record.inside, views, n);
	return profile;
}

static void fill_record(struct client *c, const struct frame_join *join, uint32_t id)
{
	struct frame_member *m = &c->record;

	m->id = id;
	if (id != FRAME_ID_JOINING)
		m->overlay = overlay_addr(id);
	m->external = c->from;
	m->inside = join->inside;
	m->flags = join->flags & FRAME_FLAG_RELAY;
	(void)memcpy(m->name, join->name, sizeof(m->name));
	(void)memcpy(m->role, join->role, sizeof(m->role));
	m->profile = measure(c);
}

static void visit(struct client *c, const struct frame_join *join)
{
	fill_record(c, join, FRAME_ID_JOINING);
	client_move(c, CLIENT_VISITOR);
	send_joined(c);
	client_send_record(c, &c->record);
	EMIT(&c->seed->options->events, "visit", EV_TEXT("name", join->name),
	     EV_ADDR("external", &c->from));
}

/* The same node on a new connection, while the old one lingers. */
static void supersede(struct client *c, struct client *old)
{
	for (size_t i = 0; i < old->seen.n; i++)
		(void)sighting_add(&c->seen, &old->seen.views[i]);
	c->introductions = old->introductions;
	client_free(old);
}

static void tell_all(struct client *c)
{
	struct seed *seed = c->seed;
	uint8_t body[384];
	int len;

	c->stale = false;
	c->record.version = ++seed->members.version;
	(void)members_put(&seed->members, &c->record);
	len = frame_encode_member(&c->record, body, sizeof(body));
	if (len > 0)
		clients_broadcast(&seed->clients, FRAME_MEMBER, body, (size_t)len);
}

static void enter(struct client *c, const char *event)
{
	struct seed *seed = c->seed;
	const struct profile *p = &c->record.profile;

	send_joined(c);
	for (size_t i = 0; i < seed->members.n; i++)
		if (seed->members.list[i].id != c->record.id)
			client_send_record(c, &seed->members.list[i]);
	/* Its own record comes last and says: this was everybody. */
	client_move(c, CLIENT_MEMBER);
	tell_all(c);
	EMIT(&seed->options->events, event, EV_NUMBER("id", c->record.id),
	     EV_TEXT("name", c->record.name), EV_ADDR("external", &c->record.external),
	     EV_TEXT("mapping", profile_mapping_names[p->mapping]),
	     EV_TEXT("ports", profile_ports_names[p->ports]));
}

static enum reason decide(const struct client *c, const struct frame_join *join, uint32_t same,
			  const struct places *places, uint32_t *ret_id)
{
	const struct seed_options *options = c->seed->options;
	struct admission_policy policy = {
		.members_max = options->members_max ? options->members_max : MEMBERS_MAX,
		.unique_address = options->unique_address,
		.over_provision = options->over_provision,
	};
	struct admission_request request = {
		.join = join,
		.from = c->from,
		.same = same,
	};

	return admission_decide(&policy, &c->seed->members, places, &request, c->seed->next_id,
				ret_id);
}

/* By the token that it shows. Return: its id, or FRAME_ID_JOINING. */
static uint32_t who_is(const struct seed *seed, const struct client *same,
		       const uint8_t token[static FRAME_TOKEN_LEN])
{
	const struct place *place = places_by_token(&seed->places, token);

	if (same && same->state == CLIENT_MEMBER)
		return same->record.id;
	return place ? place->id : FRAME_ID_JOINING;
}

static void take_sightings(struct client *c, const uint8_t token[static FRAME_TOKEN_LEN])
{
	struct sighting seen = sightings_take(&c->seed->sightings, token);

	for (size_t i = 0; i < seen.n; i++)
		(void)sighting_add(&c->seen, &seen.views[i]);
	(void)memcpy(c->seen.token, token, sizeof(c->seen.token));
}

void membership_join(struct client *c, const struct frame_join *join)
{
	static const struct places nobodys;
	struct seed *seed = c->seed;
	struct client *same = clients_by_token(&seed->clients, join->token);
	bool again = same && same->state == CLIENT_MEMBER;
	uint32_t known = who_is(seed, same, join->token), id;
	enum reason reason;

	take_sightings(c, join->token);
	if (join->flags & FRAME_FLAG_VISIT) {
		visit(c, join);
		return;
	}
	reason = decide(c, join, known, &nobodys, &id);
	if (reason == REASON_NONE) {
		reason = decide(c, join, known, &seed->places, &id);
		if (grace_holds(c, join, known, reason))
			return;
	}
	if (reason != REASON_NONE) {
		reject(c, join->name, reason);
		return;
	}
	if (same)
		supersede(c, same);
	fill_record(c, join, id);
	places_remove(&seed->places, id);
	if (id >= seed->next_id)
		seed->next_id = id + 1;
	ledger_change(seed);
	enter(c, again ? "rejoin" : "join");
}

void membership_part(struct client *c, enum reason reason)
{
	struct seed *seed = c->seed;
	struct frame_gone gone = {.id = c->record.id, .reason = (uint16_t)reason};
	bool was_member = c->state == CLIENT_MEMBER;
	uint8_t body[64];
	int len;

	if (was_member)
		EMIT(&seed->options->events, "leave", EV_NUMBER("id", gone.id),
		     EV_TEXT("name", c->record.name), EV_TEXT("reason", reason_name(reason)));
	client_free(c);
	if (!was_member)
		return;
	(void)members_remove(&seed->members, gone.id);
	barriers_forget(seed->barriers, gone.id);
	ledger_change(seed);
	gone.version = ++seed->members.version;
	len = frame_encode_gone(&gone, body, sizeof(body));
	if (len > 0)
		clients_broadcast(&seed->clients, FRAME_GONE, body, (size_t)len);
}

/* @profile is what is known of @c now. */
static void learn(struct client *c, const struct profile *profile)
{
	struct ev_timer *timer = &c->seed->update_timer;

	if (profile_equal(&c->record.profile, profile))
		return;
	c->record.profile = *profile;
	c->stale = true;
	if (!ev_is_active(timer)) {
		ev_timer_set(timer, 1e-9 * (double)MEMBERSHIP_UPDATE_NS, 0.);
		ev_timer_start(c->seed->loop, timer);
	}
}

void membership_saw(struct seed *seed, const uint8_t token[static FRAME_TOKEN_LEN],
		    const struct profile_view *view)
{
	struct client *c = clients_by_token(&seed->clients, token);
	struct profile profile;

	if (!c) {
		sightings_add(&seed->sightings, token, view);
		return;
	}
	(void)sighting_add(&c->seen, view);
	profile = measure(c);
	learn(c, &profile);
}

int membership_probe(struct client *c, const struct frame_probe *probe)
{
	struct seed *seed = c->seed;
	struct addr target = c->from, second;
	uint64_t now = clock_now();
	bool has_second = listeners_other_host(&seed->listeners, &c->at, &second);

	if (probe->port == 0)
		return -EPROTO;
	/* A public machine has nothing to be measured; and nobody makes us busy with his. */
	if (profile_is_public(&c->record.profile) ||
	    (c->probed_at && now - c->probed_at < PROBER_PAUSE_NS))
		return 0;
	c->probed_at = now;
	target.port = probe->port;
	(void)prober_ask(seed->prober, c, &target, &c->at, has_second ? &second : NULL);
	return 0;
}

void membership_probed(void *arg, void *who, const struct probe_finding *finding)
{
	struct client *c = who;
	struct profile profile = c->record.profile;

	(void)arg;
	/* What could not be found out this time may be known from before. */
	if (finding->filtering != PROFILE_FILTERING_UNKNOWN)
		profile.filtering = finding->filtering;
	if (finding->refusal != PROFILE_REFUSAL_UNKNOWN)
		profile.refusal = finding->refusal;
	learn(c, &profile);
}

static void update(struct client *c)
{
	const struct profile *p = &c->record.profile;

	if (c->state == CLIENT_MEMBER) {
		tell_all(c);
	} else {
		c->stale = false;
		client_send_record(c, &c->record);
	}
	EMIT(&c->seed->options->events, "profile", EV_NUMBER("id", c->record.id),
	     EV_TEXT("name", c->record.name), EV_TEXT("mapping", profile_mapping_names[p->mapping]),
	     EV_TEXT("ports", profile_ports_names[p->ports]),
	     EV_TEXT("filtering", profile_filtering_names[p->filtering]),
	     EV_TEXT("refusal", profile_refusal_names[p->refusal]));
}

static void on_update(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct seed *seed = w->data;
	struct client *c;

	(void)loop;
	(void)revents;
	for (int i = CLIENT_VISITOR; i < CLIENT_STATES; i++)
		TAILQ_FOREACH(c, &seed->clients.lists[i], link)
			if (c->stale)
				update(c);
}

void membership_start(struct seed *seed)
{
	ev_timer_init(&seed->update_timer, on_update, 0., 0.);
	seed->update_timer.data = seed;
}

void membership_stop(struct seed *seed)
{
	ev_timer_stop(seed->loop, &seed->update_timer);
	members_free(&seed->members);
}
