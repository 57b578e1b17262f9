// libvirt: domains, networks, storage (https://libvirt.org/html/index.html).
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
