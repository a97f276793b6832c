/* SPDX-License-Identifier: MIT */
#include "boxer/shim/libc.h"

#include "base/cleanup.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#define SYMBOL(name)                               \
	{                                          \
#name, offsetof(struct libc, name) \
	}

static const struct {
	const char *name;
	size_t offset;
} symbols[] = {
	SYMBOL(accept4),	  SYMBOL(bind),		  SYMBOL(connect),
	SYMBOL(listen),		  SYMBOL(getsockopt),	  SYMBOL(getaddrinfo),
	SYMBOL(gethostbyname),	  SYMBOL(gethostbyname2), SYMBOL(gethostbyname_r),
	SYMBOL(gethostbyname2_r),
};

static struct libc real;
static pthread_once_t bound = PTHREAD_ONCE_INIT;

/* glibc has all of them, so there is no second way for one that is missing. */
static void bind_symbols(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		void *symbol = dlsym(libc_whose(), symbols[i].name);

		(void)memcpy((char *)&real + symbols[i].offset, &symbol, sizeof(symbol));
	}
}

const struct libc *libc(void)
{
	(void)pthread_once(&bound, bind_symbols);
	return &real;
}
