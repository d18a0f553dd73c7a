/* Packet comments, and completing those whose activity is known only later. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include "capture/comment.h"
#include "core/utf8.h"

/*
 * An unanswered flow waits with this many comments, of a third as many packets where each is in
 * three files; more would only be retries of nobody's.
 */
#define WAITING_MAX 192

struct waiting {
	struct comment_pos pos; /* of the second half */
	size_t len;
};

struct waiting_list {
	size_t n;
	struct waiting at[WAITING_MAX];
};

static size_t put_activity(char *buf, size_t size, const struct activity_label *a,
			   const char *scenario)
{
	int n = 0;

	if (a)
		n = snprintf(buf, size, " scenario=%s/%s activity=%u", a->scenario, a->sub, a->id);
	else if (scenario)
		n = snprintf(buf, size, " scenario=%s", scenario);
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static size_t put_who(char *buf, size_t size, const struct net *net, const struct owner *owner)
{
	char comm[3 * TAG_COMM_LEN + 1]; /* a process names itself as it likes */
	const char *confidence = owner && owner->inferred ? " confidence=inferred" : "";
	int n;

	if (!owner) {
		n = snprintf(buf, size, "host=?");
	} else if (owner->kernel) {
		n = snprintf(buf, size, "host=%s kernel owner=%u%s", net->nodes[owner->node].name,
			     owner->id, confidence);
	} else {
		utf8_clean(comm, sizeof(comm), owner->comm, "");
		n = snprintf(buf, size, "host=%s pid=%u comm=%s owner=%u%s",
			     net->nodes[owner->node].name,
			     __atomic_load_n(&owner->pid, __ATOMIC_RELAXED), comm, owner->id,
			     confidence);
	}
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void comment_make(struct comment *c, const struct net *net, const struct owner *owner,
		  const struct flow *flow, size_t pad)
{
	const struct activity_label *a = flow ? flow->activity : NULL;
	const char *scenario = flow ? flow->scenario : NULL;
	size_t second;

	if (!flow && owner) {
		a = owner->activity;
		scenario = owner->scenario;
	}
	c->who_len = put_who(c->text, sizeof(c->text), net, owner);
	second = put_activity(c->text + c->who_len, sizeof(c->text) - c->who_len, a, scenario);
	c->padded = flow && !a && pad > second && c->who_len + pad < sizeof(c->text);
	if (c->padded) {
		memset(c->text + c->who_len + second, ' ', pad - second);
		second = pad;
	}
	c->len = c->who_len + second;
}

bool comment_may_wait(const struct flow *flow)
{
	const struct waiting_list *l = flow->pending;

	return !flow->activity && (!l || l->n < WAITING_MAX);
}

void comment_wait(struct flow *flow, const struct comment_pos *pos, const struct comment *c)
{
	struct waiting_list *l = flow->pending;

	if (!l)
		l = flow->pending = calloc(1, sizeof(*l));
	if (l && l->n < WAITING_MAX)
		l->at[l->n++] = (struct waiting){ { pos->stream, pos->file, pos->at + c->who_len },
						  c->len - c->who_len };
}

int comment_complete(struct flow *flow, comment_patch_fn *patch, void *arg)
{
	struct waiting_list *l = flow->pending;
	char text[COMMENT_MAX];
	size_t len;
	int r = 0;

	if (!l || !flow->activity)
		return 0;
	len = put_activity(text, sizeof(text), flow->activity, NULL);
	for (size_t i = 0; i < l->n && r == 0; i++) {
		size_t room = l->at[i].len;

		if (len < room)
			memset(text + len, ' ', room - len);
		r = patch(arg, &l->at[i].pos, text, room);
	}
	comment_forget(flow);
	return r;
}

void comment_forget(struct flow *flow)
{
	free(flow->pending);
	flow->pending = NULL;
}
