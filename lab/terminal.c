/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct winsize terminal_size(void)
{
	struct winsize size = {.ws_row = 24, .ws_col = 80};

	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, &size) == 0)
			break;
	return size;
}

int terminal_enter(struct terminal *terminal, int master, struct error *err)
{
	struct termios raw;
	int flags = fcntl(master, F_GETFL);

	*terminal = (struct terminal){.master = master, .input = true};
	if (flags < 0 || fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_sys(err, errno, "terminal");
	if (tcgetattr(STDIN_FILENO, &terminal->saved) < 0)
		return 0; /* a pipe: nothing to change */
	raw = terminal->saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return error_sys(err, errno, "cannot put the terminal into raw mode");
	terminal->raw = true;
	return 0;
}

void terminal_leave(struct terminal *terminal)
{
	if (terminal->raw)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
	terminal->raw = false;
}

void terminal_resize(const struct terminal *terminal)
{
	struct winsize size = terminal_size();

	(void)ioctl(terminal->master, TIOCSWINSZ, &size);
}

void terminal_poll(const struct terminal *terminal, struct pollfd ret_fds[static 2])
{
	ret_fds[0] = (struct pollfd){.fd = terminal->master, .events = POLLIN};
	if (terminal->n_typed)
		ret_fds[0].events |= POLLOUT;
	else if (terminal->input)
		ret_fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
}

void terminal_take_input(struct terminal *terminal)
{
	ssize_t n = read(STDIN_FILENO, terminal->typed, sizeof(terminal->typed));

	if (n > 0) {
		terminal->n_typed = (size_t)n;
	} else if (n == 0) {
		/* What a user types at the end: a terminal has no other way to say it. */
		terminal->typed[0] = 4;
		terminal->n_typed = 1;
		terminal->input = false;
	} else if (errno != EAGAIN && errno != EINTR) {
		terminal->input = false;
	}
}

void terminal_write_typed(struct terminal *terminal)
{
	ssize_t n = write(terminal->master, terminal->typed, terminal->n_typed);

	if (n <= 0)
		return;
	terminal->n_typed -= (size_t)n;
	(void)memmove(terminal->typed, terminal->typed + n, terminal->n_typed);
}

static int print(const char *bytes, size_t n)
{
	while (n) {
		ssize_t r = write(STDOUT_FILENO, bytes, n);

		if (r < 0 && errno == EAGAIN) {
			/* Somebody else made our stdout non-blocking. */
			struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

			(void)poll(&fd, 1, -1);
			continue;
		}
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			bytes += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

int terminal_show(struct terminal *terminal)
{
	char buf[16384];
	ssize_t n;
	int r = 0;

	while (!r) {
		n = read(terminal->master, buf, sizeof(buf));
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return -EIO;
		r = print(buf, (size_t)n);
	}
	return r;
}
