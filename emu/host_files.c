/*
 * What every init of a network is given, made once with the first: its configuration and the program
 * that it is, each as a sealed memfd.
 */
/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include "core/log.h"
#include "emu/emu_internal.h"
#include "emu/init.h"
#include "emu/init_proto.h"
#include "emu/sandbox.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* No answer of names by anything outside: what is not in /etc/hosts does not exist. */
static const char resolv_conf[] = "# The names of this network are in /etc/hosts.\n"
				  "nameserver 127.0.0.1\n"
				  "options timeout:1 attempts:1\n";

static void print_hosts(const struct net *net, FILE *f)
{
	char addr[16];

	fputs("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", f);
	for (size_t n = 0; n < net->n_nodes; n++) {
		const struct node *node = &net->nodes[n];
		bool first = true;

		for (size_t i = 0; i < node->n_ifaces; i++) {
			const struct iface *iface = &net->ifaces[node->ifaces[i]];

			if (!iface->addr)
				continue;
			fprintf(f, "%s\t", net_format_addr(addr, iface->addr));
			/* A router's further addresses have names of their own. */
			if (!first)
				fprintf(f, "%s\n", iface->name);
			else if (node->hostname && strcmp(node->hostname, node->name) != 0)
				fprintf(f, "%s %s\n", node->hostname, node->name);
			else
				fprintf(f, "%s\n", node->name);
			first = false;
		}
	}
}

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && path[n] == '/';
}

/*
 * May this folder be shown writable? Not where the machine or a host keeps its own working, and no
 * folder that holds other people's: it would be all of it that a host's root could write.
 */
static bool is_shareable(const char *path)
{
	static const char *const machine[] = {
		"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc",
		"/run", "/sbin", "/sys", "/usr", "/var",
	};
	static const char *const shelf[] = {
		"/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp",
	};

	if (is_below(path, "/var/tmp"))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(shelf); i++)
		if (!strcmp(path, shelf[i]))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
		if (!strcmp(path, machine[i]) || is_below(path, machine[i]))
			return false;
	return true;
}

static int print_folders(struct emu *e, FILE *f, struct err *err)
{
	_cleanup_free_ char *share = e->share_dir ? realpath(e->share_dir, NULL) : NULL;

	if (e->share_dir && !share)
		return err_sys(err, errno, "cannot share the folder %s with hosts", e->share_dir);
	if (share && !is_shareable(share)) {
		log_warn("%s is not shared with hosts: it is the machine's own; start in a folder "
			 "of yours", share);
		share[0] = '\0';
	}
	fprintf(f, "%s%c", share ? share : "", 0);
	for (size_t i = 0; i < e->n_binds; i++) {
		_cleanup_free_ char *source = realpath(e->binds[i].source, NULL);

		if (!source)
			return err_sys(err, errno, "cannot show %s in hosts", e->binds[i].source);
		if (e->binds[i].path[0] != '/')
			return err_usage(err, "cannot show %s in hosts at '%s': the path must "
					      "begin with /", source, e->binds[i].path);
		fprintf(f, "%s%c%s%c", source, 0, e->binds[i].path, 0);
	}
	return 0;
}

/* Writes the whole configuration. */
static int print_conf(struct emu *e, FILE *f, struct err *err)
{
	_cleanup_free_ struct sock_filter *filter = NULL;
	struct init_conf conf = { .n_binds = (uint32_t)e->n_binds };
	size_t n = 0;
	int r = sandbox_compile(&filter, &n, err);

	if (r < 0)
		return r;
	conf.n_filter = (uint32_t)n;
	fwrite(&conf, sizeof(conf), 1, f);
	fwrite(filter, sizeof(*filter), n, f);
	print_hosts(e->net, f);
	fputc(0, f);
	fwrite(resolv_conf, sizeof(resolv_conf), 1, f);
	return print_folders(e, f, err);
}

static int make_conf(struct emu *e, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	size_t size = 0;
	FILE *f;
	int r;

	if (e->conf_fd > 0)
		return 0;
	f = open_memstream(&text, &size);
	if (!f)
		return err_sys(err, errno, "cannot start hosts");
	r = print_conf(e, f, err);
	if (fclose(f) != 0 && r == 0)
		r = err_sys(err, errno, "cannot start hosts");
	if (r < 0)
		return r;
	fd = memfd_create("detnet-hosts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_sys(err, errno, "cannot start hosts");
	e->conf_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* 0 says that there is none */
	if (e->conf_fd < 0) {
		e->conf_fd = 0;
		return err_sys(err, errno, "cannot start hosts");
	}
	return 0;
}

int host_high_fd(int fd)
{
	int high;

	if (fd < 0 || fd > INIT_SOCKET_FD + 1)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, INIT_SOCKET_FD + 2);
	close(fd);
	return high;
}

/* A sealed copy of this program in memory, or -errno. */
static int copy_exe(void)
{
	const int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
	_cleanup_close_ int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = -1;
	char path[32];
	ssize_t n;
	int ro;

	if (exe < 0)
		return -errno;
	fd = memfd_create(INIT_ARGV0, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 all can be executed */
		fd = memfd_create(INIT_ARGV0, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	while ((n = sendfile(fd, exe, NULL, 1 << 30)) > 0)
		;
	if (n < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
		return -errno;
	/* Anew, for what is open for writing cannot be executed; above run_child()'s places. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = host_high_fd(open(path, O_RDONLY | O_CLOEXEC));
	return ro < 0 ? -errno : ro;
}

/*
 * An init that executed the machine's file would keep a way to it (/proc/1/exe) past the read-only
 * mounts of the host. Where the machine forbids to execute memory (vm.memfd_noexec) it has to.
 */
static int make_exe(struct emu *e, struct err *err)
{
	int fd;

	if (e->exe_fd > 0)
		return 0;
	fd = copy_exe();
	if (fd < 0)
		fd = host_high_fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	if (fd < 0)
		return err_sys(err, errno, "cannot start hosts");
	e->exe_fd = fd;
	return 0;
}

int host_make_files(struct emu *e, struct err *err)
{
	int r = make_conf(e, err);

	return r < 0 ? r : make_exe(e, err);
}

void host_close_files(struct emu *e)
{
	if (e->conf_fd > 0)
		close(e->conf_fd);
	if (e->exe_fd > 0)
		close(e->exe_fd);
	e->conf_fd = e->exe_fd = 0;
}
