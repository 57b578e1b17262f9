// libvirt's QEMU driver asks for its own user and group (`libvirt-qemu` on Debian) before it reads the configuration
// that may name others, and does not start as root without them; the packages that make them belong to the daemon, which
// an embedded driver does not need (libvirt 9.0 to 12.8, virQEMUDriverConfigNew). There is no setting for it. But a
// program comes before libraries in the search for symbols, so the two lookups are answered here.

#define _GNU_SOURCE
#include "CEmbeddedDriver.h"

#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_int is_enabled;

void embedded_driver_let_accounts_stand_in(int enabled) { atomic_store(&is_enabled, enabled); }

/// The names that builds of libvirt have for QEMU's user and group: Debian's, the ones of others, and the older group.
static int is_qemu(const char *name) {
  return !strcmp(name, "libvirt-qemu") || !strcmp(name, "qemu") || !strcmp(name, "kvm");
}

static int stands_in(const char *name, int status, const void *found) {
  // No such name is not an error to the C library; what some name services answer instead is (getpwnam(3)).
  return atomic_load(&is_enabled) && !found && status != ERANGE && is_qemu(name);
}

int getpwnam_r(const char *name, struct passwd *entry, char *buffer, size_t size, struct passwd **found) {
  static int (*_Atomic next)(const char *, struct passwd *, char *, size_t, struct passwd **);
  if (!next) next = dlsym(RTLD_NEXT, "getpwnam_r");
  int status = next(name, entry, buffer, size, found);
  return stands_in(name, status, *found) ? getpwuid_r(geteuid(), entry, buffer, size, found) : status;
}

int getgrnam_r(const char *name, struct group *entry, char *buffer, size_t size, struct group **found) {
  static int (*_Atomic next)(const char *, struct group *, char *, size_t, struct group **);
  if (!next) next = dlsym(RTLD_NEXT, "getgrnam_r");
  int status = next(name, entry, buffer, size, found);
  return stands_in(name, status, *found) ? getgrgid_r(getegid(), entry, buffer, size, found) : status;
}
