/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/clock.h"
#include "boxer/client/handle.h"
#include "boxer/profile.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The file is sealed, so it does not shrink under our eyes. */
static int map(int fd, struct client_status *ret_status)
{
	struct client_status s;
	struct stat st;
	void *page;

	if (fstat(fd, &st) < 0)
		return -errno;
	s.size = (size_t)st.st_size;
	if (s.size < sizeof(*s.page))
		return -EPROTO;
	page = mmap(NULL, s.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (page == MAP_FAILED)
		return -errno;
	s.page = page;
	if (s.page->version != LOCAL_VERSION ||
	    s.page->n_peers > (s.size - sizeof(*s.page)) / sizeof(s.page->peers[0])) {
		(void)munmap(page, s.size);
		return -EPROTO;
	}
	*ret_status = s;
	return 0;
}

int client_status(const struct agent *agent, struct client_status *ret_status)
{
	struct local_request request = {.op = LOCAL_STATUS};
	struct agent_answer answer;
	int r = agent_call(agent, &request, &answer);

	if (r < 0)
		return r;
	r = client_reply(&answer.reply);
	if (r == 0)
		r = answer.n_fds == 1 ? map(answer.fds[0], ret_status) : -EPROTO;
	agent_drop_fds(&answer);
	return r;
}

void client_status_free(struct client_status *status)
{
	void *page;

	(void)memcpy(&page, &status->page, sizeof(page));
	(void)munmap(page, status->size);
}

static void put_word(char ret[static BOXER_WORD_MAX], const char *word)
{
	(void)snprintf(ret, BOXER_WORD_MAX, "%s", word);
}

static const char *word_of(const char *const *names, unsigned i, unsigned n)
{
	return names[i < n ? i : 0];
}

static void put_addr(struct sockaddr_storage *ret, const struct addr *a)
{
	(void)addr_to_sockaddr(a, a->family, ret);
}

static void put_profile(struct boxer_status *s, const struct profile *p)
{
	put_word(s->mapping, word_of(profile_mapping_names, p->mapping, PROFILE_MAPPING_COUNT));
	put_word(s->ports, word_of(profile_ports_names, p->ports, PROFILE_PORTS_COUNT));
	put_word(s->filtering,
		 word_of(profile_filtering_names, p->filtering, PROFILE_FILTERING_COUNT));
	put_word(s->refusal, word_of(profile_refusal_names, p->refusal, PROFILE_REFUSAL_COUNT));
	s->step = p->step;
}

static void put_status(struct boxer_status *s, const struct local_status *page)
{
	struct addr external = page->external;

	(void)memset(s, 0, sizeof(*s));
	s->self.id = page->id;
	s->self.self = 1;
	(void)memcpy(s->self.name, page->name, sizeof(s->self.name));
	(void)memcpy(s->self.role, page->role, sizeof(s->self.role));
	put_addr(&s->self.overlay, &page->overlay);
	put_addr(&s->inside, &page->inside);
	put_addr(&s->outside, &page->external);
	external.port = 0;
	put_addr(&s->self.external, &external);
	s->seed = (int)page->seed_state;
	s->lazy = page->control == LOCAL_CONTROL_LAZY;
	s->ready = page->open ? 1 : 0;
	s->uptime_ms = (clock_now() - page->started_at) / NS_PER_MS;
	s->version = page->membership;
	put_profile(s, &page->profile);
	s->connections = page->counters.connections;
	s->connections_failed = page->counters.connections_failed;
	s->links = page->counters.links;
	s->links_lost = page->counters.links_lost;
	s->seed_losses = page->counters.seed_losses;
}

static void put_peer(struct boxer_peer *to, const struct local_peer *from, uint64_t now)
{
	(void)memset(to, 0, sizeof(*to));
	to->id = from->id;
	(void)memcpy(to->name, from->name, sizeof(to->name));
	to->link = (int)from->link;
	put_word(to->link_reason, reason_name((enum reason)from->link_reason));
	put_addr(&to->local, &from->local);
	put_addr(&to->remote, &from->remote);
	to->link_us = from->link_ns / NS_PER_US;
	put_word(to->strategy, from->strategy);
	put_word(to->reason, reason_name((enum reason)from->reason));
	to->took_us = from->took_ns / NS_PER_US;
	to->ago_ms = from->strategy[0] ? (now - from->ended_at) / NS_PER_MS : 0;
}

API int boxer_status(struct boxer *boxer, struct boxer_status *ret_status, struct boxer_peer *peers,
		     size_t max)
{
	struct client_status s;
	uint64_t now;
	int r;

	client_begin();
	r = client_status(&boxer->agent, &s);
	if (r < 0)
		return r;
	now = clock_now();
	if (ret_status)
		put_status(ret_status, s.page);
	for (size_t i = 0; i < s.page->n_peers && i < max; i++)
		put_peer(&peers[i], &s.page->peers[i], now);
	r = (int)s.page->n_peers;
	client_status_free(&s);
	return r;
}
