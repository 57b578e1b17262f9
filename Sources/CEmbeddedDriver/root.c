// libvirt gives each guest a mount namespace, and fills its /dev by entering it (virProcessRunInMountNamespace). Entering a
// namespace also means its root folder (setns(2)): after a chroot(2) the devices are made somewhere else, and QEMU finds
// none of them.

#define _GNU_SOURCE
#include "CEmbeddedDriver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int embedded_driver_root_is_changed(void) {
  struct stat own;
  if (stat("/", &own) != 0) return 0;
  // A process with threads cannot enter a mount namespace; a child has one thread alone.
  pid_t child = fork();
  if (child < 0) return 0;
  if (child == 0) {
    struct stat found;
    int namespace = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    if (namespace < 0 || setns(namespace, CLONE_NEWNS) != 0 || stat("/", &found) != 0) _exit(0);
    _exit(found.st_dev != own.st_dev || found.st_ino != own.st_ino);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}
