/* SPDX-License-Identifier: MIT */
/*
 * DOC: Theory of operation
 *
 * libboxer-shim.so stands in front of libc in a guest (LD_PRELOAD) and hooks
 * the calls that make connections and resolve names, never those that move
 * data. It holds no descriptor, no lock and no thread. What it knows is:
 *
 *  - the member table, a shared page that the node writes (table.h): it tells a
 *    member's address from any other one without a system call;
 *  - the cookies of the sockets whose non-blocking connect() the node looks
 *    after (pending.h).
 *
 * All else is asked of the node when it is needed, one connection a question
 * (agent.h). Where the node can't be asked, a hook does what libc would do, or
 * fails with an errno that the call may give. It never ends its host.
 */
#include "boxer/shim/shim.h"

#include "boxer/shim/agent.h"
#include "boxer/shim/libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

static struct agent agent;
static bool is_guest;
static pthread_once_t begun = PTHREAD_ONCE_INIT;

static void begin(void)
{
	if (agent_id_from_env(&agent.id) < 0)
		return;
	is_guest = true;
	(void)pthread_atfork(NULL, NULL, agent_forked);
}

/* Hooks may run before this, from other libraries' constructors: hence the two "once". */
__attribute__((constructor)) static void load(void)
{
	int saved = errno;

	(void)libc();
	(void)pthread_once(&begun, begin);
	errno = saved;
}

/* What stands behind us may be another library of our kind. */
void *libc_whose(void)
{
	return RTLD_NEXT;
}

struct agent *shim_agent(void)
{
	(void)pthread_once(&begun, begin);
	return is_guest && !agent_is_busy() ? &agent : NULL;
}

int shim_return(int r, int saved)
{
	errno = r < 0 ? -r : saved;
	return r < 0 ? -1 : r;
}
