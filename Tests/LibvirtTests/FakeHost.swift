// libvirt's test driver as a host, and errors as values.

import Foundation
import Libvirt

/// What `body` throws, which must be a libvirt error.
func libvirtError(_ body: () async throws -> Void) async throws -> LibvirtError? {
  do {
    try await body()
    return nil
  } catch let error as LibvirtError {
    return error
  }
}

/// A connection to libvirt's test driver with a host of its own: a running domain "test", and a network and a pool
/// "default". (`test:///default` is one host for the whole process.)
func openFakeHost(readOnly: Bool = false) async throws -> LibvirtConnection {
  let file = NSTemporaryDirectory() + "vireo-fake-host-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).xml"
  defer { try? FileManager.default.removeItem(atPath: file) }
  let host = """
    <node>
      <domain type='test'><name>test</name><memory>8192</memory><os><type>hvm</type></os></domain>
      <network><name>default</name><bridge name='virbr0'/><ip address='10.76.0.1' prefix='24'/></network>
      <pool type='dir'><name>default</name><target><path>/nowhere/default</path></target></pool>
    </node>
    """
  try host.write(toFile: file, atomically: true, encoding: .utf8)
  return try await LibvirtConnection.open(uri: "test://\(file)", readOnly: readOnly)
}
