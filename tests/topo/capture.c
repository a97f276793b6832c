/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/topo/capture.h"

#include "base/cleanup.h"
#include "tests/support/userns.h"
#include "topo/ns.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define SOURCE 12 /* its offset in an IPv4 header */
#define ALL    0xffffffff

/* Is the source in net/mask? Then to the end, which is @left tests away. */
#define IF_SOURCE(net, mask, left)                                                             \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SOURCE), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask), \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, net, 3 * (left) + 1, 0)

static const struct sock_filter program[] = {
	IF_SOURCE(0x0a000000, 0xff000000, 4), /* 10/8 */
	IF_SOURCE(0xac100000, 0xfff00000, 3), /* 172.16/12 */
	IF_SOURCE(0xc0a80000, 0xffff0000, 2), /* 192.168/16 */
	IF_SOURCE(0x64400000, 0xffc00000, 1), /* 100.64/10 */
	IF_SOURCE(0xc6120000, 0xfffe0000, 0), /* 198.18/15 */
	BPF_STMT(BPF_RET | BPF_K, 0),	      BPF_STMT(BPF_RET | BPF_K, ALL),
};

int capture_open(int netns)
{
	struct sock_fprog filter = {
		.len = ARRAY_SIZE(program),
		.filter = (struct sock_filter *)(uintptr_t)program,
	};
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	struct error err = {0};
	int on = 1;
	int fd = ns_socket(netns, AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, 0, &err);

	USERNS_CHECK(fd >= 0, "%s", err.text);
	USERNS_CHECK(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) == 0,
		     "%m");
	USERNS_CHECK(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0,
		     "%m");
	/* Only now: before it is bound, nothing arrives that the filter has not seen. */
	USERNS_CHECK(bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0, "%m");
	return fd;
}

uint64_t capture_count(int fd)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);

	/* Reading resets them; those that found no room are counted too. */
	USERNS_CHECK(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0, "%m");
	return stats.tp_packets;
}
