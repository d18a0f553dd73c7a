/* Fuzzes the reading of packets' comments, which anybody may have written. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include "capture/comment.h"
#include "tests/fuzz/fuzz.h"

static void need(int truth)
{
	if (!truth)
		abort();
}

/* Each text is of the comment, ended inside it. */
static void look(const struct comment_said *s, const char *text)
{
	need(!text || (text >= s->text && text + strlen(text) < s->text + sizeof(s->text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct comment_said s;

	if (!comment_read((const char *)data, size, &s))
		return 0;
	need(size <= COMMENT_MAX);
	look(&s, s.host);
	look(&s, s.comm);
	look(&s, s.scenario);
	look(&s, s.sub);
	look(&s, s.confidence);
	need(!s.host || s.kernel == !s.comm);
	need(s.host || (!s.comm && !s.kernel));
	return 0;
}
