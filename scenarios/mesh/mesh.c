/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * Everybody connects to everybody, at once. One program runs in each function and
 * listens (mesh --serve); they are all called by one name and a number, "fn0" to
 * "fn63". A last one (mesh --go) tells them to begin, and asks what came of it.
 *
 *	conductor                      fn3                          fn5
 *	    | --- ready: 64 of them --> |                            |
 *	    | <-- I am 3 -------------- |                            |
 *	    |                           |                            |
 *	    | --- go -----------------> | --- 3 wants 5, nonce ----> |
 *	    |                           | <-- 5 was called, nonce -- |
 *	    | <-- 64 struct call ------ |                            |
 *	    |                           |                            |
 *	    | --- tell ---------------> |
 *	    | <-- 64 struct visit ----- |
 *
 * A caller says who it is and whom it wants, with a nonce that nobody else knows; the
 * callee says who it is, by its hostname, and repeats the nonce. So who reaches another
 * function than the one it wants hears another number. Afterwards the conductor compares
 * what each caller has sent with what each callee has received: a connection that
 * only one side believes in counts as mixed up. Nothing is tried twice.
 *
 * All messages are structs as they lie in memory: all ends are one program.
 *
 * Exit status: 0 when every ordered pair met, 1 when not, 2 for a wrong command line.
 */
#include "scenarios/mesh/mesh.h"
#include "scenarios/command.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int mesh_resolve(const char *prefix, unsigned number, uint16_t port, struct sockaddr_in *ret)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	char name[MESH_NAME_MAX + 16];
	int r;

	(void)snprintf(name, sizeof(name), "%.*s%u", MESH_NAME_MAX, prefix, number);
	r = getaddrinfo(name, NULL, &hints, &list);
	if (r)
		return -ENOENT;
	(void)memcpy(ret, list->ai_addr, sizeof(*ret));
	ret->sin_port = htons(port);
	freeaddrinfo(list);
	return 0;
}

static const char usage[] =
	"usage: mesh --serve PORT\n"
	"       mesh [--timeout SECONDS] NAME COUNT PORT\n"
	"\n"
	"Connect everybody to everybody at once. Servers run on NAME0, NAME1, ...; the\n"
	"other command makes COUNT of them connect to each other, and prints JSON.\n"
	"\n"
	"  --serve PORT       be one of them\n"
	"  --timeout SECONDS  for them all to be there, and then for their connections (20)\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"serve", required_argument, NULL, 's'},
		{"timeout", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct mesh_order order = {.op = ORDER_READY, .timeout_s = 20};
	unsigned long serve = 0;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 's')
			serve = command_number("--serve", optarg, 1, UINT16_MAX);
		else if (opt == 't')
			order.timeout_s = (unsigned)command_number("--timeout", optarg, 1, 3600);
		else
			return command_usage(usage, opt == 'h');
	}
	if (argc - optind != (serve ? 0 : 3))
		return command_usage(usage, false);
	if (serve)
		return mesh_serve((uint16_t)serve);
	if (strlen(argv[optind]) >= sizeof(order.prefix))
		return command_fail("a name has at most %zu characters", sizeof(order.prefix) - 1);
	(void)strcpy(order.prefix, argv[optind]);
	order.count = (unsigned)command_number("COUNT", argv[optind + 1], 2, MESH_MAX);
	order.port = (uint16_t)command_number("PORT", argv[optind + 2], 1, UINT16_MAX);
	return mesh_conduct(&order);
}
