/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * The kernel keeps, for each flow, what it was translated to; a NAT's mapping is
 * wider than a flow. So a chain after source NAT learns from each packet that
 * leaves which external port it got, into sets and maps: "out" lets further
 * flows of an inside endpoint have the same port, "in" lets strangers in to it,
 * "contacted" says who is no stranger, and "used" which ports are taken.
 */
#include "tests/natprobe/lab.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/support/userns.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define TEXT_MAX (256 << 10)

static bool is(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static int run(const char *script, const char **ret_text)
{
	static char text[TEXT_MAX];
	size_t n;
	FILE *f = popen(script, "re");

	USERNS_CHECK(f, "popen: %m");
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	*ret_text = text;
	return WEXITSTATUS(pclose(f));
}

static void compose(char *buf, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void compose(char *buf, size_t size, const char *fmt, va_list ap)
{
	/* nft and ip are not on everybody's path, and that of the tree may have spaces. */
	int n = snprintf(buf, size,
			 "PATH=$PATH:/usr/sbin:/sbin; set -e\n"
			 "natprobe() { '" NATPROBE "' \"$@\"; }\n");

	n += vsnprintf(buf + n, size - (size_t)n, fmt, ap);
	USERNS_CHECK((size_t)n < size, "the script is too long");
}

const char *lab_sh(const char *fmt, ...)
{
	static char script[TEXT_MAX];
	const char *text;
	va_list ap;
	int status;

	va_start(ap, fmt);
	compose(script, sizeof(script), fmt, ap);
	va_end(ap);
	status = run(script, &text);
	USERNS_CHECK(status == 0, "exit status %d of:\n%.2000s\n%.2000s", status, script, text);
	return text;
}

int lab_try(const char **ret_text, const char *fmt, ...)
{
	static char script[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	compose(script, sizeof(script), fmt, ap);
	va_end(ap);
	return run(script, ret_text);
}

/* ---- the rules ---- */

static void write_tables(FILE *f, const struct handmade *nat)
{
	const char *remote = is(nat->mapping, "adm") ? " . ipv4_addr" : "";

	(void)fprintf(f,
		      "map out { type inet_proto . ipv4_addr . inet_service%s"
		      " : ipv4_addr . inet_service; flags timeout; }\n"
		      "map in { type inet_proto . inet_service : ipv4_addr . inet_service;"
		      " flags timeout; }\n"
		      "set contacted { type inet_proto . inet_service . ipv4_addr;"
		      " flags timeout; }\n"
		      "set used { type inet_proto . inet_service; flags timeout; }\n",
		      remote);
}

/* The command line can't turn a generated number into a port, but it can look one up. The
 * ports are none that a host chooses by itself: this NAT does not look whether they are taken. */
static void write_sequential(FILE *f)
{
	(void)fprintf(
		f,
		"meta l4proto { tcp, udp } snat ip to 198.51.100.1 : numgen inc mod 1000 map { ");
	for (int i = 0; i < 1000; i++)
		(void)fprintf(f, "%d : %d, ", i, 20000 + i);
	(void)fprintf(f, "}\n");
}

static void write_choice(FILE *f, const char *how)
{
	if (is(how, "sequential"))
		write_sequential(f);
	else if (is(how, "random"))
		(void)fprintf(
			f,
			"meta l4proto { tcp, udp } snat ip to 198.51.100.1:1024-65535 fully-random\n");
	else if (is(how, "block"))
		(void)fprintf(
			f,
			"meta l4proto { tcp, udp } snat ip to 198.51.100.1:30000-30511 fully-random\n");
	else
		(void)fprintf(f, "snat ip to 198.51.100.1\n");
}

static void write_pool(FILE *f, const char *pooling)
{
	if (is(pooling, "paired"))
		(void)fprintf(f, "snat ip to ip saddr map "
				 "{ 10.0.0.2 : 198.51.100.1, 10.0.0.3 : 198.51.100.2 }\n");
	else
		(void)fprintf(f, "snat ip to numgen inc mod 2 map "
				 "{ 0 : 198.51.100.1, 1 : 198.51.100.2 }\n");
}

static void write_mapping(FILE *f, const struct handmade *nat)
{
	const char *remote = is(nat->mapping, "adm") ? " . ip daddr" : "";

	(void)fprintf(f, "chain outgoing { type nat hook postrouting priority srcnat\n"
			 "ip saddr != 10.0.0.0/24 return\n");
	if (is(nat->hairpin, "external"))
		(void)fprintf(f, "oifname lan ct status & dnat == 0 return\n");
	else
		(void)fprintf(f, "oifname lan return\n");
	if (nat->pooling) {
		write_pool(f, nat->pooling);
	} else {
		if (!is(nat->mapping, "apdm"))
			(void)fprintf(f,
				      "snat ip to meta l4proto . ip saddr . th sport%s map @out\n",
				      remote);
		if (is(nat->allocation, "preserve") && !is(nat->conflict, "overload")) {
			(void)fprintf(f, "meta l4proto . th sport @used ");
			write_choice(f, nat->conflict);
		}
		write_choice(f, nat->allocation);
	}
	(void)fprintf(f, "}\n");
}

/* nft knows the type of a port only where it knows the protocol. */
static void write_learning(FILE *f, const struct handmade *nat)
{
	static const char *const protos[] = {"tcp", "udp"};
	const char *remote = is(nat->mapping, "adm") ? " . ip daddr" : "";

	(void)fprintf(f, "chain learn { type filter hook postrouting priority srcnat + 10\n"
			 "ct direction != original return\n"
			 "ct status & snat == 0 return\n");
	for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
		(void)fprintf(f,
			      "meta l4proto %s update @out { meta l4proto . ct original ip saddr"
			      " . ct original proto-src%s timeout 60s : ip saddr . th sport }\n"
			      "meta l4proto %s update @in { meta l4proto . th sport timeout 60s"
			      " : ct original ip saddr . ct original proto-src }\n",
			      protos[i], remote, protos[i]);
	(void)fprintf(f, "meta l4proto { tcp, udp } update @contacted"
			 " { meta l4proto . th sport . ip daddr timeout 60s }\n"
			 "meta l4proto { tcp, udp } update @used"
			 " { meta l4proto . th sport timeout 60s }\n"
			 "}\n");
}

static void write_filtering(FILE *f, const struct handmade *nat)
{
	(void)fprintf(f, "chain incoming { type nat hook prerouting priority dstnat\n"
			 "ip daddr != 198.51.100.1 return\n");
	if (!is(nat->hairpin, "off"))
		(void)fprintf(f, "iifname lan dnat ip to meta l4proto . th dport map @in\n");
	if (is(nat->filtering, "eif"))
		(void)fprintf(f, "iifname wan dnat ip to meta l4proto . th dport map @in\n");
	if (is(nat->filtering, "adf"))
		(void)fprintf(f, "iifname wan meta l4proto . th dport . ip saddr @contacted "
				 "dnat ip to meta l4proto . th dport map @in\n");
	(void)fprintf(f, "}\n");
}

static void write_guards(FILE *f, const struct handmade *nat)
{
	(void)fprintf(f, "chain input { type filter hook input priority filter\n");
	if (is(nat->unsolicited, "rst"))
		(void)fprintf(f, "iifname wan ct state new meta l4proto tcp "
				 "reject with tcp reset\n");
	if (is(nat->unsolicited, "icmp"))
		(void)fprintf(f, "iifname wan ct state new "
				 "reject with icmp type port-unreachable\n");
	(void)fprintf(f, "iifname wan ct state { new, invalid } drop\n}\n"
			 "chain forward { type filter hook forward priority filter\n"
			 "ct state invalid drop\n");
	if (nat->no_syn_in)
		(void)fprintf(f, "iifname wan ct direction reply "
				 "tcp flags & (syn | ack) == syn drop\n");
	(void)fprintf(f, "iifname wan ct state new ct status & dnat == 0 drop\n}\n");
}

static void load_rules(const struct handmade *nat)
{
	static char rules[TEXT_MAX / 2];
	FILE *f = fmemopen(rules, sizeof(rules), "w");

	USERNS_CHECK(f, "fmemopen: %m");
	(void)fprintf(f, "table ip handmade {\n");
	write_tables(f, nat);
	write_filtering(f, nat);
	write_mapping(f, nat);
	write_learning(f, nat);
	write_guards(f, nat);
	(void)fprintf(f, "}\n");
	USERNS_CHECK(fclose(f) == 0, "the rules are too long");
	(void)lab_sh("ip netns exec nat nft -f - 2>&1 <<'RULES'\n%s\nRULES\n"
		     "ip netns exec nat sysctl -qw net.netfilter.nf_conntrack_tcp_be_liberal=%d",
		     rules, !nat->strict);
}

/* ---- the machines ---- */

/*
 * accept_local: a hairpin that keeps the inside source brings a host packets from
 * its own address.
 */
static const char machines[] =
	"exec 2>&1\n"
	"mount -t tmpfs none /run\n"
	"ip netns add nat; ip netns add inside\n"
	"in_nat() { ip netns exec nat \"$@\"; }\n"
	"in_inside() { ip netns exec inside \"$@\"; }\n"
	"ip link add eth0 type veth peer name wan netns nat\n"
	"ip link add lan netns nat type veth peer name eth0 netns inside\n"
	"ip link set lo up; ip link set eth0 up\n"
	"ip addr add 203.0.113.80/32 dev eth0; ip addr add 203.0.113.81/32 dev eth0\n"
	"ip route add 198.51.100.0/24 dev eth0 src 203.0.113.80\n"
	"ip route add 10.0.0.0/24 via 198.51.100.1\n"
	"in_nat ip -batch - <<'BATCH'\n"
	"link set lo up\n"
	"link set wan up\n"
	"link set lan up\n"
	"addr add 198.51.100.1/24 dev wan\n"
	"addr add 198.51.100.2/24 dev wan\n"
	"addr add 10.0.0.1/24 dev lan\n"
	"route add 203.0.113.0/24 dev wan\n"
	"BATCH\n"
	"in_nat sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 "
	"net.ipv4.conf.wan.rp_filter=0 net.ipv4.conf.lan.rp_filter=0 "
	"net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.lan.send_redirects=0\n"
	"in_inside ip -batch - <<'BATCH'\n"
	"link set lo up\n"
	"link set eth0 up\n"
	"addr add 10.0.0.2/24 dev eth0\n"
	"addr add 10.0.0.3/24 dev eth0\n"
	"route add default via 10.0.0.1\n"
	"BATCH\n"
	"in_inside sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0 "
	"net.ipv4.conf.all.accept_local=1\n";

void lab_build(const struct handmade *nat)
{
	const char *text;

	if (lab_try(&text, "ip -V && nft --version && sysctl --version") != 0)
		userns_skip("the commands ip, nft and sysctl (iproute2, nftables, procps)");
	(void)lab_sh("%s", machines);
	if (nat)
		load_rules(nat);
}

pid_t lab_reflect(void)
{
	/* What a function on Lambda has; a crowd of the tests is larger. */
	static const struct rlimit files = {1024, 1024};
	pid_t parent = getpid();
	char line[128];
	int out[2];
	FILE *f;
	pid_t pid;

	USERNS_CHECK(pipe2(out, O_CLOEXEC) == 0, "%m");
	pid = fork();
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
		    setrlimit(RLIMIT_NOFILE, &files) == 0 && dup2(out[1], STDOUT_FILENO) >= 0)
			(void)execl(NATPROBE, NATPROBE, "reflect", "203.0.113.80", "203.0.113.81",
				    NULL);
		_exit(127);
	}
	USERNS_CHECK(pid > 0, "%m");
	(void)close(out[1]);
	f = fdopen(out[0], "re");
	USERNS_CHECK(f && fgets(line, sizeof(line), f), "the reflector is not ready");
	(void)fclose(f);
	return pid;
}

json_t *lab_probe(const char *options)
{
	const char *text =
		lab_sh("ip netns exec inside '" NATPROBE "' probe %s " LAB_REFLECTOR, options);
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	USERNS_CHECK(json, "%s: %s", why.text, text);
	userns_say("%s", text);
	return json;
}

const char *lab_word(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	return json_is_string(value) ? json_string_value(value) : "";
}
