/* A bad disk, or a bad moment, for LD_PRELOAD: the n-th call that changes a file under a directory goes wrong.
 *
 *   BLUEPRINT_CRASH_UNDER  the directory; calls on files elsewhere do not count
 *   BLUEPRINT_CRASH_AT     n, from 1
 *   BLUEPRINT_CRASH_LOG    gets one line when it happens: number, call, path
 *   BLUEPRINT_CRASH_MODE   kill     SIGKILL; half of a write is done, everything else is not
 *                          power    the same, and what was not synced is lost: files with bytes that were not
 *                                   fsynced become empty, new names whose directory was not fsynced are gone
 *                          full     ENOSPC, for this call and all after it that need space
 *
 * Counted: write, pwrite, ftruncate, fsync, fdatasync, rename, link, unlink, mkdir, and open when it creates. The
 * counter is the process' own: give the variables to the one program that is to be hit. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_FILES 512

struct tracked {
  char path[PATH_MAX];
  int dirty;    /* bytes that were not fsynced */
  int new_name; /* made by a rename whose directory was not fsynced */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracked files[MAX_FILES];
static int file_count;
static long calls;

static const char* setting(const char* name) {
  const char* value = getenv(name);
  return value != NULL ? value : "";
}

static int mode_is(const char* mode) { return strcmp(setting("BLUEPRINT_CRASH_MODE"), mode) == 0; }

static int is_under(const char* path) {
  const char* under = setting("BLUEPRINT_CRASH_UNDER");
  const size_t length = strlen(under);
  return length > 0 && strncmp(path, under, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void path_of_fd(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, PATH_MAX - 1);
  path[size > 0 ? size : 0] = '\0';
}

static void path_of_name(int directory, const char* name, char* path) {
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return;
  }
  char base[PATH_MAX];
  if (directory == AT_FDCWD) {
    if (getcwd(base, sizeof(base)) == NULL) base[0] = '\0';
  } else {
    path_of_fd(directory, base);
  }
  if ((size_t)snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) path[0] = '\0';
}

static struct tracked* track(const char* path) {
  for (int i = 0; i < file_count; ++i) {
    if (strcmp(files[i].path, path) == 0) return &files[i];
  }
  if (file_count == MAX_FILES) abort(); /* a test that changes more files needs a larger table */
  snprintf(files[file_count].path, PATH_MAX, "%s", path);
  return &files[file_count++];
}

static void lose_what_was_not_synced(void) {
  for (int i = 0; i < file_count; ++i) {
    struct stat status;
    if (files[i].path[0] == '\0' || lstat(files[i].path, &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (files[i].new_name) {
      syscall(SYS_unlinkat, AT_FDCWD, files[i].path, 0);
    } else if (files[i].dirty) {
      syscall(SYS_truncate, files[i].path, 0);
    }
  }
}

/* Whether this call goes wrong. */
static int is_hit(const char* call, const char* path, int needs_space) {
  if (!is_under(path)) return 0;
  if (mode_is("full") && !needs_space) return 0;
  const long at = atol(setting("BLUEPRINT_CRASH_AT"));
  const long number = ++calls;
  if (number == at) {
    char line[PATH_MAX + 64];
    const int size = snprintf(line, sizeof(line), "%ld %s %s\n", number, call, path);
    const int log =
        (int)syscall(SYS_openat, AT_FDCWD, setting("BLUEPRINT_CRASH_LOG"), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (log >= 0) {
      syscall(SYS_write, log, line, size);
      close(log);
    }
  }
  return mode_is("full") ? number >= at : number == at;
}

/* Ends the process, or sets errno for a full disk. */
static int go_wrong(void) {
  if (mode_is("full")) {
    errno = ENOSPC;
    return -1;
  }
  if (mode_is("power")) lose_what_was_not_synced();
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static ssize_t shim_write(int fd, const void* bytes, size_t size, off_t offset, int positioned) {
  char path[PATH_MAX];
  path_of_fd(fd, path);
  pthread_mutex_lock(&lock);
  const int under = is_under(path);
  if (under) track(path)->dirty = 1;
  const int hit = is_hit(positioned ? "pwrite" : "write", path, 1);
  if (hit && !mode_is("full")) {
    if (positioned) {
      syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
    } else {
      syscall(SYS_write, fd, bytes, size / 2);
    }
  }
  const int failed = hit ? go_wrong() : 0;
  pthread_mutex_unlock(&lock);
  if (failed != 0) return -1;
  return positioned ? syscall(SYS_pwrite64, fd, bytes, size, offset) : syscall(SYS_write, fd, bytes, size);
}

ssize_t write(int fd, const void* bytes, size_t size) { return shim_write(fd, bytes, size, 0, 0); }
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) { return shim_write(fd, bytes, size, offset, 1); }
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return shim_write(fd, bytes, size, offset, 1);
}

static int shim_fd_call(const char* call, int fd, long number, long argument, int needs_space) {
  char path[PATH_MAX];
  path_of_fd(fd, path);
  pthread_mutex_lock(&lock);
  const int failed = is_hit(call, path, needs_space) ? go_wrong() : 0;
  if (failed == 0 && is_under(path)) {
    struct stat status;
    if (needs_space) {
      track(path)->dirty = 1;
    } else if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
      const size_t length = strlen(path);
      for (int i = 0; i < file_count; ++i) {
        const char* name = strrchr(files[i].path, '/');
        if (name != NULL && (size_t)(name - files[i].path) == length && strncmp(files[i].path, path, length) == 0) {
          files[i].new_name = 0;
        }
      }
    } else {
      track(path)->dirty = 0;
    }
  }
  pthread_mutex_unlock(&lock);
  return failed != 0 ? -1 : (int)syscall(number, fd, argument);
}

int fsync(int fd) { return shim_fd_call("fsync", fd, SYS_fsync, 0, 0); }
int fdatasync(int fd) { return shim_fd_call("fdatasync", fd, SYS_fdatasync, 0, 0); }
int ftruncate(int fd, off_t size) { return shim_fd_call("ftruncate", fd, SYS_ftruncate, size, 1); }
int ftruncate64(int fd, off64_t size) { return shim_fd_call("ftruncate", fd, SYS_ftruncate, size, 1); }

static int shim_rename(int from_directory, const char* from, int to_directory, const char* to, unsigned flags) {
  char source[PATH_MAX];
  char target[PATH_MAX];
  path_of_name(from_directory, from, source);
  path_of_name(to_directory, to, target);
  struct stat status;
  pthread_mutex_lock(&lock);
  const int failed = is_hit("rename", target, 1) ? go_wrong() : 0;
  const int existed = lstat(target, &status) == 0;
  const int result = failed != 0 ? -1 : (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
  if (result == 0 && is_under(target)) {
    const int dirty = track(source)->dirty;
    track(source)->path[0] = '\0';
    struct tracked* file = track(target);
    file->dirty = dirty;
    file->new_name = !existed;
  }
  pthread_mutex_unlock(&lock);
  return result;
}

int rename(const char* from, const char* to) { return shim_rename(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char* from, int b, const char* to) { return shim_rename(a, from, b, to, 0); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
  return shim_rename(a, from, b, to, flags);
}

/* Calls on one name that change a directory. */
static int shim_name_call(const char* call, int directory, const char* name, int needs_space) {
  char path[PATH_MAX];
  path_of_name(directory, name, path);
  pthread_mutex_lock(&lock);
  const int failed = is_hit(call, path, needs_space) ? go_wrong() : 0;
  pthread_mutex_unlock(&lock);
  return failed;
}

int unlinkat(int directory, const char* name, int flags) {
  if (shim_name_call("unlink", directory, name, 0) != 0) return -1;
  return (int)syscall(SYS_unlinkat, directory, name, flags);
}
int unlink(const char* name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char* name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int linkat(int a, const char* from, int b, const char* to, int flags) {
  if (shim_name_call("link", b, to, 1) != 0) return -1;
  return (int)syscall(SYS_linkat, a, from, b, to, flags);
}
int link(const char* from, const char* to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int mkdirat(int directory, const char* name, mode_t mode) {
  if (shim_name_call("mkdir", directory, name, 1) != 0) return -1;
  return (int)syscall(SYS_mkdirat, directory, name, mode);
}
int mkdir(const char* name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

static int shim_open(int directory, const char* name, int flags, mode_t mode) {
  if ((flags & O_CREAT) != 0) {
    char path[PATH_MAX];
    struct stat status;
    path_of_name(directory, name, path);
    if (lstat(path, &status) != 0 && shim_name_call("create", directory, name, 1) != 0) return -1;
  }
  return (int)syscall(SYS_openat, directory, name, flags, mode);
}

static mode_t mode_argument(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN_BODY(directory)                           \
  va_list arguments;                                   \
  va_start(arguments, flags);                          \
  const mode_t mode = mode_argument(flags, arguments); \
  va_end(arguments);                                   \
  return shim_open(directory, name, flags, mode)

int open(const char* name, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char* name, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int directory, const char* name, int flags, ...) { OPEN_BODY(directory); }
int openat64(int directory, const char* name, int flags, ...) { OPEN_BODY(directory); }

/* mkostemp and mkdtemp of libc call the kernel themselves; through these they count like the others. */
static int next_name(char* name_template, unsigned attempt) {
  static const char kLetters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  const size_t length = strlen(name_template);
  if (length < 6) return -1;
  unsigned value = (unsigned)getpid() * 2654435761u + attempt * 40503u + (unsigned)calls * 97u;
  for (size_t i = length - 6; i < length; ++i) {
    name_template[i] = kLetters[value % 36];
    value = value / 36 * 31 + i;
  }
  return 0;
}

int mkostemp(char* name_template, int flags) {
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    if (next_name(name_template, attempt) != 0) break;
    const int fd = shim_open(AT_FDCWD, name_template, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  errno = EINVAL;
  return -1;
}

char* mkdtemp(char* name_template) {
  for (unsigned attempt = 0; attempt < 1000; ++attempt) {
    if (next_name(name_template, attempt) != 0) break;
    if (mkdirat(AT_FDCWD, name_template, 0700) == 0) return name_template;
    if (errno != EEXIST) return NULL;
  }
  return NULL;
}
