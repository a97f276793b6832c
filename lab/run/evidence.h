/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for evidence: what a path proof (lab/proof) is judged by, read from
 * the kernel before a step and after it: the flow tables of the NATs in between,
 * and what every link of the internet has carried.
 */
#ifndef LAB_RUN_EVIDENCE_H
#define LAB_RUN_EVIDENCE_H

#include "lab/proof.h"
#include "lab/run/world.h"

struct carrier;

/**
 * struct evidence - of one step; zeroed before it is begun
 * @proto: of the connection; 0: TCP. The caller's to set, after it was begun
 * @from_port: of the connecting end, where that is known; 0: it is known by the port that
 *	the other listens on. The caller's to set, too
 * @from, @to: the first program of "run" and the first of "serve" are theirs
 * @routers: indices into plan.nats of the NATs in between
 * @known: what was in their tables before, sorted by id
 * @carriers: the internet's links, and what they had carried before, then meanwhile
 */
struct evidence {
	struct world *world;
	const struct scenario_step *step;
	uint8_t proto;
	uint16_t from_port;
	const struct plan_node *from, *to;
	size_t routers[PROOF_ROUTERS_MAX];
	struct proof_known *known[PROOF_ROUTERS_MAX];
	size_t n_known[PROOF_ROUTERS_MAX];
	size_t n_routers;
	struct carrier *carriers;
	size_t n_carriers;
	uint64_t began, ended;
};

/** evidence_begin() - before anything of @step is started. Return: 0, or -errno. */
int evidence_begin(struct evidence *evidence, struct world *world, const struct scenario_step *step,
		   struct error *err);
/** evidence_end() - after the programs of "run" have ended. Return: 0, or -errno. */
int evidence_end(struct evidence *evidence, struct error *err);
/**
 * evidence_judge() - hold it against what the program says
 * @sent, @received: bytes that it says it moved
 *
 * Return: 0, or -ENOMEM.
 */
int evidence_judge(const struct evidence *evidence, uint64_t sent, uint64_t received,
		   struct proof *ret_proof);
/** evidence_free() - zeroed is legal. */
void evidence_free(struct evidence *evidence);

#endif
