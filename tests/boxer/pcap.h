/* SPDX-License-Identifier: MIT */
/*
 * Interface for captures: files of IP packets that other programs read (pcap, as
 * written since 1998), filled by hand with TCP connections as a test wants them,
 * or with what really passes this network namespace. For use in the helper of
 * tests/support/userns.
 */
#ifndef TESTS_BOXER_PCAP_H
#define TESTS_BOXER_PCAP_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/** struct pcap - a file; packets written by hand are a millisecond apart */
struct pcap {
	FILE *file;
	unsigned long packets;
};

/** pcap_open() - begin a file. */
void pcap_open(struct pcap *p, const char *path);
/** pcap_close() - finish it. */
void pcap_close(struct pcap *p);

/**
 * struct pcap_flow - a TCP connection, written by hand
 * @port: of either side; 10.0.0.2 is side 0 and 10.0.0.3 is side 1
 */
struct pcap_flow {
	struct pcap *pcap;
	uint16_t port[2];
	uint32_t sequence[2];
};

/** pcap_flow_begin() - with its handshake; side 0 connects from @port. */
void pcap_flow_begin(struct pcap_flow *f, struct pcap *p, uint16_t port);
/** pcap_flow_begin_in_the_middle() - the capture has missed its handshake. */
void pcap_flow_begin_in_the_middle(struct pcap_flow *f, struct pcap *p, uint16_t port);
/** pcap_flow_say() - one segment of side @from. */
void pcap_flow_say(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len);
/** pcap_flow_say_cut() - of which only the first @captured bytes were captured. */
void pcap_flow_say_cut(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len,
		       size_t captured);
/** pcap_flow_say_in_pieces() - in segments of at most @size bytes. */
void pcap_flow_say_in_pieces(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len,
			     size_t size);

/** struct pcap_live - a process that captures */
struct pcap_live {
	pid_t pid;
	int stop;
};

/** pcap_live_start() - from now on everything that arrives on any interface goes to @path. */
void pcap_live_start(struct pcap_live *l, const char *path);
/** pcap_live_stop() - all that has arrived so far is in the file. */
void pcap_live_stop(struct pcap_live *l);

#endif
