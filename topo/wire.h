/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for wires: links that delay and lose what they carry. A wire joins
 * two interfaces of one namespace, the inner ends of two veth pairs; one process
 * carries all wires of a topology:
 *
 *	open the wires (topo_wires_open()), make a socketpair of SOCK_SEQPACKET,
 *	fork;
 *	the child: wires_run() on its end of the pair, then _exit();
 *	the parent: wires_free(), close the child's end, and talk over its own with
 *	wires_set(), wires_stats() and wires_restart().
 *
 * The wires are alive as long as that process runs. It ends when the other end of
 * its socket has been closed; should it die before, poll() tells POLLHUP of the
 * parent's end, and links carry nothing any more. What was sent between
 * opening and running waits in the sockets.
 *
 * A packet here is what the sender's kernel hands to the link: with segmentation
 * offload that is up to 64 KiB of a TCP stream at once, which is delayed, lost and
 * counted as one.
 */
#ifndef TOPO_WIRE_H
#define TOPO_WIRE_H

#include "base/error.h"
#include "topo/fate.h"

#include <stddef.h>
#include <stdint.h>

/* What may be under way in one direction, and in all of them together; what
 * comes on top of it is dropped and counted. */
#define WIRE_QUEUE_PACKETS 32768U
#define WIRE_QUEUE_BYTES   (32UL << 20)
#define WIRE_TOTAL_BYTES   (1UL << 30)

/**
 * struct wire - one to be opened
 * @link: its number, by which it is spoken of, and which its packets' fate depends on
 * @ifindex: the inner ends, interfaces of the wires' namespace; the first end's first
 * @from: what befalls the packets that come from the first, and from the second end
 */
struct wire {
	size_t link;
	int ifindex[2];
	struct fate_spec from[2];
};

/**
 * struct wire_stats - of one direction, since the wires were opened or restarted
 * @taken: packets that were given a number: the next one is packet @taken
 * @lost: of those: it was their fate
 * @overflowed: of those: too much was under way
 * @refused: of those: the kernel did not take them back
 * @queued: of those: under way now
 * @passed: of those: passed on
 * @passed_bytes: their bytes, Ethernet headers included
 * @missed: packets that came faster than they could be taken, or in a form that can't
 *	be; they have no number, so from there on another run may differ
 */
struct wire_stats {
	uint64_t taken;
	uint64_t lost;
	uint64_t overflowed;
	uint64_t refused;
	uint64_t queued;
	uint64_t passed;
	uint64_t passed_bytes;
	uint64_t missed;
};

struct wires;

/**
 * wires_open() - begin to take in what comes to the inner ends
 * @netns: the namespace that they are in
 * @wires: their specs pass fate_check(); not kept
 * @seed: see topo/fate.h
 *
 * Return: 0, or -errno.
 */
int wires_open(int netns, const struct wire *wires, size_t n, uint64_t seed,
	       struct wires **ret_wires, struct error *err);
/** wires_free() - this process carries them no more; NULL is legal. */
void wires_free(struct wires *wires);
/**
 * wires_close_others() - close every descriptor that is neither the wires' nor
 * @control nor one of the standard ones; for a child that is nothing but the wires
 */
void wires_close_others(const struct wires *wires, int control);
/**
 * wires_run() - carry the packets of all wires
 * @control: a SOCK_SEQPACKET socket, see above; stays the caller's
 *
 * Return: 0 when the other end of @control has been closed, or -errno.
 */
int wires_run(struct wires *wires, int control);

/**
 * wires_set() - from now on, this is what befalls the packets of one direction
 * @control: the parent's end
 * @end: 0 or 1: of the packets that this end of the link sends
 *
 * What was sent to the link before this call is treated as was declared before,
 * even when it arrives later; order is kept. The packets' numbers go on.
 *
 * Return: 0 as soon as it is so, -EINVAL (fate_check() says why), -ENOENT (that link
 * is no wire), -EPIPE (the process is gone), or -ETIMEDOUT.
 */
int wires_set(int control, size_t link, int end, const struct fate_spec *spec);
/** wires_stats() - of the packets that @end of @link has sent before. Return: as wires_set(). */
int wires_stats(int control, size_t link, int end, struct wire_stats *ret_stats);
/**
 * wires_restart() - the next packet of every direction of every wire is packet 0 again
 *
 * What was sent before is lost, unless it has been passed on; statistics begin anew.
 * So whatever was sent before, the fates of what follows are those of new wires.
 *
 * Return: 0 as soon as it is so, -EPIPE, or -ETIMEDOUT.
 */
int wires_restart(int control);

#endif
