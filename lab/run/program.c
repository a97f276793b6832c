/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/run/program.h"

#include "base/cleanup.h"
#include "lab/run/visitors.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OUTPUT_MAX (64UL << 20) /* of a program whose output is read as JSON */
#define TAIL_LINES 3
#define ROOM_BYTES 4096

static int open_outputs(struct program *program, const struct program_spec *spec, struct error *err)
{
	struct world *world = program->machine->world;
	int r;

	(void)snprintf(program->out_name, sizeof(program->out_name), "%s.out", spec->file);
	(void)snprintf(program->err_name, sizeof(program->err_name), "%s.err", spec->file);
	r = world_create_file(world, program->err_name, &program->err, err);
	if (r == 0 && !spec->no_out)
		r = world_create_file(world, program->out_name, &program->out, err);
	if (program->out < 0)
		program->out_name[0] = '\0';
	if (program->err < 0)
		program->err_name[0] = '\0';
	return r;
}

/* argv with `boxer exec --` before it. Return: an array to free(), its strings borrowed. */
static char **by_boxer(char *const *argv)
{
	static char boxer[] = "boxer", exec[] = "exec", end_of_options[] = "--";
	static char *const words[] = {boxer, exec, end_of_options};
	size_t n = 0;
	char **all;

	while (argv[n])
		n++;
	all = calloc(ARRAY_SIZE(words) + n + 1, sizeof(*all));
	if (!all)
		return NULL;
	(void)memcpy(all, words, sizeof(words));
	(void)memcpy(all + ARRAY_SIZE(words), argv, n * sizeof(*argv));
	return all;
}

int program_start(struct program *program, struct machine *machine, const struct program_spec *spec,
		  struct error *err)
{
	cleanup_free char **argv = NULL;
	struct sandbox_program order = {.argv = spec->argv, .env = spec->env, .cpu = spec->cpu};
	int r;

	program->machine = machine;
	program->out = program->err = -1;
	program->end.by_boxer = spec->by_boxer;
	r = open_outputs(program, spec, err);
	if (r < 0)
		return r;
	if (spec->by_boxer) {
		argv = by_boxer(spec->argv);
		if (!argv)
			return error_sys(err, ENOMEM, "%s", spec->argv[0]);
		order.argv = argv;
	}
	order.fds[0] = -1;
	order.fds[1] = spec->no_out ? program->err : program->out;
	order.fds[2] = program->err;
	order.fds[3] = spec->fd3;
	order.n_fds = spec->fd3 < 0 ? 3 : 4;
	r = sandbox_spawn(machine->sandbox, &order, &program->handle, err);
	if (r < 0) {
		(void)error_wrap(err, "%s: %s", machine->node->name, spec->argv[0]);
		return r;
	}
	console_say(machine->world->console, "%s: %s started", machine->node->name, spec->argv[0]);
	program->next = machine->programs;
	machine->programs = program;
	return 0;
}

void program_signal(struct program *program, int signal)
{
	if (!program->machine || !program->handle || program->ended)
		return;
	/* It may have ended a moment ago: then its end is about to be heard. */
	(void)sandbox_signal(program->machine->sandbox, program->handle, signal);
}

void program_forget(struct program *program)
{
	struct program **p;

	if (!program->machine)
		return;
	for (p = &program->machine->programs; *p; p = &(*p)->next) {
		if (*p == program) {
			*p = program->next;
			break;
		}
	}
	cleanup_close_fd(&program->out);
	cleanup_close_fd(&program->err);
	*program = (struct program){.out = -1, .err = -1};
}

/* One line without control characters, and only if it says something. */
static bool tidy(char *line)
{
	bool says = false;

	for (char *p = line; *p; p++) {
		says |= isalnum((unsigned char)*p) != 0;
		if (iscntrl((unsigned char)*p))
			*p = ' ';
	}
	return says;
}

static const char *trim(char *line)
{
	char *end = line + strlen(line);

	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*line))
		line++;
	return line;
}

static void tail_of(int fd, char buf[static PROGRAM_TAIL_MAX])
{
	char text[PROGRAM_TAIL_MAX];
	const char *lines[TAIL_LINES];
	size_t n = 0, len = 0;
	struct stat st;
	off_t from;
	ssize_t r;

	buf[0] = '\0';
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	from = st.st_size > (off_t)sizeof(text) - 1 ? st.st_size - (off_t)sizeof(text) + 1 : 0;
	r = pread(fd, text, sizeof(text) - 1, from);
	if (r <= 0)
		return;
	text[r] = '\0';
	/* From the last line backwards, as many as wanted. */
	while (n < TAIL_LINES) {
		char *newline = strrchr(text, '\n');
		char *line = newline ? newline + 1 : text;

		if (tidy(line))
			lines[n++] = trim(line);
		if (!newline)
			break;
		*newline = '\0';
	}
	while (n-- > 0) {
		len += (size_t)snprintf(buf + len, PROGRAM_TAIL_MAX - len, "%s%s", len ? " / " : "",
					lines[n]);
		if (len >= PROGRAM_TAIL_MAX)
			return;
	}
}

const char *program_tail(const struct program *program, char buf[static PROGRAM_TAIL_MAX])
{
	buf[0] = '\0';
	if (!program->machine)
		return buf;
	tail_of(program->err, buf);
	if (!*buf)
		tail_of(program->out, buf);
	return buf;
}

/* The program alone learns that it could not write; whether it could, is tried again. */
static int no_room(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 ||
	    fallocate(fd, FALLOC_FL_KEEP_SIZE, st.st_size, ROOM_BYTES) == 0)
		return 0;
	return errno == ENOSPC || errno == EDQUOT ? errno : 0;
}

int program_lost_output(const struct program *program)
{
	int code;

	if (!program->machine)
		return 0;
	code = no_room(program->out);
	return code ? code : no_room(program->err);
}

int program_output(const struct program *program, char **ret_text, size_t *ret_len,
		   struct error *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0, size;
	struct stat st;

	if (program->out < 0)
		return error_set(err, ENOENT, "its output was not kept");
	if (fstat(program->out, &st) < 0)
		return error_sys(err, errno, "%s", program->out_name);
	if ((uint64_t)st.st_size > OUTPUT_MAX)
		return error_set(err, EFBIG, "%s is larger than %lu MiB", program->out_name,
				 OUTPUT_MAX >> 20);
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return error_sys(err, ENOMEM, "%s", program->out_name);
	while (len < size) {
		ssize_t n = pread(program->out, text + len, size - len, (off_t)len);

		if (n < 0)
			return error_sys(err, errno, "%s", program->out_name);
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	*ret_text = take_ptr(text);
	return 0;
}

static void ended(struct program *program, int exec_error, int status)
{
	char how[EXPECT_STATUS_MAX];

	program->ended = true;
	program->end.exec_error = exec_error;
	program->end.status = status;
	console_say(program->machine->world->console, "%s: program %u %s",
		    program->machine->node->name, program->handle,
		    expect_describe(&program->end, how));
	if (program->on_end)
		program->on_end(program);
}

static struct program *find(const struct machine *machine, uint32_t handle)
{
	struct program *program = machine->programs;

	while (program && (program->handle != handle || program->ended))
		program = program->next;
	return program;
}

/* The sandbox has gone, and with it all that ran there. */
static void all_ended(struct machine *machine, int status)
{
	visitors_leave(machine);
	for (struct program *p = machine->programs; p; p = p->next)
		if (!p->ended)
			ended(p, 0, status);
}

void program_take_events(struct machine *machine)
{
	struct sandbox_event event;
	struct program *program;
	int r;

	while ((r = sandbox_next_event(machine->sandbox, &event)) > 0) {
		if (event.handle == 0) {
			ev_io_stop(machine->world->loop, &machine->io);
			world_trouble(machine->world, "the sandbox of %s has ended",
				      machine->node->name);
			all_ended(machine, event.status);
			return;
		}
		program = find(machine, event.handle);
		if (program)
			ended(program, event.exec_error, event.status);
		else
			visitors_take_event(machine->world, &event);
	}
	if (r < 0) {
		ev_io_stop(machine->world->loop, &machine->io);
		world_trouble(machine->world, "the sandbox of %s does not answer: %s",
			      machine->node->name, strerror(-r));
		all_ended(machine, SIGKILL);
	}
}
