/* SPDX-License-Identifier: MIT */
/*
 * Interface for what lies between the two hosts of tests/boxer/punch_sim: one
 * queue of packets, in which some are late and some are lost, and the hosts' NATs.
 */
#ifndef TESTS_BOXER_PUNCH_WIRE_H
#define TESTS_BOXER_PUNCH_WIRE_H

#include "tests/boxer/punch_sim.h"

#define WIRE_PACKETS_MAX 512

enum wire_kind { SYN, SYN_ACK, ACK, RST, DATA };
enum wire_message { HELLO, PROOF, SELECT, PING };

/**
 * struct wire_packet - a segment
 * @at, @order: when it arrives, ns; the wire's business, as is @used
 * @to: host; @path: of SIM_PATHS
 * @isn, @ack: name the connection: the sender's number, and the receiver's as the
 *	sender knows it; 0 when it doesn't
 * @number, @message: what it carries
 * @received: up to where the sender has received
 */
struct wire_packet {
	bool used;
	uint64_t at, order;
	size_t to, path;
	enum wire_kind kind;
	uint32_t isn, ack;
	unsigned number, received;
	enum wire_message message;
};

/**
 * struct wire - the network
 * @loss: percent of all packets from now on
 * @random: state of what is left to chance; the owner's
 * @hole: the host's NAT has an entry towards the other host
 */
struct wire {
	const struct sim_world *world;
	unsigned loss;
	uint64_t *random, order;
	bool hole[2];
	struct wire_packet packets[WIRE_PACKETS_MAX];
};

/** wire_send() - host @from sends it now. */
void wire_send(struct wire *w, size_t from, const struct wire_packet *packet, uint64_t now);
/** wire_next_at() - when the next packet arrives, ns; SIM_NEVER when there is none. */
uint64_t wire_next_at(const struct wire *w);
/**
 * wire_receive() - the next packet, of which there must be one, arrives
 * Return: whether it gets through the receiver's NAT.
 */
bool wire_receive(struct wire *w, struct wire_packet *ret_packet);

#endif
