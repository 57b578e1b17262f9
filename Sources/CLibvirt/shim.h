// libvirt: domains, networks, storage (https://libvirt.org/html/index.html).

// libvirt keeps the structs of its objects to itself, and Swift would import pointers to all of them as one type. With a
// body each is a type of its own, so that a network cannot be passed where a domain is meant. Nothing looks into them.
struct _virConnect { char hidden; };
struct _virDomain { char hidden; };
struct _virDomainSnapshot { char hidden; };
struct _virDomainCheckpoint { char hidden; };
struct _virNetwork { char hidden; };
struct _virStoragePool { char hidden; };
struct _virStorageVol { char hidden; };

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
