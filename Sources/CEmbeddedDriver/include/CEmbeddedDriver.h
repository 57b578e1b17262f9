// What libvirt's QEMU driver supposes of the process that it runs in, and Swift cannot do or find out.
#pragma once

/// While `enabled` is not 0: when the system has no user (or group) of one of the names that libvirt's QEMU driver is
/// built with, looking it up by name gives this process's own user (or group) instead.
///
/// Only getpwnam_r and getgrnam_r are concerned, which this program answers for all libraries in the process. A name
/// that the system knows, and any other name, is looked up as ever.
void embedded_driver_let_accounts_stand_in(int enabled);

/// Whether a process that enters this process's mount namespace sees another root folder than this process does, as is
/// the case after chroot(2). 0 also when it cannot be found out, for want of the right to enter a namespace.
int embedded_driver_root_is_changed(void);
