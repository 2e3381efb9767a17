/*
 * Lets Debian's unmodified xenstored and oxenstored serve their socket on a machine without a hypervisor.
 *
 * Preloaded (LD_PRELOAD), it stands in for the few functions of libxenctrl, libxenevtchn and libxengnttab that the
 * daemons call, and for the two files in which the kernel tells them their event channel and shared page. Every
 * domain exists, no event ever comes, every page is empty. Requests over the socket never reach any of this.
 *
 * Environment: XENSTORED_SOCKET, the path at which to listen instead of the built-in one.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE_SIZE 4096

static int handle;
static int next_port = 10;

static void *empty_page(void)
{
	return mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* Never written to, so it never becomes readable. */
static int silent_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = eventfd(0, EFD_NONBLOCK);
	return fd;
}

/* libxenctrl */

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags) { return &handle; }
int xc_interface_close(void *xch) { return 0; }
void *xc_map_foreign_range(void *xch, uint32_t domid, int size, int prot, unsigned long mfn) { return empty_page(); }

/* The first field of xc_dominfo_t is the domain id; its flags follow: neither dying nor shut down. */
int xc_domain_getinfo(void *xch, uint32_t first, unsigned count, uint32_t *info)
{
	info[0] = first;
	info[1] = 0;
	info[2] = 0;
	return 1;
}

int xc_domain_getinfolist(void *xch, uint32_t first, unsigned count, void *info)
{
	errno = ESRCH;
	return -1;
}

/* libxenevtchn */

void *xenevtchn_open(void *logger, unsigned flags) { return &handle; }
void *xenevtchn_fdopen(void *logger, int fd, unsigned flags) { return &handle; }
int xenevtchn_close(void *xce) { return 0; }
int xenevtchn_fd(void *xce) { return silent_fd(); }
int xenevtchn_bind_virq(void *xce, unsigned virq) { return next_port++; }
int xenevtchn_bind_interdomain(void *xce, uint32_t domid, uint32_t port) { return next_port++; }
int xenevtchn_notify(void *xce, uint32_t port) { return 0; }
int xenevtchn_unbind(void *xce, uint32_t port) { return 0; }
int xenevtchn_unmask(void *xce, uint32_t port) { return 0; }

int xenevtchn_pending(void *xce)
{
	errno = EAGAIN;
	return -1;
}

/* libxengnttab */

void *xengnttab_open(void *logger, unsigned flags) { return &handle; }
int xengnttab_close(void *xgt) { return 0; }
int xengnttab_set_max_grants(void *xgt, uint32_t count) { return 0; }
void *xengnttab_map_grant_ref(void *xgt, uint32_t domid, uint32_t ref, int prot) { return empty_page(); }
int xengnttab_unmap(void *xgt, void *start, uint32_t count) { return munmap(start, (size_t)count * PAGE_SIZE); }

/* libc: the kernel's two files, and a limit that only a privileged daemon may raise */

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { return 0; }

/* oxenstored wants the port's number without a newline. */
static int kernel_file(const char *path)
{
	int fd;

	if (strcmp(path, "/proc/xen/xsd_port") == 0) {
		fd = memfd_create("xsd_port", 0);
		if (fd < 0 || write(fd, "1", 1) != 1 || lseek(fd, 0, SEEK_SET) != 0)
			return -1;
		return fd;
	}
	fd = memfd_create("xsd_kva", 0);
	return ftruncate(fd, PAGE_SIZE) == 0 ? fd : -1;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
		va_list arguments; \
		int mode; \
		if (strncmp(path, "/proc/xen/xsd_", 14) == 0) \
			return kernel_file(path); \
		va_start(arguments, flags); \
		mode = va_arg(arguments, int); \
		va_end(arguments); \
		return real(path, flags, mode); \
	}
OPEN(open)
OPEN(open64)

/* libc: the socket's path, which oxenstored has built in */

static const char *moved(const char *path)
{
	static const char built_in[] = "/xenstored/socket";
	const char *wanted = getenv("XENSTORED_SOCKET");
	size_t length = strlen(path);

	if (!wanted || length < sizeof built_in - 1 || strcmp(path + length - (sizeof built_in - 1), built_in) != 0)
		return path;
	return wanted;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
	struct sockaddr_un elsewhere = { .sun_family = AF_UNIX };

	if (address->sa_family != AF_UNIX)
		return real(fd, address, length);
	strncpy(elsewhere.sun_path, moved(((const struct sockaddr_un *)address)->sun_path), sizeof elsewhere.sun_path - 1);
	return real(fd, (struct sockaddr *)&elsewhere, sizeof elsewhere);
}

/* Tells the test on standard error that clients may connect from now on. */
int listen(int fd, int backlog)
{
	int (*real)(int, int) = dlsym(RTLD_NEXT, "listen");
	int result = real(fd, backlog);

	if (result == 0)
		dprintf(STDERR_FILENO, "listening\n");
	return result;
}

#define ON_PATH(name, parameters, arguments) \
	int name parameters \
	{ \
		int (*real) parameters = dlsym(RTLD_NEXT, #name); \
		return real arguments; \
	}
ON_PATH(unlink, (const char *path), (moved(path)))
ON_PATH(chmod, (const char *path, mode_t mode), (moved(path), mode))
