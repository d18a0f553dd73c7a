/* Takes a packet's comment apart again. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include "capture/comment.h"
#include "core/units.h"

/* The value of a word "key=value", or NULL for another word. */
static char *value_of(char *word, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(word, key, n) && word[n] == '=' ? word + n + 1 : NULL;
}

static bool read_id(const char *text, uint32_t *ret)
{
	const char *why;
	uint64_t id;

	if (units_parse_uint(text, 0, UINT32_MAX, &id, &why))
		return false;
	*ret = (uint32_t)id;
	return true;
}

/* Where the last " owner=" begins: what is before it, a process may have made. */
static char *find_owner(char *text)
{
	char *found = NULL;

	for (char *p = text; (p = strstr(p, " owner=")); p++)
		found = p;
	return found;
}

/* A word that is not known is a later version's. */
static bool read_word(char *word, struct comment_said *c)
{
	char *v = value_of(word, "owner");

	if (v)
		return read_id(v, &c->owner);
	v = value_of(word, "activity");
	if (v)
		return read_id(v, &c->activity);
	v = value_of(word, "confidence");
	if (v)
		c->confidence = v;
	v = value_of(word, "scenario");
	if (v) {
		c->scenario = strsep(&v, "/");
		c->sub = v;
	}
	return true;
}

/* "kernel" or "pid=812 comm=lftp". */
static bool read_who(char *text, struct comment_said *c)
{
	char *pid;

	c->kernel = !strcmp(text, "kernel");
	if (c->kernel)
		return true;
	pid = value_of(strsep(&text, " "), "pid");
	c->comm = text ? value_of(text, "comm") : NULL;
	return pid && c->comm && read_id(pid, &c->pid);
}

bool comment_read(const char *text, size_t len, struct comment_said *ret)
{
	char *rest = ret->text, *host, *owner, *word;

	*ret = (struct comment_said){ .host = NULL };
	if (len > COMMENT_MAX || memchr(text, '\0', len))
		return false;
	memcpy(ret->text, text, len);
	host = value_of(strsep(&rest, " "), "host");
	if (!host || !*host)
		return false;
	if (strcmp(host, "?")) {
		owner = rest ? find_owner(rest) : NULL;
		if (!owner)
			return false;
		*owner = '\0';
		if (!read_who(rest, ret))
			return false;
		ret->host = host;
		rest = owner + 1;
	}
	while ((word = strsep(&rest, " ")))
		if (!read_word(word, ret))
			return false;
	return true;
}
