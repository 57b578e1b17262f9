// libvirt's schemas on this machine.

import Planner
import SystemCalls

extension DefinitionSchemas {
  /// The schemas of the libvirt that is installed here; nil where there are none.
  static var installed: DefinitionSchemas? {
    FileNames.exists("\(installedFolder)/domain.rng") ? DefinitionSchemas() : nil
  }
}
