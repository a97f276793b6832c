/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interface for tests of labs: run lab-helper, which lies beside the test, and
 * see what it prints. All that is started here dies with the test.
 */
#ifndef TESTS_LAB_HELPER_H
#define TESTS_LAB_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct outcome - what became of a process
 * @code: exit code, 128+n for signal n
 * @out: stdout and stderr, as they came
 */
struct outcome {
	int code;
	char out[65536];
};

/** need_labs() - skip the test, with its reason, where no lab can be started; an .init. */
void need_labs(void);
/** helper_path() - the path of lab-helper, or of another program beside it. */
const char *helper_path(const char *program);
/** helper_id() - a lab's id that no other test has. */
const char *helper_id(void);

/** helper_run() - run lab-helper with @argv (from argv[1] on, NULL-terminated). */
void helper_run(struct outcome *ret, const char *const *argv);
#define HELPER(ret, ...) helper_run(ret, (const char *const[]){__VA_ARGS__, NULL})

/** command_run() - run any program, found in PATH. */
void command_run(struct outcome *ret, const char *const *argv);
#define COMMAND(ret, ...) command_run(ret, (const char *const[]){__VA_ARGS__, NULL})

/** child_run() - run @body in a child that has one thread; what it returns is the code. */
void child_run(struct outcome *ret, int (*body)(void *arg), void *arg);

/** helper_start() - start lab-helper, its stdout and stderr readable from @ret_out. */
pid_t helper_start(const char *const *argv, int *ret_out);
#define START(ret_out, ...) helper_start((const char *const[]){__VA_ARGS__, NULL}, ret_out)
/** wait_line() - read one line, without its end. Return: false at the end of file. */
bool wait_line(int fd, char *ret_line, size_t size);
/** wait_code() - Return: exit code, 128+n for signal n. */
int wait_code(pid_t pid);

/** expect() - the outcome has that code and contains that text. */
void expect(const struct outcome *outcome, int code, const char *text);
/** test_count() - @n, times BOXLAB_COUNT. */
unsigned test_count(unsigned n);

/** helper_write_file() - a file of that text, whatever was there. */
void helper_write_file(const char *path, const char *text);

#endif
