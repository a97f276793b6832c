/* SPDX-License-Identifier: MIT */
#include "tests/boxer/pcap.h"

#include "base/cleanup.h"
#include "tests/support/userns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PCAP_MAGIC   0xa1b2c3d4u /* times in microseconds, in this machine's byte order */
#define LINKTYPE_RAW 101	 /* a packet begins with its IP header */
#define PACKET_MAX   65536
#define SERVER_PORT  40404 /* nobody's */

struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, longest, linktype;
};

struct packet_header {
	uint32_t seconds, microseconds, captured, len;
};

static void put(FILE *file, const void *bytes, size_t len)
{
	USERNS_CHECK(fwrite(bytes, 1, len, file) == len, "%m");
}

static FILE *begin_file(const char *path)
{
	const struct file_header h = {
		.magic = PCAP_MAGIC,
		.major = 2,
		.minor = 4,
		.longest = PACKET_MAX,
		.linktype = LINKTYPE_RAW,
	};
	FILE *file = fopen(path, "we");

	USERNS_CHECK(file, "%s: %m", path);
	put(file, &h, sizeof(h));
	return file;
}

void pcap_open(struct pcap *p, const char *path)
{
	*p = (struct pcap){.file = begin_file(path)};
}

void pcap_close(struct pcap *p)
{
	USERNS_CHECK(fclose(p->file) == 0, "%m");
}

static void put_packet(struct pcap *p, const uint8_t *bytes, size_t len, size_t captured)
{
	const struct packet_header h = {
		.seconds = (uint32_t)(p->packets / 1000),
		.microseconds = (uint32_t)(p->packets % 1000 * 1000),
		.captured = (uint32_t)captured,
		.len = (uint32_t)len,
	};

	p->packets++;
	put(p->file, &h, sizeof(h));
	put(p->file, bytes, captured);
}

/* Checksums are left out: who reads captures is used to that. */
static void put_segment(struct pcap_flow *f, int from, uint8_t flags, const uint8_t *bytes,
			size_t len, size_t captured)
{
	static uint8_t packet[sizeof(struct iphdr) + sizeof(struct tcphdr) + PACKET_MAX];
	const size_t headers = sizeof(struct iphdr) + sizeof(struct tcphdr);
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons((uint16_t)(headers + len)),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(0x0a000002 + (uint32_t)from),
		.daddr = htonl(0x0a000003 - (uint32_t)from),
	};
	struct tcphdr tcp = {
		.th_sport = htons(f->port[from]),
		.th_dport = htons(f->port[!from]),
		.th_seq = htonl(f->sequence[from]),
		.th_ack = htonl(f->sequence[!from]),
		.th_off = 5,
		.th_flags = flags,
		.th_win = htons(65535),
	};

	USERNS_CHECK(headers + len < PACKET_MAX, "%zu bytes", len);
	(void)memcpy(packet, &ip, sizeof(ip));
	(void)memcpy(packet + sizeof(ip), &tcp, sizeof(tcp));
	if (len > 0)
		(void)memcpy(packet + headers, bytes, len);
	put_packet(f->pcap, packet, headers + len, headers + captured);
	f->sequence[from] += (uint32_t)len + (flags & TH_SYN ? 1 : 0);
}

void pcap_flow_begin_in_the_middle(struct pcap_flow *f, struct pcap *p, uint16_t port)
{
	*f = (struct pcap_flow){
		.pcap = p,
		.port = {port, SERVER_PORT},
		.sequence = {1000, 5000},
	};
}

void pcap_flow_begin(struct pcap_flow *f, struct pcap *p, uint16_t port)
{
	pcap_flow_begin_in_the_middle(f, p, port);
	put_segment(f, 0, TH_SYN, NULL, 0, 0);
	put_segment(f, 1, TH_SYN | TH_ACK, NULL, 0, 0);
}

void pcap_flow_say_cut(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len,
		       size_t captured)
{
	put_segment(f, from, TH_PUSH | TH_ACK, bytes, len, captured);
}

void pcap_flow_say(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len)
{
	pcap_flow_say_cut(f, from, bytes, len, len);
}

void pcap_flow_say_in_pieces(struct pcap_flow *f, int from, const uint8_t *bytes, size_t len,
			     size_t size)
{
	for (size_t at = 0; at < len; at += size)
		pcap_flow_say(f, from, bytes + at, len - at < size ? len - at : size);
}

/* Return: false when nothing is there just now. Over loopback each packet is seen twice. */
static bool take_packet(int fd, FILE *file)
{
	static uint8_t packet[PACKET_MAX];
	struct sockaddr_ll from = {0};
	struct packet_header h;
	socklen_t size = sizeof(from);
	ssize_t n =
		recvfrom(fd, packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from, &size);
	struct timeval now;

	if (n < 0)
		return false;
	if (from.sll_pkttype == PACKET_OUTGOING)
		return true;
	(void)gettimeofday(&now, NULL);
	h = (struct packet_header){
		.seconds = (uint32_t)now.tv_sec,
		.microseconds = (uint32_t)now.tv_usec,
		.captured = (uint32_t)n,
		.len = (uint32_t)n,
	};
	return fwrite(&h, sizeof(h), 1, file) == 1 && fwrite(packet, (size_t)n, 1, file) == 1;
}

/* A process of its own, so that no packet is lost while the test waits for something else. */
static void __attribute__((noreturn)) capture(int fd, int stop, FILE *file)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = stop, .events = POLLIN}};

	while (p[1].revents == 0 && poll(p, 2, -1) > 0)
		while (take_packet(fd, file))
			;
	_exit(fclose(file) == 0 ? 0 : 1);
}

void pcap_live_start(struct pcap_live *l, const char *path)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	cleanup_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	FILE *file = begin_file(path);
	pid_t parent = getpid();
	int stop[2];

	USERNS_CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0, "%m");
	USERNS_CHECK(pipe2(stop, O_CLOEXEC) == 0 && fflush(file) == 0, "%m");
	l->pid = fork();
	USERNS_CHECK(l->pid >= 0, "%m");
	if (l->pid == 0) {
		(void)close(stop[1]);
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(99);
		capture(fd, stop[0], file);
	}
	(void)fclose(file);
	(void)close(stop[0]);
	l->stop = stop[1];
}

void pcap_live_stop(struct pcap_live *l)
{
	int status;

	(void)close(l->stop);
	USERNS_CHECK(waitpid(l->pid, &status, 0) == l->pid, "%m");
	USERNS_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the capture failed");
}
