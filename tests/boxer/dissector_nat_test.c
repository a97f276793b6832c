/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the dissector for Wireshark makes of a capture between NATs: the seed with
 * its two addresses observes and dials in, and the functions, which make links only
 * when they are used, find each other through it.
 *
 *	fn-a -- NAT --+
 *	              +-- internet, captured -- seed, 203.0.113.80 and .81
 *	fn-b -- NAT --+
 */
#include "base/cleanup.h"
#include "tests/boxer/node.h"
#include "tests/boxer/pcap.h"
#include "tests/boxer/tshark.h"
#include "tests/topo/world.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GUEST	    GUEST_PATH
#define FILE_PATH   CLUSTER_DIR "/nat.pcap"
#define SEED	    "203.0.113.80:7100"
#define SEED_SECOND "203.0.113.81"

/* Where programs are started: each in the namespace of its machine. */
struct place {
	struct world world;
	size_t fn[2], seed;
	int home;
};

static void enter(const struct place *p, size_t node)
{
	USERNS_CHECK(setns(world_netns(&p->world, node), CLONE_NEWNET) == 0, "%m");
}

static void come_home(const struct place *p)
{
	USERNS_CHECK(setns(p->home, CLONE_NEWNET) == 0, "%m");
}

static void make(struct place *p)
{
	p->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	USERNS_CHECK(p->home >= 0, "%m");
	world_init(&p->world);
	for (size_t i = 0; i < ARRAY_SIZE(p->fn); i++)
		p->fn[i] = world_add_function(&p->world, world_preset("lambda"));
	p->seed = world_add_host(&p->world, "seed", WORLD_SEED_ADDR);
	world_add_host_addr(&p->world, p->seed, WORLD_SEED_ADDR + 1);
	world_apply(&p->world);
}

static void start_seed(const struct place *p, struct cluster *c)
{
	enter(p, p->seed);
	child_start(&c->seed,
		    (const char *[]){BOXERD_PATH, "seed", "--listen", SEED, "--second", SEED_SECOND,
				     "--key-file", CLUSTER_KEY, "--events", CHILD_EVENTS, NULL},
		    NULL);
	child_await(&c->seed, "listening");
	(void)snprintf(c->text, sizeof(c->text), "%s", SEED);
	come_home(p);
}

static void start_node(const struct place *p, const struct cluster *c, int i, struct child *n)
{
	enter(p, p->fn[i]);
	node_start(n, c, "node", i == 0 ? "fn-a" : "fn-b", "--control", "lazy", NULL);
	USERNS_CHECK(node_id(n) == (uint32_t)i, "id");
	come_home(p);
}

/* Until the seed has found out what it wants to know about both NATs. */
static void await_profiles(struct cluster *c)
{
	unsigned known = 0;

	while (known < 2) {
		json_t *event = child_event(&c->seed, "profile");

		known += strcmp(json_text(event, "filtering"), "unknown") != 0;
		json_decref(event);
	}
}

static void connect_once(const struct place *p)
{
	char port[16], line[64];
	struct child server, client;

	enter(p, p->fn[0]);
	node_exec(&server, "--id", "0", "--", GUEST, "serve", NULL);
	child_hear(&server, port, sizeof(port));
	enter(p, p->fn[1]);
	node_exec(&client, "--id", "1", "--", GUEST, "connect", "fn-a", port, NULL);
	come_home(p);
	child_hear(&client, line, sizeof(line));
	USERNS_CHECK(strcmp(line, "hello") == 0, "%s", line);
	node_check_end(&client, 0, "");
	child_close_in(&server);
	node_check_end(&server, 0, "");
}

static void play(void)
{
	struct pcap_live live;
	struct child nodes[2];
	struct cluster c;
	struct place p;

	cluster_prepare();
	tshark_need();
	make(&p);
	enter(&p, 0);
	pcap_live_start(&live, FILE_PATH);
	start_seed(&p, &c);
	for (int i = 0; i < 2; i++)
		start_node(&p, &c, i, &nodes[i]);
	await_profiles(&c);
	connect_once(&p);
	for (int i = 1; i >= 0; i--)
		node_stop(&nodes[i]);
	cluster_stop(&c);
	pcap_live_stop(&live);
	world_done(&p.world);
}

static void check_seen(const char *filter)
{
	USERNS_CHECK(*tshark_fields(FILE_PATH, filter, "frame.number", NULL), "no %s\n%s", filter,
		     tshark_fields(FILE_PATH, "boxer", "tcp.stream", "ip.src", "tcp.srcport",
				   "_ws.col.Info", NULL));
}

static const char *const seen[] = {
	/* asked at all four endpoints, and answered */
	"boxer.type == 4 and ip.dst == 203.0.113.80 and tcp.dstport == 7101",
	"boxer.type == 4 and ip.dst == 203.0.113.81 and tcp.dstport == 7100",
	"boxer.type == 4 and ip.dst == 203.0.113.81 and tcp.dstport == 7101",
	"boxer.type == 5 and boxer.seen contains \"198.51.100.1:\"",
	"boxer.type == 17 and boxer.observers == 4 and boxer.observer == \"203.0.113.81:7101\"",
	/* asked to be dialled, and what came of it */
	"boxer.type == 22 and boxer.port",
	"boxer.type == 19 and boxer.name == \"fn-b\" and boxer.filtering == 3",
	"boxer.type == 19 and boxer.mapping == 2",
	/* introduced by the seed */
	"boxer.type == 25 and boxer.via.type == 52 and ip.dst == 203.0.113.80",
	"boxer.type == 25 and boxer.via.type == 52 and ip.src == 203.0.113.80",
	/* asked and answered, either way */
	"(boxer.type == 49 or boxer.via.type == 49) and boxer.source contains \"198.51.100.2:\"",
	"(boxer.type == 50 or boxer.via.type == 50) and boxer.reason == 0",
};

CLUSTER_TEST(dissector, follows_what_passes_between_nats)
{
	const char *wrong;

	play();
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		check_seen(seen[i]);
	wrong = tshark_fields(FILE_PATH, TSHARK_ANYTHING_WRONG, "frame.number", "_ws.col.Info",
			      "_ws.expert.message", NULL);
	USERNS_CHECK(*wrong == '\0', "%s", wrong);
}
