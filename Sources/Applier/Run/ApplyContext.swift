// What several rooms of one apply need. Whatever only one of them needs is handed to that one.

import BlockingWork
import DiskImage
import Inventory
import Libvirt
import Planner

/// Where and for whom a plan is carried out.
struct ApplyContext: Sendable {
  let connection: LibvirtConnection
  let host: HostIdentity
  /// The stack that is applied.
  let stack: String
  /// For work on files, which blocks.
  let files: BlockingPool
  let stop: StopRequest
  /// How long a step waits for a folder that another process has locked.
  let patience: LockPatience
}

extension ApplyContext {
  /// The mark of a file that is made for an object.
  func origin(of object: ObjectReference) -> String {
    FileOrigin(host: host, stack: stack, object: object.description).text
  }
}
