// libgcrypt: message digests that use the processor's own instructions for them.
#include <gcrypt.h>

// The library's start, in the order that its manual asks for ("Initializing the library"). It is here because
// gcry_control takes variable arguments, which Swift cannot pass. Returns 0 when the library is too old.
static inline int startGcrypt(void) {
  // libvirt's libraries may have started it in this process.
  if (gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) return 1;
  if (!gcry_check_version("1.8.0")) return 0;
  // Nothing secret passes through here, so no memory is locked for it.
  gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
  gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
  return 1;
}
