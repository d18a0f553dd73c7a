/* The process table: fork copies a row, exec replaces it, exit removes it. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "capture/sender/process.h"

uint64_t process_hash(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15ull;
	return x ^ (x >> 32);
}

/* Words joined by a space, quoted as a shell would need it. */
static void put_quoted(FILE *f, const char *s, size_t len)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "%+,-./:=@_^~";

	size_t plain = 0;

	while (plain < len && strchr(safe, s[plain])) /* s need not end in NUL */
		plain++;
	if (len && plain == len) {
		fwrite(s, 1, len, f);
		return;
	}
	fputc('\'', f);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\'')
			fputs("'\\''", f);
		else
			fputc(s[i], f);
	}
	fputc('\'', f);
}

char *process_join_argv(char *const *argv)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; argv && argv[i]; i++) {
		if (i)
			fputc(' ', f);
		put_quoted(f, argv[i], strlen(argv[i]));
	}
	fclose(f);
	return text;
}

/* The same from what the kernel has between arg_start and arg_end. */
char *process_join_args(const char *args, size_t len)
{
	char *text = NULL;
	size_t size, at = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	while (at < len) {
		size_t word = strnlen(args + at, len - at);

		if (at)
			fputc(' ', f);
		put_quoted(f, args + at, word);
		at += word + 1;
	}
	fclose(f);
	return text;
}

static struct process *process_slot(struct process *table, size_t size, uint32_t pid)
{
	size_t i = process_hash(pid) & (size - 1);

	while (table[i].pid && table[i].pid != pid)
		i = (i + 1) & (size - 1);
	return &table[i];
}

const struct process *process_find(const struct process_table *t, uint32_t pid)
{
	struct process *p;

	if (!t->size)
		return NULL;
	p = process_slot(t->slots, t->size, pid);
	return p->pid ? p : NULL;
}

static struct process *process_get(struct process_table *t, uint32_t pid)
{
	struct process *p;

	if (2 * (t->n + 1) > t->size) {
		size_t size = t->size ? 2 * t->size : 256;
		struct process *table = calloc(size, sizeof(*table));

		if (!table)
			return NULL;
		for (size_t i = 0; i < t->size; i++)
			if (t->slots[i].pid)
				*process_slot(table, size, t->slots[i].pid) = t->slots[i];
		free(t->slots);
		t->slots = table;
		t->size = size;
	}
	p = process_slot(t->slots, t->size, pid);
	if (!p->pid) {
		p->pid = pid;
		t->n++;
	}
	return p;
}

/* Removes and closes the gap, so that probing still finds what was put behind it. */
void process_del(struct process_table *t, uint32_t pid)
{
	const struct process *p = process_find(t, pid);
	size_t size = t->size, i, j;

	if (!p)
		return;
	free(p->exe);
	free(p->argv);
	i = j = (size_t)(p - t->slots);
	for (;;) {
		size_t home;

		j = (j + 1) & (size - 1);
		if (!t->slots[j].pid)
			break;
		home = process_hash(t->slots[j].pid) & (size - 1);
		if (((j - home) & (size - 1)) >= ((j - i) & (size - 1))) {
			t->slots[i] = t->slots[j];
			i = j;
		}
	}
	memset(&t->slots[i], 0, sizeof(t->slots[i]));
	t->n--;
}

void process_set(struct process_table *t, uint32_t pid, char *exe, char *argv, bool cut)
{
	struct process *p = process_get(t, pid);

	if (!p) {
		free(exe);
		free(argv);
		return;
	}
	free(p->exe);
	free(p->argv);
	p->exe = exe;
	p->argv = argv;
	p->cut = cut;
}

void process_table_clear(struct process_table *t)
{
	for (size_t i = 0; i < t->size; i++) {
		free(t->slots[i].exe);
		free(t->slots[i].argv);
	}
	free(t->slots);
	memset(t, 0, sizeof(*t));
}
