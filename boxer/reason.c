/* SPDX-License-Identifier: MIT */
#include "boxer/reason.h"

#include <errno.h>

static const struct {
	const char *name;
	int error;
} reasons[REASON_MAX] = {
	[REASON_NONE] = {"none", 0},
	[REASON_TIMEOUT] = {"timeout", ETIMEDOUT},
	[REASON_SEED_UNREACHABLE] = {"seed-unreachable", ENETUNREACH},
	[REASON_WRONG_KEY] = {"wrong-key", EACCES},
	[REASON_WRONG_VERSION] = {"wrong-version", EPROTO},
	[REASON_PROTOCOL] = {"protocol-violation", EPROTO},
	[REASON_DUPLICATE_NAME] = {"duplicate-name", EEXIST},
	[REASON_DUPLICATE_ADDRESS] = {"duplicate-address", EADDRINUSE},
	[REASON_CLUSTER_FULL] = {"cluster-full", EUSERS},
	[REASON_NOT_A_MEMBER] = {"not-a-member", EHOSTUNREACH},
	[REASON_NO_LINK] = {"no-link", EHOSTUNREACH},
	[REASON_REFUSED] = {"refused", ECONNREFUSED},
	[REASON_NOT_INTERCEPTED] = {"not-intercepted", ECONNREFUSED},
	[REASON_PORT_UNKNOWN] = {"port-unknown", EHOSTUNREACH},
	[REASON_UNREACHABLE] = {"unreachable", EHOSTUNREACH},
	[REASON_LOCAL] = {"local-resource", EADDRNOTAVAIL},
	[REASON_LEFT] = {"left", EHOSTUNREACH},
	[REASON_LOST] = {"lost", EHOSTUNREACH},
	[REASON_DUPLICATE_ID] = {"duplicate-id", EEXIST},
	[REASON_SURPLUS] = {"surplus", EUSERS},
	[REASON_NO_STRATEGY] = {"no-strategy", EHOSTUNREACH},
	[REASON_NOT_ALLOWED] = {"not-allowed", EHOSTUNREACH},
	[REASON_NOT_FOUND] = {"not-found", EHOSTUNREACH},
	[REASON_RELAY_FAILED] = {"relay-failed", EHOSTUNREACH},
	[REASON_RESET] = {"reset", EHOSTUNREACH},
	[REASON_BUSY] = {"busy", ETIMEDOUT},
};

const char *reason_name(enum reason reason)
{
	if ((unsigned)reason >= REASON_MAX)
		return "unknown";
	return reasons[reason].name;
}

int reason_errno(enum reason reason)
{
	if ((unsigned)reason >= REASON_MAX)
		return EIO;
	return reasons[reason].error;
}

enum reason reason_of_errno(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return REASON_REFUSED;
	case ETIMEDOUT:
		return REASON_TIMEOUT;
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return REASON_LOCAL;
	default:
		return REASON_UNREACHABLE;
	}
}
