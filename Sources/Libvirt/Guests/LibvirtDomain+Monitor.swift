// QEMU's own monitor, for what libvirt does not know of its guest (libvirt/libvirt-qemu.h). The call is in a library of its
// own, which comes with libvirt and is loaded when it is needed.

import CLibvirt
import SystemCalls

private typealias MonitorCall =
  @convention(c) (
    virDomainPtr?, UnsafePointer<CChar>?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, UInt32
  ) -> Int32

extension LibvirtDomain {
  /// Asks QEMU.
  ///
  /// - Parameter command: in JSON (QEMU's QMP reference).
  /// - Returns: the whole answer, which may be a QEMU error.
  /// - Throws: ``LibvirtError``, with code 3 where the library is not there.
  public func askQEMU(_ command: String) async throws -> String {
    let name = "virDomainQemuMonitorCommand"
    guard let call = LoadedLibrary.function(name, as: MonitorCall.self, in: "libvirt-qemu.so.0") else {
      throw LibvirtError(
        operation: "ask QEMU", code: .noSupport, message: "the library libvirt-qemu.so.0 is not installed")
    }
    return try await self.call("ask QEMU about") { domain, operation throws(LibvirtError) in
      var answer: UnsafeMutablePointer<CChar>?
      try check(call(domain, command, &answer, 0), operation())
      return try takeString(answer, operation())
    }
  }
}
