/* Lists what listens in the namespaces of servers that start, by the ticks of a timer. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include "capture/sender/diag.h"
#include "capture/sender/ready.h"
#include "core/cleanup.h"
#include "core/units.h"

#define LOOK_EVERY (5 * NSEC_PER_MSEC) /* a list of an idle host takes about 20 µs */

struct place {
	uint64_t cookie;
	unsigned users;
	struct diag *diag;
};

struct ready {
	int timer_fd;
	struct place *places;
	size_t n;
};

int ready_new(struct ready **ret)
{
	struct ready *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r->timer_fd < 0) {
		int e = -errno;

		free(r);
		return e;
	}
	*ret = r;
	return 0;
}

void ready_free(struct ready *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		diag_close(r->places[i].diag);
	free(r->places);
	close(r->timer_fd);
	free(r);
}

int ready_fd(const struct ready *r)
{
	return r->timer_fd;
}

static int set_timer(struct ready *r)
{
	struct itimerspec t = { 0 };

	if (r->n)
		t.it_value.tv_nsec = t.it_interval.tv_nsec = LOOK_EVERY;
	return timerfd_settime(r->timer_fd, 0, &t, NULL) < 0 ? -errno : 0;
}

static struct place *find(struct ready *r, uint64_t cookie)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->places[i].cookie == cookie)
			return &r->places[i];
	return NULL;
}

int ready_add(struct ready *r, int ns_fd, uint64_t netns_cookie)
{
	struct place *p = find(r, netns_cookie);
	int e;

	if (p) {
		p->users++;
		return 0;
	}
	p = reallocarray(r->places, r->n + 1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	r->places = p;
	p += r->n;
	*p = (struct place){ .cookie = netns_cookie, .users = 1 };
	e = diag_open(ns_fd, &p->diag);
	if (e < 0)
		return e;
	return r->n++ ? 0 : set_timer(r);
}

void ready_del(struct ready *r, uint64_t netns_cookie)
{
	struct place *p = find(r, netns_cookie);

	if (!p || --p->users)
		return;
	diag_close(p->diag);
	*p = r->places[--r->n];
	if (!r->n)
		set_timer(r);
}

struct told {
	uint8_t proto;
	uint16_t *ports;
	size_t n;
	int error;
};

/* What is told may end the looking, so it is told after the list. */
static void on_socket(void *arg, const struct diag_socket *s)
{
	struct told *t = arg;
	uint16_t *ports;

	if (!s->lport)
		return;
	ports = reallocarray(t->ports, t->n + 1, sizeof(*ports));
	if (!ports) {
		t->error = -ENOMEM;
		return;
	}
	t->ports = ports;
	t->ports[t->n++] = s->lport;
}

static int list(struct diag *d, struct told *t)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint32_t state = t->proto == IPPROTO_TCP ? 1u << TCP_LISTEN : 1u << TCP_CLOSE;

	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		int e = diag_dump(d, families[f], t->proto, state, on_socket, t);

		if (e < 0 && e != -ENOENT) /* a kernel without IPv6, or without udp_diag */
			return e;
	}
	return t->error;
}

static int look(struct ready *r, uint64_t cookie, uint8_t proto, tag_ready_fn *fn, void *arg)
{
	struct told t = { .proto = proto };
	struct place *p = find(r, cookie);
	int e = p ? list(p->diag, &t) : 0;

	for (size_t i = 0; i < t.n && e == 0; i++)
		fn(arg, cookie, proto, t.ports[i]);
	free(t.ports);
	return e;
}

int ready_read(struct ready *r, tag_ready_fn *fn, void *arg)
{
	_cleanup_free_ uint64_t *cookies = calloc(r->n + 1, sizeof(*cookies));
	size_t n = r->n;
	uint64_t ticks;
	int e = 0;

	if (!cookies)
		return -ENOMEM;
	if (read(r->timer_fd, &ticks, sizeof(ticks)) < 0)
		return errno == EAGAIN ? 0 : -errno;
	for (size_t i = 0; i < n; i++)
		cookies[i] = r->places[i].cookie;
	for (size_t i = 0; i < n && e == 0; i++) {
		e = look(r, cookies[i], IPPROTO_TCP, fn, arg);
		if (e == 0)
			e = look(r, cookies[i], IPPROTO_UDP, fn, arg);
	}
	return e;
}
