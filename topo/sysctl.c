/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "topo/sysctl.h"

#include "base/cleanup.h"
#include "topo/ns.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define SYSCTLS_MAX 160

enum {
	INTERNET = 1 << TOPO_INTERNET,
	NAT = 1 << TOPO_NAT,
	HOST = 1 << TOPO_HOST,
	ROUTER = INTERNET | NAT,
	ALL = ROUTER | HOST,
	/* Of the NATs, those declared so. */
	STRICT = 1 << 8,
	LIBERAL = 1 << 9,
	LOOSE = 1 << 10,
	TIGHT = 1 << 11,
};

struct entry {
	const char *path;
	const char *value;
	unsigned int where;
	bool optional;
};

/*
 * Written in this order. Values are the defaults of a kernel on an ordinary
 * machine; where they are not, the reason is given. An entry is optional when
 * kernels without it behave as its value says.
 */
static const struct entry table[] = {
	/* First: a change of it resets redirects and forwarding of every interface. */
	{"net/ipv4/ip_forward", "1", ROUTER, false},
	{"net/ipv4/ip_forward", "0", HOST, false},

	/* Addresses are /32 and routes go where they are told to: no source check. "all"
	 * and an interface's own value are combined by max, so both are written; interfaces
	 * to come take "default". */
	{"net/ipv4/conf/all/rp_filter", "0", ALL, false},
	{"net/ipv4/conf/default/rp_filter", "0", ALL, false},
	{"net/ipv4/conf/lo/rp_filter", "0", ALL, false},
	/* A NAT that hairpins with the inside source may show a host its own address, in
	 * what the host has sent to its own mapping. */
	{"net/ipv4/conf/all/accept_local", "1", HOST, false},
	{"net/ipv4/conf/default/accept_local", "1", HOST, false},
	{"net/ipv4/conf/all/accept_local", "0", ROUTER, false},
	{"net/ipv4/conf/default/accept_local", "0", ROUTER, false},
	{"net/ipv4/conf/all/route_localnet", "0", ALL, false},
	{"net/ipv4/conf/default/route_localnet", "0", ALL, false},
	{"net/ipv4/conf/all/accept_redirects", "0", ALL, false},
	{"net/ipv4/conf/default/accept_redirects", "0", ALL, false},
	{"net/ipv4/conf/all/send_redirects", "0", ALL, false},
	{"net/ipv4/conf/default/send_redirects", "0", ALL, false},
	{"net/ipv4/conf/all/accept_source_route", "0", ALL, false},
	{"net/ipv4/conf/default/accept_source_route", "0", ALL, false},
	{"net/ipv4/conf/all/proxy_arp", "0", ALL, false},
	{"net/ipv4/conf/default/proxy_arp", "0", ALL, false},
	{"net/ipv4/conf/all/log_martians", "0", ALL, false},
	{"net/ipv4/conf/default/log_martians", "0", ALL, false},
	/* All neighbours are permanent. The public side answers no ARP, so that one which
	 * is missing shows as silence, not as luck. */
	{"net/ipv4/conf/all/arp_ignore", "8", INTERNET, false},
	{"net/ipv4/conf/all/arp_ignore", "0", NAT | HOST, false},

	{"net/ipv4/ip_default_ttl", "64", ALL, false},
	{"net/ipv4/ip_no_pmtu_disc", "0", ALL, false},
	{"net/ipv4/ip_nonlocal_bind", "0", ALL, false},
	{"net/ipv4/ip_autobind_reuse", "0", ALL, true},
	{"net/ipv4/ip_local_port_range", "32768 60999", ALL, false},
	/* A function has no capabilities, and its programs may want to listen on port 80
	 * all the same, as in containers. */
	{"net/ipv4/ip_unprivileged_port_start", "0", HOST, false},
	{"net/ipv4/ip_unprivileged_port_start", "1024", ROUTER, false},
	/* No limit to the rate of ICMP errors (the kernel limits some types to one a second
	 * for each destination): an answer must not depend on how many went before. */
	{"net/ipv4/icmp_ratemask", "0", ALL, false},
	{"net/ipv4/icmp_echo_ignore_all", "0", ALL, false},
	{"net/ipv4/icmp_errors_use_inbound_ifaddr", "0", ALL, false},

	/* Reno: the one algorithm that every kernel has and lets a user namespace set as its
	 * default; the machine's own may be anything, and cubic is often not allowed.
	 * At the round trips of one data centre cubic falls back to Reno's growth anyway. */
	{"net/ipv4/tcp_congestion_control", "reno", ALL, false},
	{"net/ipv4/tcp_rmem", "4096 131072 6291456", ALL, false},
	{"net/ipv4/tcp_wmem", "4096 16384 4194304", ALL, false},
	{"net/ipv4/tcp_moderate_rcvbuf", "1", ALL, false},
	{"net/ipv4/tcp_adv_win_scale", "1", ALL, false},
	{"net/ipv4/tcp_window_scaling", "1", ALL, false},
	{"net/ipv4/tcp_timestamps", "1", ALL, false},
	{"net/ipv4/tcp_sack", "1", ALL, false},
	{"net/ipv4/tcp_dsack", "1", ALL, false},
	{"net/ipv4/tcp_ecn", "2", ALL, false},
	{"net/ipv4/tcp_fastopen", "1", ALL, false},
	{"net/ipv4/tcp_syncookies", "1", ALL, false},
	{"net/ipv4/tcp_syn_retries", "6", ALL, false},
	{"net/ipv4/tcp_synack_retries", "5", ALL, false},
	/* Since 6.5 the first four retries of a SYN come one second apart; older kernels
	 * double from the first. Doubling everywhere. */
	{"net/ipv4/tcp_syn_linear_timeouts", "0", ALL, true},
	{"net/ipv4/tcp_rto_min_us", "200000", ALL, true},
	{"net/ipv4/tcp_rto_max_ms", "120000", ALL, true},
	{"net/ipv4/tcp_retries1", "3", ALL, false},
	{"net/ipv4/tcp_retries2", "15", ALL, false},
	{"net/ipv4/tcp_orphan_retries", "0", ALL, false},
	{"net/ipv4/tcp_fin_timeout", "60", ALL, false},
	{"net/ipv4/tcp_keepalive_time", "7200", ALL, false},
	{"net/ipv4/tcp_keepalive_intvl", "75", ALL, false},
	{"net/ipv4/tcp_keepalive_probes", "9", ALL, false},
	{"net/ipv4/tcp_tw_reuse", "2", ALL, false},
	{"net/ipv4/tcp_max_tw_buckets", "65536", ALL, false},
	{"net/ipv4/tcp_max_syn_backlog", "4096", ALL, false},
	{"net/core/somaxconn", "4096", ALL, false},
	{"net/ipv4/tcp_abort_on_overflow", "0", ALL, false},
	{"net/ipv4/tcp_rfc1337", "0", ALL, false},
	{"net/ipv4/tcp_invalid_ratelimit", "500", ALL, false},
	{"net/ipv4/tcp_challenge_ack_limit", "2147483647", ALL, false},
	{"net/ipv4/tcp_mtu_probing", "0", ALL, false},
	{"net/ipv4/tcp_slow_start_after_idle", "1", ALL, false},
	{"net/ipv4/tcp_autocorking", "1", ALL, false},
	{"net/ipv4/tcp_notsent_lowat", "4294967295", ALL, false},
	{"net/ipv4/tcp_limit_output_bytes", "4194304", ALL, false},
	{"net/ipv4/tcp_shrink_window", "0", ALL, true},
	{"net/ipv4/tcp_migrate_req", "0", ALL, true},
	{"net/ipv4/tcp_plb_enabled", "0", ALL, true},
	/* One connection's fate must not slow down the next one to the same host. */
	{"net/ipv4/tcp_no_metrics_save", "1", ALL, false},

	/* IPv6 is absent from some kernels. Routers have none, so that nothing of it passes;
	 * a host has ::1, and on its links only the addresses it is given. */
	{"net/ipv6/conf/all/disable_ipv6", "1", ROUTER, true},
	{"net/ipv6/conf/default/disable_ipv6", "1", ROUTER, true},
	{"net/ipv6/conf/all/disable_ipv6", "0", HOST, true},
	{"net/ipv6/conf/default/disable_ipv6", "0", HOST, true},
	{"net/ipv6/conf/all/forwarding", "0", ALL, true},
	{"net/ipv6/conf/all/accept_ra", "0", ALL, true},
	{"net/ipv6/conf/default/accept_ra", "0", ALL, true},
	{"net/ipv6/conf/all/autoconf", "0", ALL, true},
	{"net/ipv6/conf/default/autoconf", "0", ALL, true},
	{"net/ipv6/conf/default/addr_gen_mode", "1", ALL, true},
	{"net/ipv6/conf/default/router_solicitations", "0", ALL, true},
	{"net/ipv6/conf/default/accept_dad", "0", ALL, true},

	/* A path is proven by the tracker's byte counters and events. */
	{"net/netfilter/nf_conntrack_acct", "1", NAT, false},
	{"net/netfilter/nf_conntrack_events", "1", NAT, false},
	{"net/netfilter/nf_conntrack_helper", "0", NAT, true},
	{"net/netfilter/nf_conntrack_checksum", "1", NAT, false},
	{"net/netfilter/nf_conntrack_log_invalid", "0", NAT, false},
	{"net/netfilter/nf_conntrack_tcp_be_liberal", "0", STRICT, false},
	{"net/netfilter/nf_conntrack_tcp_be_liberal", "1", LIBERAL, false},
	{"net/netfilter/nf_conntrack_tcp_loose", "1", LOOSE, false},
	{"net/netfilter/nf_conntrack_tcp_loose", "0", TIGHT, false},
	{"net/netfilter/nf_conntrack_tcp_ignore_invalid_rst", "0", NAT, true},
	{"net/netfilter/nf_conntrack_tcp_max_retrans", "3", NAT, false},
	{"net/netfilter/nf_conntrack_tcp_timeout_max_retrans", "300", NAT, false},
	{"net/netfilter/nf_conntrack_tcp_timeout_unacknowledged", "300", NAT, false},
	{"net/netfilter/nf_conntrack_generic_timeout", "600", NAT, false},
};

/* What a NAT declares in seconds. */
#define TIMEOUT(path, member)                                                             \
	{                                                                                 \
		"net/netfilter/nf_conntrack_" path, offsetof(struct nat, timeouts.member) \
	}
static const struct {
	const char *path;
	size_t seconds;
} timeouts[] = {
	TIMEOUT("tcp_timeout_syn_sent", tcp_syn_sent),
	TIMEOUT("tcp_timeout_syn_recv", tcp_syn_received),
	TIMEOUT("tcp_timeout_established", tcp_established),
	TIMEOUT("tcp_timeout_fin_wait", tcp_fin_wait),
	TIMEOUT("tcp_timeout_close_wait", tcp_close_wait),
	TIMEOUT("tcp_timeout_last_ack", tcp_last_ack),
	TIMEOUT("tcp_timeout_time_wait", tcp_time_wait),
	TIMEOUT("tcp_timeout_close", tcp_close),
	TIMEOUT("udp_timeout", udp),
	TIMEOUT("udp_timeout_stream", udp_stream),
	TIMEOUT("icmp_timeout", icmp),
};

static void tell_timeout(size_t i, const struct nat *nat, struct topo_sysctl *ret)
{
	uint32_t seconds;

	(void)memcpy(&seconds, (const char *)nat + timeouts[i].seconds, sizeof(seconds));
	*ret = (struct topo_sysctl){.path = timeouts[i].path};
	(void)snprintf(ret->value, sizeof(ret->value), "%u", seconds);
}

static void tell(const struct entry *entry, struct topo_sysctl *ret)
{
	*ret = (struct topo_sysctl){.path = entry->path, .optional = entry->optional};
	(void)snprintf(ret->value, sizeof(ret->value), "%s", entry->value);
}

size_t topo_sysctls(enum topo_kind kind, const struct nat *nat, struct topo_sysctl *ret, size_t max)
{
	unsigned int here = 1u << kind;
	size_t n = 0;

	if (nat) {
		here |= nat->tcp_tracking == NAT_TCP_LIBERAL ? LIBERAL : STRICT;
		here |= nat->loose ? LOOSE : TIGHT;
	}
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(table[i].where & here))
			continue;
		if (n < max)
			tell(&table[i], &ret[n]);
		n++;
	}
	for (size_t i = 0; nat && i < ARRAY_SIZE(timeouts); i++, n++)
		if (n < max)
			tell_timeout(i, nat, &ret[n]);
	return n;
}

/* Mounted nowhere: it goes when its descriptor is closed. Return: -1 where refused. */
static int mount_proc(void)
{
	cleanup_close int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int sysctl_open_proc(struct error *err)
{
	int fd = mount_proc();

	if (fd < 0)
		fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open /proc");
	return fd;
}

/* @net is /proc/sys/net, which every path in the table begins with. */
static int write_one(int net, const struct topo_sysctl *sysctl, struct error *err)
{
	cleanup_close int fd = -1;
	size_t len = strlen(sysctl->value);
	ssize_t n;

	fd = openat(net, sysctl->path + strlen("net/"), O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && sysctl->optional)
		return 0;
	if (fd < 0)
		return error_sys(err, errno, "sysctl %s", sysctl->path);
	n = write(fd, sysctl->value, len);
	if (n < 0)
		return error_sys(err, errno, "sysctl %s=%s", sysctl->path, sysctl->value);
	if ((size_t)n != len)
		return error_set(err, EIO, "sysctl %s=%s: written in part", sysctl->path,
				 sysctl->value);
	return 0;
}

int sysctl_write(int proc, enum topo_kind kind, const struct nat *nat, struct error *err)
{
	struct topo_sysctl sysctls[SYSCTLS_MAX];
	size_t n = topo_sysctls(kind, nat, sysctls, SYSCTLS_MAX);
	cleanup_close int net = openat(proc, "sys/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (net < 0)
		return error_sys(err, errno, "cannot open /proc/sys/net");
	for (size_t i = 0; i < n && r == 0; i++)
		r = write_one(net, &sysctls[i], err);
	return r;
}

_Static_assert(ARRAY_SIZE(table) + ARRAY_SIZE(timeouts) <= SYSCTLS_MAX,
	       "SYSCTLS_MAX holds the table");

struct apply_args {
	int proc;
	enum topo_kind kind;
	const struct nat *nat;
	struct error *err;
};

static int write_all(void *arg)
{
	const struct apply_args *args = arg;

	return sysctl_write(args->proc, args->kind, args->nat, args->err);
}

int sysctl_apply(int netns, int proc, enum topo_kind kind, const struct nat *nat, struct error *err)
{
	struct apply_args args = {proc, kind, nat, err};

	return ns_call(netns, write_all, &args, err);
}
