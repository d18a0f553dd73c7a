/* Answers of sock_diag and of the process connector: as kernels give them, and as they must not break us. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libmnl/libmnl.h>
#include "capture/sender/diag.h"
#include "capture/sender/proc_events.h"

#define CGROUP_ID 0x100000002ull

struct seen {
	unsigned n;
	struct diag_socket last;
};

static void see(void *arg, const struct diag_socket *s)
{
	struct seen *seen = arg;

	seen->n++;
	seen->last = *s;
}

/* A socket's message at buf; its length. */
static size_t put_socket(void *buf, uint32_t seq, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_msg *m;

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_seq = seq;
	m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	m->idiag_family = family;
	m->idiag_state = TCP_LISTEN;
	m->id.idiag_sport = htons(80);
	m->id.idiag_dport = htons(1234);
	memset(m->id.idiag_src, 0xaa, 16);
	memset(m->id.idiag_dst, 0xbb, 16);
	m->id.idiag_cookie[0] = 7;
	m->id.idiag_cookie[1] = 1;
	mnl_attr_put_u8(nlh, INET_DIAG_PROTOCOL, IPPROTO_UDP);
	mnl_attr_put_u64(nlh, INET_DIAG_CGROUP_ID, CGROUP_ID);
	return nlh->nlmsg_len;
}

static void a_socket_is_read(void **state)
{
	static const uint8_t zero[12];
	char buf[1024] = { 0 };
	struct seen s = { 0 };
	size_t len = put_socket(buf, 5, AF_INET);

	len += put_socket(buf + len, 5, AF_INET6);
	assert_int_equal(diag_parse(buf, len, 5, see, &s), 1);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.last.family, AF_INET6);
	assert_int_equal(s.last.local[15], 0xaa);
	s.n = 0;
	assert_int_equal(diag_parse(buf, put_socket(memset(buf, 0, sizeof(buf)), 5, AF_INET), 0, see, &s),
			 1);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.last.state, TCP_LISTEN);
	assert_int_equal(s.last.proto, IPPROTO_UDP);
	assert_int_equal(s.last.lport, 80);
	assert_int_equal(s.last.rport, 1234);
	assert_int_equal(s.last.remote[3], 0xbb);
	assert_memory_equal(s.last.remote + 4, zero, sizeof(zero)); /* an IPv4 address has four bytes */
	assert_true(s.last.cookie == 0x100000007ull);
	assert_true(s.last.cgroup == CGROUP_ID);
}

static void another_questions_answer_is_passed_over(void **state)
{
	char buf[1024] = { 0 };
	struct seen s = { 0 };
	size_t len = put_socket(buf, 4, AF_INET);

	assert_int_equal(diag_parse(buf, len, 5, see, &s), 1);
	assert_int_equal(s.n, 0);
}

static size_t put_error(void *buf, int error)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlmsgerr *e;

	nlh->nlmsg_type = NLMSG_ERROR;
	e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));
	e->error = error;
	return nlh->nlmsg_len;
}

static void errors_and_ends_are_told_apart(void **state)
{
	char buf[256] = { 0 };
	struct nlmsghdr *done;
	struct seen s = { 0 };

	assert_int_equal(diag_parse(buf, put_error(buf, -ENOENT), 0, see, &s), -ENOENT);
	assert_int_equal(diag_parse(buf, put_error(memset(buf, 0, sizeof(buf)), 0), 0, see, &s), 0);
	assert_int_equal(diag_parse(buf, put_error(memset(buf, 0, sizeof(buf)), 5), 0, see, &s),
			 -EBADMSG);
	done = mnl_nlmsg_put_header(memset(buf, 0, sizeof(buf)));
	done->nlmsg_type = NLMSG_DONE;
	assert_int_equal(diag_parse(buf, done->nlmsg_len, 0, see, &s), 0);
	assert_int_equal(s.n, 0);
}

/* Whatever the length and whichever byte is another: no read outside of a buffer of that very size. */
static void broken_messages_are_refused(void **state)
{
	char good[256] = { 0 };
	size_t len = put_socket(good, 5, AF_INET);
	struct seen s = { 0 };

	for (size_t cut = 0; cut < len; cut++) {
		char *exact = malloc(cut + 1);

		memcpy(exact, good, cut);
		assert_int_equal(diag_parse(exact, cut, 5, see, &s), -EBADMSG);
		free(exact);
	}
	for (size_t at = 0; at < len; at++)
		for (unsigned v = 0; v < 256; v += 5) {
			char *exact = malloc(len);
			int r;

			memcpy(exact, good, len);
			exact[at] = (char)v;
			r = diag_parse(exact, len, 5, see, &s);
			assert_true(r == 1 || r == 0 || (r < 0 && r >= -4095));
			free(exact);
		}
	good[sizeof(struct nlmsghdr)] = AF_UNIX;
	s.n = 0;
	assert_int_equal(diag_parse(good, len, 5, see, &s), -EBADMSG);
	assert_int_equal(s.n, 0);
}

/* ---- the process connector ---- */

struct happenings {
	unsigned execs, exits;
	uint32_t pid;
};

static void happen(void *arg, enum proc_happening what, uint32_t pid)
{
	struct happenings *h = arg;

	h->execs += what == PROC_EXEC;
	h->exits += what == PROC_EXIT;
	h->pid = pid;
}

static size_t put_event(char *buf, const struct proc_event *ev)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct cn_msg *cn;

	nlh->nlmsg_type = NLMSG_DONE; /* as the connector sends all its messages */
	cn = mnl_nlmsg_put_extra_header(nlh, sizeof(*cn) + sizeof(*ev));
	cn->id.idx = CN_IDX_PROC;
	cn->id.val = CN_VAL_PROC;
	cn->len = sizeof(*ev);
	memcpy(cn->data, ev, sizeof(*ev));
	return nlh->nlmsg_len;
}

static void processes_happen(void **state)
{
	struct proc_event exec = { .what = PROC_EVENT_EXEC }, thread = { .what = PROC_EVENT_EXIT },
			  fork = { .what = PROC_EVENT_FORK };
	struct happenings h = { 0 };
	char buf[512] = { 0 };

	exec.event_data.exec.process_pid = 12;
	exec.event_data.exec.process_tgid = 11;
	proc_events_parse(buf, put_event(buf, &exec), happen, &h);
	assert_int_equal(h.execs, 1);
	assert_int_equal(h.pid, 11);
	thread.event_data.exit.process_pid = 12;
	thread.event_data.exit.process_tgid = 11;
	proc_events_parse(buf, put_event(buf, &thread), happen, &h);
	proc_events_parse(buf, put_event(buf, &fork), happen, &h);
	assert_int_equal(h.exits, 0);
	thread.event_data.exit.process_pid = 11;
	proc_events_parse(buf, put_event(buf, &thread), happen, &h);
	assert_int_equal(h.exits, 1);
}

static void broken_events_are_passed_over(void **state)
{
	struct proc_event exec = { .what = PROC_EVENT_EXEC };
	struct happenings h = { 0 };
	char good[512] = { 0 };
	size_t len = put_event(good, &exec);

	for (size_t cut = 0; cut < len; cut++) {
		char *exact = malloc(cut + 1);

		memcpy(exact, good, cut);
		proc_events_parse(exact, cut, happen, &h);
		free(exact);
	}
	((struct cn_msg *)mnl_nlmsg_get_payload((void *)good))->len = sizeof(exec) - 1;
	proc_events_parse(good, len, happen, &h);
	((struct cn_msg *)mnl_nlmsg_get_payload((void *)good))->id.val++;
	proc_events_parse(good, len, happen, &h);
	assert_int_equal(h.execs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_read),
		cmocka_unit_test(another_questions_answer_is_passed_over),
		cmocka_unit_test(errors_and_ends_are_told_apart),
		cmocka_unit_test(broken_messages_are_refused),
		cmocka_unit_test(processes_happen),
		cmocka_unit_test(broken_events_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
