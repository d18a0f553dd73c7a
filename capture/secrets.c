/* Reads the TLS secrets that hosts' programs left in their files. */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "capture/secrets.h"

static size_t span(const char *p, const char *end, const char *set)
{
	size_t n = 0;

	while (p + n < end && memchr(set, p[n], strlen(set)))
		n++;
	return n;
}

/* "CLIENT_RANDOM 52ab… 9f03…": a label, the connection's random bytes, the secret. */
static bool is_secret(const char *p, const char *end)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	static const char label[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t n = span(p, end, label);

	if (!n || p + n == end || p[n] != ' ')
		return false;
	p += n + 1;
	n = span(p, end, hex);
	if (!n || p + n == end || p[n] != ' ')
		return false;
	p += n + 1;
	n = span(p, end, hex);
	return n && p + n == end;
}

size_t secrets_clean(char *text, size_t len)
{
	const char *p = text, *end = text + len, *eol;
	char *to = text;

	/* A last line without its end is being written. */
	for (; p < end && (eol = memchr(p, '\n', (size_t)(end - p))); p = eol + 1) {
		size_t n = (size_t)(eol - p) + 1;

		if (!is_secret(p, eol))
			continue;
		memmove(to, p, n);
		to += n;
	}
	return (size_t)(to - text);
}

/* What a host did to its file is no error of ours; that we could not open one is. */
static bool is_ours(int r)
{
	return r == -ENOMEM || r == -EMFILE || r == -ENFILE || r == -EIO;
}

/*
 * Root in a host may have put anything there. A link would be followed from the machine's root, a
 * FIFO would be waited for; so it must be a plain file, and found without a link.
 */
static int open_in(pid_t init)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	_cleanup_close_ int root = -1, fd = -1;
	struct stat st;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/root", init);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = (int)syscall(SYS_openat2, root, &SECRETS_FILE[1], &how, sizeof(how));
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? steal_fd(&fd) : -EINVAL;
}

static int read_host(int fd, secrets_fn *fn, void *arg)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size, len = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size > SECRETS_MAX)
		return -EFBIG;
	size = (size_t)st.st_size;
	text = malloc(size + 1);
	if (!text)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	len = secrets_clean(text, len);
	return len ? fn(arg, text, len) : 0;
}

int secrets_read(const struct emu *e, secrets_fn *fn, void *arg)
{
	const struct net *net = emu_net(e);
	int first = 0;

	for (uint32_t i = 0; i < net->n_nodes; i++) {
		pid_t init = node_kinds[net->nodes[i].kind].has_ns ? emu_node_init(e, i) : 0;
		_cleanup_close_ int fd = init > 0 ? open_in(init) : -ENOENT;
		int r = fd >= 0 ? read_host(fd, fn, arg) : is_ours(fd) ? fd : 0;

		first = first ? first : r;
	}
	return first;
}
