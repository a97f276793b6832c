/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DOC: Theory of operation
 *
 * Two scripts that make what topo_apply() makes, with the commands that everybody
 * has. The single one has one command for each namespace, link, address, neighbour
 * and route; all rules of a namespace are one command, and all its sysctls. The
 * batch is the best that we know of: all namespaces and links by one `ip -batch`,
 * then one process tree for each namespace, with one `ip -batch` for its addresses,
 * neighbours and routes, one `nft -f`, and one loop of the shell's own writes for
 * the sysctls. Both ask for one queue on each link, as topo does: that alone
 * saves much. Both make links before they write sysctls, which saves a visit to
 * each namespace; the interfaces then have IPv6 defaults of their own, and that is
 * the only thing in which the result differs.
 *
 * Rules are what `nft list ruleset` says after topo has made them; sysctls are
 * those that this kernel has. Namespaces have names, in a /run of the bench's own.
 */
#include "tests/bench/bench.h"

#include "base/cleanup.h"
#include "topo/link.h"
#include "topo/nat_rules.h"
#include "topo/topo_check.h"

#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SYSCTLS_MAX 256
#define FILE_MAX    256

/** struct script - what is being written: @each stands before each command of a namespace */
struct script {
	const struct topo_spec *spec;
	FILE *out;
	const char *each;
	size_t node;
};

static int done(FILE *f, struct error *err)
{
	bool bad = !f || ferror(f);

	if ((f && fclose(f)) || bad)
		return error_sys(err, errno ? errno : EIO, "cannot write a script");
	return 0;
}

/* "ip -n NAMESPACE " for a command of its own, nothing within a batch */
static FILE *begin(const struct script *s)
{
	if (*s->each)
		(void)fprintf(s->out, "%s -n %s ", s->each, s->spec->nodes[s->node].name);
	return s->out;
}

static void put_mac(FILE *out, size_t link, int end)
{
	uint8_t mac[ETH_ALEN];

	link_mac((uint32_t)link, (unsigned)end, mac);
	for (size_t i = 0; i < ETH_ALEN; i++)
		(void)fprintf(out, "%s%02x", i ? ":" : "", mac[i]);
}

static void put_end(FILE *out, const struct topo_spec *spec, size_t link, int end)
{
	const struct topo_end *e = &spec->links[link].ends[end];

	(void)fprintf(out, " name %s netns %s address ", e->ifname, spec->nodes[e->node].name);
	put_mac(out, link, end);
	(void)fputs(" numtxqueues 1 numrxqueues 1", out);
}

static void put_namespaces_and_links(FILE *out, const struct topo_spec *spec, const char *each)
{
	for (size_t n = 0; n < spec->n_nodes; n++)
		(void)fprintf(out, "%snetns add %s\n", each, spec->nodes[n].name);
	for (size_t i = 0; i < spec->n_links; i++) {
		(void)fprintf(out, "%slink add", each);
		put_end(out, spec, i, 0);
		(void)fputs(" type veth peer", out);
		put_end(out, spec, i, 1);
		(void)fputc('\n', out);
	}
}

static void put_neighbour(const struct script *s, const char *ifname, const struct addr *addr,
			  const struct topo_end_ref *far)
{
	char text[ADDR_TEXT_MAX];
	FILE *out = begin(s);

	(void)fprintf(out, "neigh replace %s dev %s nud permanent lladdr ",
		      addr_format_host(addr, text), ifname);
	put_mac(out, far->link, far->end);
	(void)fputc('\n', out);
}

static void put_interface(const struct script *s, const struct topo_end_ref *ref)
{
	const struct topo_end *near = &s->spec->links[ref->link].ends[ref->end];
	const struct topo_end *far = &s->spec->links[ref->link].ends[!ref->end];
	char text[ADDR_TEXT_MAX];

	(void)fprintf(begin(s), "link set %s addrgenmode none up\n", near->ifname);
	if (near->addr.family != AF_UNSPEC)
		(void)fprintf(begin(s), "addr add %s dev %s\n", addr_format_host(&near->addr, text),
			      near->ifname);
	if (far->addr.family != AF_UNSPEC)
		put_neighbour(s, near->ifname, &far->addr,
			      &(struct topo_end_ref){ref->link, !ref->end});
}

static void put_route(const struct script *s, const struct topo_index *index,
		      const struct topo_route *route)
{
	bool direct = route->via.family == AF_UNSPEC;
	char dst[ADDR_TEXT_MAX], via[ADDR_TEXT_MAX];
	const struct topo_end_ref *ref;

	(void)addr_format_host(&route->dst, dst);
	ref = &index->ends[topo_index_find(index, s->spec, route->node, route->ifname)];
	put_neighbour(s, route->ifname, direct ? &route->dst : &route->via,
		      &(struct topo_end_ref){ref->link, !ref->end});
	(void)fprintf(begin(s), "route add %s/%u dev %s proto static", dst, route->prefix_len,
		      route->ifname);
	if (!direct)
		(void)fprintf(s->out, " via %s onlink", addr_format_host(&route->via, via));
	(void)fputc('\n', s->out);
}

static void put_others(const struct script *s)
{
	const struct topo_node *node = &s->spec->nodes[s->node];
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < node->n_others; i++)
		(void)fprintf(begin(s), "addr add %s dev lo\n",
			      addr_format_host(&node->others[i], text));
}

static void put_internet(const struct script *s)
{
	struct addr own = topo_internet_addr(&s->spec->nodes[s->node]);
	const struct nat_prefix *prefixes;
	char text[ADDR_TEXT_MAX];
	size_t n;

	(void)fprintf(begin(s), "addr add %s dev lo\n", addr_format_host(&own, text));
	prefixes = nat_private_prefixes(&n);
	for (size_t i = 0; i < n; i++)
		(void)fprintf(begin(s), "route add blackhole %s/%u proto static\n",
			      addr_format_host(&prefixes[i].net, text), prefixes[i].len);
}

/* What configure() in topo.c does. */
static void put_node(const struct script *s, const struct topo_index *index)
{
	(void)fputs("link set lo up\n", begin(s));
	for (size_t i = index->first_end[s->node]; i < index->first_end[s->node + 1]; i++)
		put_interface(s, &index->ends[i]);
	put_others(s);
	if (s->spec->nodes[s->node].kind == TOPO_INTERNET)
		put_internet(s);
	for (size_t i = index->first_route[s->node]; i < index->first_route[s->node + 1]; i++)
		put_route(s, index, &s->spec->routes[index->routes[i]]);
}

/* Writes NAME.nft: what is loaded in @netns. */
static int save_rules(const struct bench *bench, size_t node, struct error *err)
{
	char path[FILE_MAX];
	int status;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s.nft", bench->spec->nodes[node].name);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
		    setns(bench->netns[node], CLONE_NEWNET) < 0)
			_exit(1);
		(void)execlp("nft", "nft", "list", "ruleset", NULL);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		return error_set(err, ECHILD, "nft list ruleset failed");
	return 0;
}

/* Writes NAME.sysctl: "path value", without those that this kernel lacks. */
static int save_sysctls(const struct bench *bench, size_t node, struct error *err)
{
	const struct topo_node *n = &bench->spec->nodes[node];
	struct topo_sysctl sysctls[SYSCTLS_MAX];
	char path[FILE_MAX];
	size_t count = topo_sysctls(n->kind, n->nat, sysctls, SYSCTLS_MAX);
	FILE *out;

	(void)snprintf(path, sizeof(path), "%s.sysctl", n->name);
	out = fopen(path, "we");
	for (size_t i = 0; out && i < count; i++) {
		(void)snprintf(path, sizeof(path), "/proc/sys/%s", sysctls[i].path);
		/* Those of the tracker are never optional and absent. */
		if (!sysctls[i].optional || access(path, F_OK) == 0)
			(void)fprintf(out, "%s %s\n", sysctls[i].path, sysctls[i].value);
	}
	return done(out, err);
}

static int save_all(const struct bench *bench, struct error *err)
{
	int r = 0;

	for (size_t n = 0; r == 0 && n < bench->spec->n_nodes; n++) {
		r = save_sysctls(bench, n, err);
		if (!r && bench->spec->nodes[n].kind != TOPO_HOST)
			r = save_rules(bench, n, err);
	}
	return r;
}

/* The shell is in the namespace already. */
#define WRITE_SYSCTLS "while read -r path value; do echo \"$value\" >/proc/sys/$path; done <"

static void put_single(const struct script *s, const struct topo_index *index)
{
	const struct topo_node *node = &s->spec->nodes[s->node];

	if (node->kind != TOPO_HOST)
		(void)fprintf(s->out, "ip netns exec %s nft -f %s.nft\n", node->name, node->name);
	(void)fprintf(s->out, "ip netns exec %s sh -c '" WRITE_SYSCTLS "%s.sysctl'\n", node->name,
		      node->name);
	put_node(s, index);
}

int script_prepare_single(struct bench *bench, struct error *err)
{
	struct script s = {bench->spec, fopen("build.sh", "we"), "ip", 0};
	struct topo_index index;
	int r = save_all(bench, err);

	if (!r)
		r = topo_check(bench->spec, &index, err);
	if (r < 0 || !s.out)
		return r < 0 ? r : error_sys(err, errno, "build.sh");
	(void)fputs("set -e\n", s.out);
	put_namespaces_and_links(s.out, bench->spec, "ip ");
	for (; s.node < bench->spec->n_nodes; s.node++)
		put_single(&s, &index);
	topo_index_done(&index);
	return done(s.out, err);
}

/* Its file of ip commands, and its line of the script. */
static int put_batch(const struct bench *bench, FILE *out, size_t node,
		     const struct topo_index *index, struct error *err)
{
	const char *name = bench->spec->nodes[node].name;
	struct script s = {bench->spec, NULL, "", node};
	char file[FILE_MAX];

	(void)snprintf(file, sizeof(file), "%s.ip", name);
	s.out = fopen(file, "we");
	if (s.out)
		put_node(&s, index);
	(void)fprintf(out, "nsenter --net=/run/netns/%s sh -ec '", name);
	if (bench->spec->nodes[node].kind != TOPO_HOST)
		(void)fprintf(out, "nft -f %s.nft; ", name);
	(void)fprintf(out, WRITE_SYSCTLS "%s.sysctl; exec ip -batch %s.ip'\n", name, name);
	return done(s.out, err);
}

int script_prepare_batch(struct bench *bench, struct error *err)
{
	FILE *out = fopen("build.sh", "we");
	FILE *all = fopen("all.ip", "we");
	struct topo_index index;
	int r = save_all(bench, err);

	if (!r)
		r = topo_check(bench->spec, &index, err);
	if (r < 0 || !out || !all)
		return r < 0 ? r : error_sys(err, errno, "build.sh");
	put_namespaces_and_links(all, bench->spec, "");
	r = done(all, err);
	(void)fputs("set -e\nip -batch all.ip\n", out);
	for (size_t n = 0; r == 0 && n < bench->spec->n_nodes; n++)
		r = put_batch(bench, out, n, &index, err);
	topo_index_done(&index);
	return r < 0 ? r : done(out, err);
}

int script_build(struct bench *bench, struct error *err)
{
	int status;
	pid_t pid = fork();

	(void)bench;
	if (pid == 0) {
		(void)execlp("sh", "sh", "build.sh", NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		return error_set(err, ECHILD, "the script failed");
	return 0;
}

int script_find(struct bench *bench, struct error *err)
{
	char path[FILE_MAX];

	for (size_t n = 0; n < bench->spec->n_nodes; n++) {
		(void)snprintf(path, sizeof(path), "/run/netns/%s", bench->spec->nodes[n].name);
		bench->netns[n] = open(path, O_RDONLY | O_CLOEXEC);
		if (bench->netns[n] < 0)
			return error_sys(err, errno, "%s", path);
	}
	return 0;
}
