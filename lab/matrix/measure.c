/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/matrix/measure.h"

#include "base/cleanup.h"
#include "lab/run/survey.h"

#include <ev.h>
#include <stdlib.h>

/**
 * struct measuring - under way
 * @nats: those that cells need; @of: where each is in the grid
 */
struct measuring {
	struct grid *grid;
	const struct measure_watch *watch;
	struct ev_loop *loop;
	struct ev_io io[2];
	struct survey_nat nats[GRID_NATS_MAX + 1];
	size_t of[GRID_NATS_MAX + 1];
	size_t n;
	struct survey *survey;
	bool ended;
};

static void on_watch(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct measuring *m = io->data;

	(void)loop;
	(void)revents;
	m->ended = m->watch->hear(m->watch->arg);
}

static int begin(struct measuring *m, struct error *err)
{
	m->loop = ev_loop_new(EVFLAG_AUTO);
	m->grid->measured = calloc(m->grid->n_measured, sizeof(*m->grid->measured));
	if (!m->loop || !m->grid->measured)
		return error_sys(err, ENOMEM, "the NATs");
	for (size_t i = 0; i < ARRAY_SIZE(m->io); i++) {
		ev_io_init(&m->io[i], on_watch, m->watch->fds[i], EV_READ);
		m->io[i].data = m;
		ev_io_start(m->loop, &m->io[i]);
	}
	for (size_t i = 0; i < m->grid->n_measured; i++) {
		if (!grid_needs(m->grid, i))
			continue;
		m->of[m->n] = i;
		m->nats[m->n++] = (struct survey_nat){m->grid->nats[i]->preset, m->grid->nats[i]};
	}
	return survey_start(m->loop, m->nats, m->n, 0, &m->survey, err);
}

static void keep(const struct measuring *m)
{
	const struct natcheck_target *targets = survey_targets(m->survey);

	for (size_t i = 0; i < m->n; i++)
		m->grid->measured[m->of[i]] = (struct grid_measured){
			.known = targets[i].done,
			.failure = targets[i].failure,
			.part = targets[i].measured,
			.differences = targets[i].differences,
		};
}

int measure_nats(struct grid *grid, const struct measure_watch *watch, struct error *err)
{
	struct measuring m = {.grid = grid, .watch = watch};
	int r = begin(&m, err);

	while (r == 0 && !m.ended && survey_left(m.survey))
		(void)ev_run(m.loop, EVRUN_ONCE);
	if (r == 0)
		keep(&m);
	survey_free(m.survey);
	if (m.loop)
		ev_loop_destroy(m.loop);
	return r;
}
