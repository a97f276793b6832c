/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/place.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define TWINS_MAX 100

void place_leave(struct place *place)
{
	free(place->name);
	cleanup_close_fd(&place->dir);
	*place = (struct place)PLACE_NONE;
}

static void close_dir(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

/* Return: 0, -ENOTEMPTY, or another -errno. */
static int check_empty(const char *name)
{
	cleanup_with(close_dir) DIR *d = opendir(name);
	const struct dirent *entry;

	if (!d)
		return -errno;
	while ((entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return -ENOTEMPTY;
	return 0;
}

/* As `mkdir -p`. */
static int make_directories(char *name)
{
	for (char *p = name + 1;; p++) {
		char end = *p;

		if (end && end != '/')
			continue;
		*p = '\0';
		if (mkdir(name, 0777) < 0 && errno != EEXIST)
			return -errno;
		*p = end;
		if (!end)
			return 0;
	}
}

static int make_given(const char *out, struct place *place)
{
	int r;

	if (!*out)
		return -ENOENT;
	place->name = strdup(out);
	if (!place->name)
		return -ENOMEM;
	r = make_directories(place->name);
	return r < 0 ? r : check_empty(place->name);
}

/* When runs begin in the same second: NAME-TIME, NAME-TIME-2, ... */
static int make_own(const char *scenario, struct place *place)
{
	time_t now = time(NULL);
	char when[32] = "";
	struct tm tm;

	if (mkdir(PLACE_ROOT, 0777) < 0 && errno != EEXIST)
		return -errno;
	if (localtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &tm);
	for (int twin = 1; twin < TWINS_MAX; twin++) {
		char suffix[16] = "";

		if (twin > 1)
			(void)snprintf(suffix, sizeof(suffix), "-%d", twin);
		free(take_ptr(place->name));
		if (asprintf(&place->name, PLACE_ROOT "/%s-%s%s", scenario, when, suffix) < 0) {
			place->name = NULL;
			return -ENOMEM;
		}
		if (mkdir(place->name, 0777) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int place_make(const char *out, const char *scenario, struct place *place, struct error *err)
{
	int r = out ? make_given(out, place) : make_own(scenario, place);

	if (r < 0)
		return error_sys(err, -r, "%s", place->name ? place->name : PLACE_ROOT);
	place->dir = open(place->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->dir < 0)
		return error_sys(err, errno, "%s", place->name);
	return 0;
}
