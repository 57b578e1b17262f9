// Definitions that libvirt checks against its schemas, and a race in how it reads them.

import CLibvirt

/// Calls a libvirt function that checks XML against a schema, and calls it again where libvirt could not read the
/// schema itself.
///
/// libxml2 fills a table of types when it reads the first schema of a process, without a lock. A daemon that is asked for
/// its first two definitions at once may miss a type ("Error type 'unsignedInt' is not exported by type library", seen
/// with libvirt 9.0). Nothing has been defined then, and the table is full a moment later.
func readingSchema<Object>(_ call: () -> UnsafeMutablePointer<Object>?) -> UnsafeMutablePointer<Object>? {
  for _ in 0..<4 {
    if let result = call() { return result }
    guard let message = virGetLastErrorMessage(), Phrase.schemaRace.occurs(in: String(cString: message)) else {
      return nil
    }
  }
  return call()
}
