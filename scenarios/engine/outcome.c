/* Expectations of an activity: ${name} put in, matched line by line, the first unmet one named. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include "scenarios/engine/outcome.h"

#define LINE_MAX_BYTES 65536 /* of one output line; the rest is matched as a line of its own */
#define EVIDENCE_MAX   1000

static const char *find_var(const struct strv *vars, const char *name, size_t n)
{
	for (size_t i = 0; i < vars->n; i++)
		if (!strncmp(vars->s[i], name, n) && vars->s[i][n] == '=')
			return vars->s[i] + n + 1;
	return NULL;
}

static int unknown_var(const char *name, size_t n, const struct strv *vars, char **ret_why)
{
	_cleanup_free_ char *word = strndup(name, n);
	_cleanup_strv_ struct strv names = { 0 };
	const char *near;
	int r = 0;

	for (size_t i = 0; i < vars->n; i++)
		r |= strv_addf(&names, "%.*s", (int)strcspn(vars->s[i], "="), vars->s[i]);
	if (!word || r)
		return -ENOMEM;
	near = err_nearest(word, (const char *const *)names.s, names.n);
	if (near)
		r = asprintf(ret_why, "there is no ${%s}; did you mean ${%s}?", word, near);
	else
		r = asprintf(ret_why, "there is no ${%s}: it is no input and no variable", word);
	return r < 0 ? -ENOMEM : -EINVAL;
}

static void put_quoted(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (strchr(".[\\()*+?{|^$", *s))
			fputc('\\', f);
		fputc(*s, f);
	}
}

static int put_pattern(FILE *f, const char *p, const struct strv *vars, char **ret_why)
{
	while (*p) {
		const char *value;
		size_t n;

		if (p[0] != '$' || p[1] != '{') {
			fputc(*p++, f);
			continue;
		}
		p += 2;
		n = strcspn(p, "}");
		if (!p[n]) {
			*ret_why = strdup("'${' is not closed by '}'");
			return *ret_why ? -EINVAL : -ENOMEM;
		}
		value = find_var(vars, p, n);
		if (!value)
			return unknown_var(p, n, vars, ret_why);
		put_quoted(f, value);
		p += n + 1;
	}
	return 0;
}

int expect_compile(const char *pattern, const struct strv *vars, regex_t *ret, char **ret_why)
{
	_cleanup_free_ char *text = NULL;
	char msg[256];
	size_t len;
	FILE *f;
	int r;

	f = open_memstream(&text, &len);
	if (!f)
		return -ENOMEM;
	r = put_pattern(f, pattern, vars, ret_why);
	if (fclose(f) && r == 0)
		return -ENOMEM;
	if (r)
		return r;
	r = regcomp(ret, text, REG_EXTENDED);
	if (r == 0)
		return 0;
	if (r == REG_ESPACE)
		return -ENOMEM;
	regerror(r, ret, msg, sizeof(msg));
	return asprintf(ret_why, "not a regular expression: %s", msg) < 0 ? -ENOMEM : -EINVAL;
}

int outcome_init(struct outcome *o, const struct sub *sub, const struct strv *vars, char **ret_why)
{
	struct outcome new = { .sub = sub };
	int r = 0;

	new.re = calloc(sub->n_expects, sizeof(*new.re));
	new.compiled = calloc(sub->n_expects, sizeof(*new.compiled));
	new.met = calloc(sub->n_expects, sizeof(*new.met));
	if (!new.re || !new.compiled || !new.met)
		r = -ENOMEM;
	for (size_t i = 0; i < sub->n_expects && r == 0; i++) {
		if (sub->expects[i].where == EXPECT_EXIT)
			continue;
		r = expect_compile(sub->expects[i].pattern, vars, &new.re[i], ret_why);
		new.compiled[i] = r == 0;
	}
	if (r)
		outcome_clear(&new);
	else
		*o = new;
	return r;
}

void outcome_clear(struct outcome *o)
{
	for (size_t i = 0; o->compiled && i < o->sub->n_expects; i++)
		if (o->compiled[i])
			regfree(&o->re[i]);
	free(o->re);
	free(o->compiled);
	free(o->met);
	for (size_t i = 0; i < ARRAY_SIZE(o->evidence); i++)
		free(o->evidence[i]);
	memset(o, 0, sizeof(*o));
}

/* Keeps a line for activities.csv, on one row and printable. */
static char *keep_line(const char *line, size_t len)
{
	char *s = strndup(line, len < EVIDENCE_MAX ? len : EVIDENCE_MAX);

	for (char *p = s; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
	return s;
}

void outcome_line(struct outcome *o, enum expect_where where, const char *line, size_t len)
{
	for (size_t i = 0; i < o->sub->n_expects; i++) {
		regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)len };

		if (o->sub->expects[i].where != where || !o->compiled[i] || o->met[i])
			continue;
		if (regexec(&o->re[i], line, 1, &m, REG_STARTEND))
			continue;
		o->met[i] = true;
		free(o->evidence[where]);
		o->evidence[where] = keep_line(line, len);
	}
}

/* Feeds the whole lines in buf; returns the bytes used. */
static size_t feed_lines(struct outcome *o, enum expect_where where, const char *buf, size_t n,
			 bool all)
{
	size_t done = 0;

	while (done < n) {
		const char *end = memchr(buf + done, '\n', n - done);
		size_t len = end ? (size_t)(end - buf) - done : n - done;
		size_t text = len;

		if (!end && !all)
			break;
		if (text && buf[done + text - 1] == '\r')
			text--;
		outcome_line(o, where, buf + done, text);
		done += len + (end ? 1 : 0);
	}
	return done;
}

int outcome_read(struct outcome *o, enum expect_where where, int fd, off_t *offset, bool final)
{
	_cleanup_free_ char *buf = malloc(LINE_MAX_BYTES + 1);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, buf, LINE_MAX_BYTES, *offset);
		size_t used;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf[n] = '\0'; /* REG_STARTEND is not all that looks at a string's end */
		used = feed_lines(o, where, buf, (size_t)n, n == LINE_MAX_BYTES ?
				  !memchr(buf, '\n', (size_t)n) : false);
		if (used == 0 && !final)
			return 0;
		if (used == 0)
			used = feed_lines(o, where, buf, (size_t)n, true);
		*offset += (off_t)used;
	}
}

void outcome_exit(struct outcome *o, int wstatus)
{
	o->ended = true;
	o->wstatus = wstatus;
	for (size_t i = 0; i < o->sub->n_expects; i++)
		if (o->sub->expects[i].where == EXPECT_EXIT)
			o->met[i] = WIFEXITED(wstatus) &&
				    WEXITSTATUS(wstatus) == o->sub->expects[i].exit_code;
}

static bool needs_server(const struct outcome *o)
{
	for (size_t i = 0; i < o->sub->n_expects; i++)
		if (o->sub->expects[i].where == EXPECT_SERVER && !o->met[i])
			return true;
	return false;
}

bool outcome_waits(const struct outcome *o)
{
	if (!o->ended || o->timed_out)
		return false;
	for (size_t i = 0; i < o->sub->n_expects; i++)
		if (o->sub->expects[i].where != EXPECT_SERVER && !o->met[i])
			return false;
	return needs_server(o);
}

const char *outcome_status(int wstatus, char *buf, size_t size)
{
	if (WIFSIGNALED(wstatus))
		snprintf(buf, size, "signal %d", WTERMSIG(wstatus));
	else
		snprintf(buf, size, "exit %d", WEXITSTATUS(wstatus));
	return buf;
}

char *outcome_text(const struct outcome *o)
{
	char status[32], *s = NULL;
	int r = 0;

	if (o->timed_out)
		return strdup("failed:timeout");
	for (size_t i = 0; i < o->sub->n_expects; i++) {
		const struct expect *e = &o->sub->expects[i];

		if (o->met[i])
			continue;
		if (e->where == EXPECT_EXIT)
			r = asprintf(&s, "failed:%s",
				     outcome_status(o->wstatus, status, sizeof(status)));
		else
			r = asprintf(&s, "failed:no %s line %s",
				     e->where == EXPECT_SERVER ? "server" : "client", e->pattern);
		return r < 0 ? NULL : s;
	}
	return strdup("ok");
}

const char *outcome_evidence(const struct outcome *o)
{
	if (o->evidence[EXPECT_SERVER])
		return o->evidence[EXPECT_SERVER];
	if (o->evidence[EXPECT_CLIENT])
		return o->evidence[EXPECT_CLIENT];
	return "";
}
