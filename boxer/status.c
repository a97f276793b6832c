/* SPDX-License-Identifier: MIT */
#include "boxer/status.h"

#include "base/cleanup.h"
#include "boxer/node.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

static void fill_head(const struct node *node, struct local_status *s)
{
	const struct frame_member *self = members_by_id(&node->members, node->id);

	s->version = LOCAL_VERSION;
	s->id = node->id;
	s->seed_state = node->seed_state;
	s->control = node->options->lazy ? LOCAL_CONTROL_LAZY : LOCAL_CONTROL_FULL;
	s->open = node->open;
	s->membership = node->members.version;
	s->started_at = node->started_at;
	s->seed = node->options->seed[0];
	s->overlay = node->overlay;
	s->external = node->external;
	s->inside = node->inside;
	s->profile = node->profile;
	s->counters = node->counters;
	(void)snprintf(s->name, sizeof(s->name), "%s", node->options->name);
	if (self)
		(void)memcpy(s->role, self->role, sizeof(s->role));
}

static void fill_peer(const struct node *node, const struct frame_member *m, struct local_peer *p)
{
	const struct history_event *last = history_last(&node->history, m->id);
	struct peer_link link = {0};

	p->id = m->id;
	(void)memcpy(p->name, m->name, sizeof(p->name));
	if (peers_link(node->peers, m->id, &link)) {
		p->link = LOCAL_LINK_UP;
		p->local = link.local;
		p->remote = link.remote;
		p->link_ns = link.took_ns;
	} else {
		if (peers_is_barred(node->peers, m->id))
			p->link = LOCAL_LINK_VIA;
		p->link_reason = peers_reason(node->peers, m->id);
	}
	if (!last)
		return;
	(void)snprintf(p->strategy, sizeof(p->strategy), "%s", last->strategy);
	p->reason = last->reason;
	p->took_ns = last->took_ns;
	p->ended_at = last->at;
}

int status_page(const struct node *node)
{
	const struct members *m = &node->members;
	size_t size = sizeof(struct local_status) + m->n * sizeof(struct local_peer);
	cleanup_close int fd = memfd_create("boxer-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct local_status *s;

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return -errno;
	fill_head(node, s);
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].id != node->id)
			fill_peer(node, &m->list[i], &s->peers[s->n_peers++]);
	(void)munmap(s, size);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}
